import type { RecordChange } from './gossip/chain.js';

/** Changes that were heard and not yet learnt, in the order in which they came. Each is made when its turn comes. */
export class Backlog {
  #queue: Iterator<RecordChange>[] = [];
  /** The next one: asked for ahead, to know whether there is one. */
  #next: RecordChange | undefined;

  get isEmpty(): boolean {
    return this.#next === undefined;
  }

  push(changes: Iterable<RecordChange>): void {
    this.#queue.push(changes[Symbol.iterator]());
    this.#next ??= this.#pull();
  }

  /** Safe to be called again before what was taken is dealt with. */
  next(): RecordChange | undefined {
    const change = this.#next;
    if (change !== undefined) this.#next = this.#pull();
    return change;
  }

  #pull(): RecordChange | undefined {
    for (let first = this.#queue[0]; first !== undefined; first = this.#queue[0]) {
      const { done, value } = first.next() as IteratorResult<RecordChange, undefined>;
      if (done !== true) return value;
      this.#queue.shift();
    }
    return undefined;
  }
}
