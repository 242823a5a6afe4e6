// Who was not let in, for `status` and the log: the last few sources, each with how often and why.
import type { RouterEffect } from '../router-events.js';
import type { Ip, Millis } from '../types.js';
import { MAX_REFUSALS_SHOWN, REFUSAL_LOGGED_MS, REFUSALS_SHOWN_MS } from './limits.js';

export interface Stranger {
  readonly ip: Ip;
  readonly reason: string;
  readonly count: number;
  readonly agoMs: number;
}

interface Entry {
  reason: string;
  count: number;
  at: Millis;
  loggedAt: Millis;
}

export class Strangers {
  /** The one that came last is last. */
  readonly #byIp = new Map<Ip, Entry>();

  /** @returns what to log of it: a source once a minute */
  refused(ip: Ip, reason: string, now: Millis): readonly RouterEffect[] {
    const known = this.#byIp.get(ip) ?? { reason, count: 0, at: now, loggedAt: -Infinity as Millis };
    const isNews = now - known.loggedAt >= REFUSAL_LOGGED_MS;
    const entry = { reason, count: known.count + 1, at: now, loggedAt: isNews ? now : known.loggedAt };
    this.#byIp.delete(ip);
    this.#byIp.set(ip, entry);
    if (this.#byIp.size > MAX_REFUSALS_SHOWN) this.#byIp.delete(this.#byIp.keys().next().value!);
    return isNews ? [{ kind: 'log', event: 'stranger-refused', fields: { address: ip, reason } }] : [];
  }

  /** The latest first. */
  shown(now: Millis): readonly Stranger[] {
    return [...this.#byIp]
      .filter(([, { at }]) => now - at < REFUSALS_SHOWN_MS)
      .map(([ip, { reason, count, at }]) => ({ ip, reason, count, agoMs: now - at }))
      .reverse();
  }
}
