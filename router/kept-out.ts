// Who refuses us because the mesh changed its secret while we were away: one sentence for `status`, and one for the log.
import type { RouterEffect } from './router-events.js';
import { KEPT_OUT_SHOWN_MS, REFUSAL_LOGGED_MS } from './trust/limits.js';
import type { Millis, SocketAddress } from './types.js';

export class KeptOut {
  #last: { readonly by: SocketAddress; readonly at: Millis } | undefined;
  #loggedAt = -Infinity;

  /** @returns what to log of it: once a minute */
  by(peer: SocketAddress, now: Millis): readonly RouterEffect[] {
    this.#last = { by: peer, at: now };
    if (now - this.#loggedAt < REFUSAL_LOGGED_MS) return [];
    this.#loggedAt = now;
    return [{ kind: 'log', event: 'secret-outdated', fields: { address: peer.ip } }];
  }

  /** We are let in again. */
  over(): void {
    this.#last = undefined;
  }

  /** The last, if it is not long ago. */
  shown(now: Millis): SocketAddress | undefined {
    return this.#last !== undefined && now - this.#last.at < KEPT_OUT_SHOWN_MS ? this.#last.by : undefined;
  }
}
