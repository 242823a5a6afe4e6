// What is due when, for many things at once: the earliest is at hand, and a change costs the logarithm of how many there are.
import type { Millis } from '../types.js';

interface Entry<K> {
  readonly key: K;
  at: Millis;
  /** Of two that are due at once, the one that was put first comes first. */
  readonly order: number;
  index: number;
}

/** A binary heap (Williams 1964) that knows where each key is. Each key has one time. */
export class Deadlines<K> {
  readonly #heap: Entry<K>[] = [];
  readonly #entries = new Map<K, Entry<K>>();
  #order = 0;

  get size(): number {
    return this.#heap.length;
  }

  has(key: K): boolean {
    return this.#entries.has(key);
  }

  /** The earliest time; undefined when nothing waits. */
  get next(): Millis | undefined {
    return this.#heap[0]?.at;
  }

  /** What has the earliest time; undefined when nothing waits. */
  get first(): K | undefined {
    return this.#heap[0]?.key;
  }

  /** Sets the time of `key`, in place of the one that it had. */
  set(key: K, at: Millis): void {
    const old = this.#entries.get(key);
    if (old?.at === at) return;
    if (old !== undefined) {
      const rises = at < old.at;
      old.at = at;
      return rises ? this.#up(old) : this.#down(old);
    }
    const entry = { key, at, order: this.#order++, index: this.#heap.length };
    this.#entries.set(key, entry);
    this.#heap.push(entry);
    this.#up(entry);
  }

  /** @returns was it there? */
  delete(key: K): boolean {
    const entry = this.#entries.get(key);
    if (entry === undefined) return false;
    this.#entries.delete(key);
    const last = this.#heap.pop()!;
    if (last === entry) return true;
    this.#put(last, entry.index);
    this.#up(last);
    this.#down(last);
    return true;
  }

  #up(entry: Entry<K>): void {
    while (entry.index > 0) {
      const above = this.#heap[(entry.index - 1) >> 1]!;
      if (!isBefore(entry, above)) return;
      this.#swap(entry, above);
    }
  }

  #down(entry: Entry<K>): void {
    for (;;) {
      const [left, right] = [this.#heap[2 * entry.index + 1], this.#heap[2 * entry.index + 2]];
      const below = left !== undefined && right !== undefined && isBefore(right, left) ? right : left;
      if (below === undefined || !isBefore(below, entry)) return;
      this.#swap(entry, below);
    }
  }

  #swap(a: Entry<K>, b: Entry<K>): void {
    const index = a.index;
    this.#put(a, b.index);
    this.#put(b, index);
  }

  #put(entry: Entry<K>, index: number): void {
    this.#heap[index] = entry;
    entry.index = index;
  }
}

const isBefore = <K>(a: Entry<K>, b: Entry<K>): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);
