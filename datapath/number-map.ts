import { randomInt } from 'node:crypto';

const FIRST_CAPACITY = 16;

/** Drawn anew by each process, so that nobody can announce a hundred thousand addresses that all share one place. */
const [LOW_FACTOR, HIGH_FACTOR] = [randomInt(2 ** 31) * 2 + 1, randomInt(2 ** 31) * 2 + 1];

/**
 * A map from integers 0 .. 2^53-1 to numbers, in typed arrays. A `Map` with a string for each of 100,000 MACs took a
 * microsecond for each use, most of it cache misses on the strings and growing, and the collector walked through all of it.
 * Entries lie densely in the order in which they came, but the last one takes the place of one that goes; `#places` holds
 * where: multiply-shift hashing (Dietzfelbinger et al., 1997), linear probing, at most half full.
 */
export class NumberMap {
  #size = 0;
  #keys = new Float64Array(FIRST_CAPACITY);
  #values = new Float64Array(FIRST_CAPACITY);
  /** Index of the entry and one; 0 is free. */
  #places = new Int32Array(FIRST_CAPACITY * 2);
  #shift = 32 - Math.log2(FIRST_CAPACITY * 2);

  get size(): number {
    return this.#size;
  }

  get(key: number): number | undefined {
    const entry = this.#places[this.#find(key)]!;
    return entry === 0 ? undefined : this.#values[entry - 1];
  }

  has(key: number): boolean {
    return this.#places[this.#find(key)] !== 0;
  }

  /** @returns whether the key is new */
  set(key: number, value: number): boolean {
    let place = this.#find(key);
    const entry = this.#places[place]!;
    if (entry !== 0) {
      this.#values[entry - 1] = value;
      return false;
    }
    if (this.#size === this.#keys.length) {
      this.#resize(this.#size * 2);
      place = this.#find(key);
    }
    this.#keys[this.#size] = key;
    this.#values[this.#size] = value;
    this.#places[place] = ++this.#size;
    return true;
  }

  /** @returns whether it was there */
  delete(key: number): boolean {
    const place = this.#find(key);
    const entry = this.#places[place]!;
    if (entry === 0) return false;
    this.#free(place);
    if (entry !== this.#size) {
      const last = this.#keys[this.#size - 1]!;
      this.#places[this.#find(last)] = entry;
      this.#keys[entry - 1] = last;
      this.#values[entry - 1] = this.#values[this.#size - 1]!;
    }
    this.#size--;
    if (this.#size < this.#keys.length / 8 && this.#keys.length > FIRST_CAPACITY) this.#resize(this.#keys.length / 2);
    return true;
  }

  clear(): void {
    this.#size = 0;
    this.#resize(FIRST_CAPACITY);
  }

  /** The newest first. Whatever is set and deleted meanwhile, an entry that stays comes at least once. */
  *entries(): IterableIterator<readonly [key: number, value: number]> {
    for (let i = this.#size - 1; i >= 0; i = Math.min(i, this.#size) - 1) yield [this.#keys[i]!, this.#values[i]!];
  }

  /** The place of the key, or the free one where it belongs. */
  #find(key: number): number {
    const mask = this.#places.length - 1;
    let place = this.#home(key);
    for (;;) {
      const entry = this.#places[place]!;
      if (entry === 0 || this.#keys[entry - 1] === key) return place;
      place = (place + 1) & mask;
    }
  }

  #home(key: number): number {
    return (Math.imul(key >>> 0, LOW_FACTOR) + Math.imul((key / 2 ** 32) >>> 0, HIGH_FACTOR)) >>> this.#shift;
  }

  /** Moves up those behind that would no longer be found (Knuth, TAOCP vol. 3, algorithm 6.4R). */
  #free(place: number): void {
    const mask = this.#places.length - 1;
    let hole = place;
    for (let at = (hole + 1) & mask; this.#places[at] !== 0; at = (at + 1) & mask) {
      const home = this.#home(this.#keys[this.#places[at]! - 1]!);
      if (((at - home) & mask) < ((at - hole) & mask)) continue;
      this.#places[hole] = this.#places[at]!;
      hole = at;
    }
    this.#places[hole] = 0;
  }

  #resize(capacity: number): void {
    const [keys, values] = [this.#keys, this.#values];
    this.#keys = new Float64Array(capacity);
    this.#values = new Float64Array(capacity);
    this.#keys.set(keys.subarray(0, this.#size));
    this.#values.set(values.subarray(0, this.#size));
    this.#places = new Int32Array(capacity * 2);
    this.#shift = 32 - Math.log2(capacity * 2);
    for (let i = 0; i < this.#size; i++) this.#places[this.#find(this.#keys[i]!)] = i + 1;
  }
}
