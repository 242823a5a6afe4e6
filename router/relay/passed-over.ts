import type { Millis, PeerId } from '../types.js';
import { MAX_AVOIDED } from '../wire/relay.js';

const PASS_OVER_MS = 30_000;

/** Who failed as a relay towards one peer within the last 30 s: the 8 that failed last. */
export class PassedOver {
  readonly #until = new Map<PeerId, Millis>();

  add(peer: PeerId, now: Millis): void {
    this.#until.delete(peer); // it goes to the end of the line
    this.#until.set(peer, (now + PASS_OVER_MS) as Millis);
    for (const oldest of this.#until.keys()) {
      if (this.#until.size <= MAX_AVOIDED) break;
      this.#until.delete(oldest);
    }
  }

  clear(): void {
    this.#until.clear();
  }

  at(now: Millis): readonly PeerId[] {
    return [...this.#until].flatMap(([peer, until]) => (now < until ? [peer] : []));
  }
}
