// What is to be added to sets and deleted from them, in order, as the bytes that go to the kernel: for hundreds of thousands.
import { MAX_BATCH_KEYS, type KeyBatch } from '../nft-kernel.js';

interface Open {
  readonly op: KeyBatch['op'];
  readonly set: string;
  readonly keyBytes: number;
  keys: Uint8Array;
  length: number;
}

const FIRST_KEYS = 16;

/** In order within a set: between sets there is none to keep, and what is for two of them in turn still goes in large batches. */
export class KeyQueue {
  readonly #batches: Open[] = [];
  /** The last of each set. */
  readonly #last = new Map<string, Open>();

  get isEmpty(): boolean {
    return this.#batches.length === 0;
  }

  /** @param key is copied */
  push(op: KeyBatch['op'], set: string, key: Uint8Array): void {
    const last = this.#last.get(set);
    const fits = last?.op === op && last.length < MAX_BATCH_KEYS * key.length;
    const batch = fits
      ? last
      : { op, set, keyBytes: key.length, keys: new Uint8Array(FIRST_KEYS * key.length), length: 0 };
    if (!fits) {
      this.#batches.push(batch);
      this.#last.set(set, batch);
    }
    if (batch.length === batch.keys.length) {
      const larger = new Uint8Array(batch.length * 2);
      larger.set(batch.keys);
      batch.keys = larger;
    }
    batch.keys.set(key, batch.length);
    batch.length += key.length;
  }

  /** The first ones, of no more than `MAX_BATCH_KEYS` keys in all; none when it is empty. */
  take(): readonly KeyBatch[] {
    let [count, keys] = [0, 0];
    for (const { length, keyBytes } of this.#batches) {
      if (keys + length / keyBytes > MAX_BATCH_KEYS) break;
      keys += length / keyBytes;
      count++;
    }
    const taken = this.#batches.splice(0, count);
    for (const batch of taken) if (this.#last.get(batch.set) === batch) this.#last.delete(batch.set);
    return taken.map(({ op, set, keyBytes, keys, length }) => ({ op, set, keyBytes, keys: keys.subarray(0, length) }));
  }

  clear(): void {
    this.#batches.length = 0;
    this.#last.clear();
  }
}
