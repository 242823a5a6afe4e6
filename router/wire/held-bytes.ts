// What has come of something unfinished, between one chunk of a byte stream and the next.

/** Holds at most twice what came of one unfinished thing. */
export class HeldBytes {
  #held = new Uint8Array(0);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** @returns what was held and the chunk behind it; a view, good until the next call */
  with(chunk: Uint8Array): Uint8Array {
    return this.#length === 0 ? chunk : this.#append(chunk);
  }

  /** @param all what `with` returned. @param used so much of it is done with */
  keep(all: Uint8Array, used: number): void {
    const isHeld = all.buffer === this.#held.buffer && used === 0 && this.#length > 0;
    if (isHeld) return;
    this.#held = all.slice(used); // a view of one byte would keep the socket's whole buffer alive
    this.#length = this.#held.length;
  }

  clear(): void {
    this.#held = new Uint8Array(0);
    this.#length = 0;
  }

  #append(chunk: Uint8Array): Uint8Array {
    const need = this.#length + chunk.length;
    if (need > this.#held.length) {
      const grown = new Uint8Array(Math.max(need, 2 * this.#length));
      grown.set(this.#held.subarray(0, this.#length));
      this.#held = grown;
    }
    this.#held.set(chunk, this.#length);
    this.#length = need;
    return this.#held.subarray(0, need);
  }
}
