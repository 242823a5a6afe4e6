import type { RecordChange } from './gossip/chain.js';

/** Changes that were heard and not yet learnt, in the order in which they came. */
export class Backlog {
  #queue: (readonly RecordChange[])[] = [];
  /** Of the first list, how many were taken. */
  #taken = 0;

  get isEmpty(): boolean {
    return this.#queue.length === 0;
  }

  /** Keeps `changes`, which must not change afterwards. */
  push(changes: readonly RecordChange[]): void {
    if (changes.length > 0) this.#queue.push(changes);
  }

  /** Safe to be called again before what was taken is dealt with. */
  next(): RecordChange | undefined {
    const first = this.#queue[0];
    if (first === undefined) return undefined;
    const change = first[this.#taken++];
    if (this.#taken === first.length) {
      this.#queue.shift();
      this.#taken = 0;
    }
    return change;
  }
}
