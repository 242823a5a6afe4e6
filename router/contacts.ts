// The operator's dial targets and those who wait to hear how a `mesh connect` went.
import type { ConnId, RefusalKind } from './connection/connections.js';
import { Dialer, type Hope, type Target } from './connection/dialer.js';
import type { Random } from './core.js';
import type { RouterEffect } from './router-events.js';
import type { Millis, PeerId } from './types.js';

/** A target whose next outcome somebody waits for. */
interface Waiting {
  readonly requests: readonly number[];
  readonly until: Millis;
}

const HOPES: Readonly<Record<RefusalKind, Hope>> = {
  self: 'never',
  'not-mesh': 'never',
  version: 'late',
  secret: 'late',
  former: 'late',
  forged: 'late',
  clone: 'late',
  evicted: 'late',
  foreign: 'late',
  rotating: 'soon',
  failed: 'soon',
};

const CONNECT_WAIT_MS = 4_000;
const KEPT = 'it is dialled until it answers or is forgotten';

export class Contacts {
  readonly dialer: Dialer;
  readonly #waiting = new Map<string, Waiting>();

  constructor(random: Random) {
    this.dialer = new Dialer(random);
  }

  connect(
    target: Target,
    request: number | undefined,
    isConnected: (peer: PeerId) => boolean,
    now: Millis,
  ): RouterEffect[] {
    this.dialer.addTarget(target, now);
    const persist: RouterEffect = { kind: 'persist', what: 'targets' };
    if (request === undefined) return [persist];
    const { requests, until } = this.#waiting.get(target.text) ?? { requests: [], until: now + CONNECT_WAIT_MS };
    this.#waiting.set(target.text, { requests: [...requests, request], until: until as Millis });
    const known = this.dialer.targets().find((t) => t.text === target.text)?.peer;
    return [persist, ...(known !== undefined && isConnected(known) ? this.#answer(target.text, {}) : [])];
  }

  forget(text: string): RouterEffect[] {
    this.dialer.removeTarget(text);
    return [{ kind: 'persist', what: 'targets' }];
  }

  /** Whatever target leads to the peer. */
  forgetAll(peer: PeerId): RouterEffect[] {
    return this.dialer.targets().flatMap((t) => (t.peer === peer ? this.forget(t.text) : []));
  }

  up(conn: ConnId, peer: PeerId): RouterEffect[] {
    const target = this.dialer.targetOf(conn);
    this.dialer.succeeded(conn, peer);
    return target === undefined ? [] : this.#answer(target, {});
  }

  /** A stream that never became a connection. */
  refused(conn: ConnId, reason: string, why: RefusalKind, now: Millis): RouterEffect[] {
    const target = this.dialer.targetOf(conn);
    this.dialer.failed(conn, reason, HOPES[why], now);
    if (target === undefined) return [];
    const log: RouterEffect = { kind: 'log', event: 'dial-refused', fields: { target, reason } };
    if (HOPES[why] === 'soon') return [log, ...this.#answer(target, { note: `${reason}; ${KEPT}` })];
    return [log, ...this.#refuse(target, reason)];
  }

  dialFailed(conn: ConnId, reason: string, unresolvable: boolean, now: Millis): RouterEffect[] {
    const target = this.dialer.targetOf(conn);
    this.dialer.failed(conn, reason, 'soon', now);
    if (target === undefined) return [];
    return unresolvable ? this.#refuse(target, reason) : this.#answer(target, { note: `${reason}; ${KEPT}` });
  }

  /** Whoever has waited long enough is told so. */
  tick(now: Millis): RouterEffect[] {
    if (this.#waiting.size === 0) return [];
    const due = [...this.#waiting].filter(([, w]) => now >= w.until);
    return due.flatMap(([text]) => this.#answer(text, { note: `it has not answered yet; ${KEPT}` }));
  }

  /** @see Dialer.tick */
  nextDeadline(rests: (peer: PeerId) => boolean): Millis | undefined {
    let at = this.dialer.nextDeadline(rests);
    for (const { until } of this.#waiting.values()) if (at === undefined || until < at) at = until;
    return at;
  }

  /** To a person who waits: refused, and nothing changed. A target of `launch` is kept: a name may resolve later. */
  #refuse(text: string, reason: string): RouterEffect[] {
    if (!this.#waiting.has(text)) return [];
    return [...this.forget(text), ...this.#answer(text, { refused: reason })];
  }

  #answer(text: string, result: { refused?: string; note?: string }): RouterEffect[] {
    const w = this.#waiting.get(text);
    this.#waiting.delete(text);
    return (w?.requests ?? []).map((request) => ({ kind: 'connectResult', request, ...result }));
  }
}
