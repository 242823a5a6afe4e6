// Which launches of a peer are over: one that comes back after another took its place is of a second machine with the same key.
import type { PeerId } from '../types.js';
import { MAX_FORMER_LAUNCHES, MAX_LAUNCHES_OF } from './limits.js';

const textOf = (launch: Uint8Array): string => Buffer.from(launch).toString('hex');

export class Launches {
  /** The last one is in force. The peer that was not heard of the longest is first. */
  readonly #of = new Map<PeerId, readonly string[]>();

  /** Did another launch of the peer take its place? */
  hasGivenWay(peer: PeerId, launch: Uint8Array): boolean {
    return (this.#of.get(peer) ?? []).slice(0, -1).includes(textOf(launch));
  }

  established(peer: PeerId, launch: Uint8Array): void {
    const known = this.#of.get(peer) ?? [];
    this.#of.delete(peer);
    this.#of.set(
      peer,
      known.at(-1) === textOf(launch) ? known : [...known, textOf(launch)].slice(-MAX_FORMER_LAUNCHES),
    );
    if (this.#of.size > MAX_LAUNCHES_OF) this.#of.delete(this.#of.keys().next().value!);
  }
}
