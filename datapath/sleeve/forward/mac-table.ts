// Where a frame goes: MAC → T within a network. The table is told, never learnt from traffic.
import type { Mac } from '../../../router/types.js';
import { macNumber } from '../../address-map.js';

/** Reads the MAC at `at` as `macNumber` has it: the destination of a frame, or 6 bytes on its source. */
export const macAt = (v: DataView, at: number): number => v.getUint16(at) * 2 ** 32 + v.getUint32(at + 2);

/** Is it a broadcast or multicast address? */
export const isGroup = (b: Uint8Array, at: number): boolean => (b[at]! & 1) !== 0;

/** The table of one network. */
export class MacTable<T> {
  readonly #owners = new Map<number, T>();
  #lastMac = -1;
  #last: T | undefined;

  set(mac: Mac, owner: T | undefined): void {
    const key = macNumber(mac);
    this.#lastMac = -1;
    if (owner === undefined) this.#owners.delete(key);
    else this.#owners.set(key, owner);
  }

  /** Whom the MAC lives with; undefined when it lives nowhere, or here. */
  find(mac: number): T | undefined {
    if (mac !== this.#lastMac) {
      this.#last = this.#owners.get(mac);
      this.#lastMac = mac;
    }
    return this.#last;
  }

  get size(): number {
    return this.#owners.size;
  }
}
