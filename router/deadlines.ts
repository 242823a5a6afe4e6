// What is due when, for many things at once: the earliest is at hand, and a change costs the logarithm of how many there are.
import type { Millis } from './types.js';

/** What can wait in a `DueHeap`. */
export interface Due {
  /** To be changed by `DueHeap.move` alone while it waits. */
  at: number;
  /** Of two that are due at once, the lower comes first. */
  readonly order: number;
  /** The heap's; of no meaning when another is in that place. */
  place: number;
}

/** A binary heap (Williams 1964) in which each knows its place, so that one that is called off is gone at once. */
export class DueHeap<T extends Due> {
  readonly #heap: T[] = [];

  get size(): number {
    return this.#heap.length;
  }

  get first(): T | undefined {
    return this.#heap[0];
  }

  add(due: T): void {
    this.#heap.push(due);
    this.#rise(due, this.#heap.length - 1);
  }

  /** @param due is in here */
  move(due: T, at: number): void {
    due.at = at;
    this.#settle(due, due.place);
  }

  /** @returns false if it is not in here, or no longer */
  remove(due: T): boolean {
    const { place } = due;
    if (this.#heap[place] !== due) return false;
    const last = this.#heap.pop()!;
    if (last !== due) this.#settle(last, place);
    return true;
  }

  clear(): void {
    this.#heap.length = 0;
  }

  #settle(due: T, place: number): void {
    if (place > 0 && isBefore(due, this.#heap[(place - 1) >> 1]!)) this.#rise(due, place);
    else this.#sink(due, place);
  }

  #rise(due: T, from: number): void {
    let place = from;
    while (place > 0) {
      const above = this.#heap[(place - 1) >> 1]!;
      if (!isBefore(due, above)) break;
      this.#put(above, place);
      place = (place - 1) >> 1;
    }
    this.#put(due, place);
  }

  #sink(due: T, from: number): void {
    let place = from;
    for (;;) {
      const [left, right] = [this.#heap[place * 2 + 1], this.#heap[place * 2 + 2]];
      const below = right !== undefined && isBefore(right, left!) ? right : left;
      if (below === undefined || !isBefore(below, due)) break;
      const next = below.place;
      this.#put(below, place);
      place = next;
    }
    this.#put(due, place);
  }

  #put(due: T, place: number): void {
    this.#heap[place] = due;
    due.place = place;
  }
}

const isBefore = (a: Due, b: Due): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);

interface Entry<K> extends Due {
  readonly key: K;
  at: Millis;
}

/** The same by keys, of which each has one time. Of two that are due at once, the one that was put first comes first. */
export class Deadlines<K> {
  readonly #heap = new DueHeap<Entry<K>>();
  readonly #entries = new Map<K, Entry<K>>();
  #order = 0;

  get size(): number {
    return this.#heap.size;
  }

  has(key: K): boolean {
    return this.#entries.has(key);
  }

  /** The earliest time; undefined when nothing waits. */
  get next(): Millis | undefined {
    return this.#heap.first?.at;
  }

  /** What has the earliest time; undefined when nothing waits. */
  get first(): K | undefined {
    return this.#heap.first?.key;
  }

  /** Sets the time of `key`, in place of the one that it had. */
  set(key: K, at: Millis): void {
    const old = this.#entries.get(key);
    if (old !== undefined) return this.#heap.move(old, at);
    const entry = { key, at, order: this.#order++, place: -1 };
    this.#entries.set(key, entry);
    this.#heap.add(entry);
  }

  /** @returns was it there? */
  delete(key: K): boolean {
    const entry = this.#entries.get(key);
    return entry !== undefined && this.#entries.delete(key) && this.#heap.remove(entry);
  }
}
