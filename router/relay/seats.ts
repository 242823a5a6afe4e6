import type { PeerId } from '../types.js';

/** How many ways of others a router holds: so many in all, and so many that one neighbour asked for. */
export class Seats {
  readonly #inAll: number;
  readonly #each: number;
  readonly #taken = new Map<PeerId, number>();
  #count = 0;

  constructor(inAll: number, each: number) {
    this.#inAll = inAll;
    this.#each = each;
  }

  get count(): number {
    return this.#count;
  }

  /** @returns false when there is none left: nothing was taken */
  take(neighbour: PeerId): boolean {
    const taken = this.#taken.get(neighbour) ?? 0;
    if (taken >= this.#each || this.#count >= this.#inAll) return false;
    this.#taken.set(neighbour, taken + 1);
    this.#count++;
    return true;
  }

  /** One that was taken. */
  release(neighbour: PeerId): void {
    const taken = this.#taken.get(neighbour)!;
    if (taken === 1) this.#taken.delete(neighbour);
    else this.#taken.set(neighbour, taken - 1);
    this.#count--;
  }
}
