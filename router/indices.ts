import type { Entropy } from './core.js';
import { Reader } from './wire/bytes.js';

/** Numbers by which this router knows something in what it receives: random, so that nobody guesses one, and no two alike while both are in use. */
export class Indices {
  readonly #entropy: Entropy;
  readonly #inUse = new Set<number>();

  constructor(entropy: Entropy) {
    this.#entropy = entropy;
  }

  get count(): number {
    return this.#inUse.size;
  }

  /** @returns 1 .. 2^32-1 */
  draw(): number {
    for (;;) {
      const index = new Reader(this.#entropy(4)).u32();
      if (index === 0 || this.#inUse.has(index)) continue;
      this.#inUse.add(index);
      return index;
    }
  }

  release(index: number | undefined): void {
    if (index !== undefined) this.#inUse.delete(index);
  }
}
