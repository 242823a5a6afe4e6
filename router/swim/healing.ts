// With whom full state is exchanged, and when; swim does so only on joining, so that a split would last for ever. Pure.
import type { Core, Random } from '../core.js';
import type { Millis, PeerId } from '../types.js';
import type { SwimTiming } from './timing.js';

/**
 *  - `wanted`: exchange state with this peer until it answers.
 *  - `answered`: it gave its word that it is alive, and we believe it.
 *  - `signOfLife`: something came from a peer that we do not hold for alive.
 *  - `member`: the status of a peer, each time it changes; undefined when it is forgotten.
 */
export type HealingEvent =
  | { readonly kind: 'tick' }
  | { readonly kind: 'wanted' | 'answered' | 'signOfLife'; readonly peer: PeerId }
  | { readonly kind: 'member'; readonly peer: PeerId; readonly status: Standing | undefined };

export type Standing = 'here' | 'faulty' | 'left';

export type HealingEffect = { readonly kind: 'sync' | 'reap'; readonly peer: PeerId };

interface Pending {
  readonly startedAt: Millis;
  readonly sent: number;
}

/** A stranger costs us an entry; this many at a time. */
const MAX_PENDING = 1024;
/** After the last retry signs of life are not acted upon for as long again. */
const REST = 2;

export interface HealingOptions {
  readonly timing: SwimTiming;
  readonly random: Random;
}

export class Healing implements Core<HealingEvent, HealingEffect> {
  readonly #timing: SwimTiming;
  readonly #random: Random;
  readonly #pending = new Map<PeerId, Pending>();
  readonly #standing = new Map<PeerId, { readonly status: Standing; readonly since: Millis }>();
  #syncAt: Millis | undefined;
  #healAt: Millis | undefined;

  constructor(options: HealingOptions) {
    this.#timing = options.timing;
    this.#random = options.random;
  }

  handle(ev: HealingEvent, now: Millis): readonly HealingEffect[] {
    switch (ev.kind) {
      case 'tick':
        return [...this.#retries(now), ...this.#periodic(now), ...this.#reap(now)];
      case 'wanted':
        return this.#begin(ev.peer, now);
      case 'signOfLife':
        return this.#pending.has(ev.peer) ? [] : this.#begin(ev.peer, now);
      case 'answered':
        this.#pending.delete(ev.peer);
        return [];
      case 'member':
        this.#memberChanged(ev.peer, ev.status, now);
        return [];
    }
  }

  nextDeadline(): Millis | undefined {
    let at = Math.min(this.#syncAt ?? 0, this.#healAt ?? 0);
    for (const p of this.#pending.values()) at = Math.min(at, this.#dueAt(p));
    return at as Millis;
  }

  #begin(peer: PeerId, now: Millis): HealingEffect[] {
    if (this.#pending.size >= MAX_PENDING && !this.#pending.has(peer)) return [];
    this.#pending.set(peer, { startedAt: now, sent: 0 });
    return this.#retries(now);
  }

  #dueAt({ startedAt, sent }: Pending): number {
    const { syncRetriesMs } = this.#timing;
    return startedAt + (syncRetriesMs[sent] ?? REST * (syncRetriesMs.at(-1) ?? 0));
  }

  #retries(now: Millis): HealingEffect[] {
    const due: HealingEffect[] = [];
    for (const [peer, p] of this.#pending) {
      if (now < this.#dueAt(p)) continue;
      if (p.sent === this.#timing.syncRetriesMs.length) this.#pending.delete(peer);
      else {
        this.#pending.set(peer, { ...p, sent: p.sent + 1 });
        due.push({ kind: 'sync', peer });
      }
    }
    return due;
  }

  /** One live peer, against news that was lost; one faulty peer, against a split. */
  #periodic(now: Millis): HealingEffect[] {
    const { syncIntervalMs, healIntervalMs } = this.#timing;
    const due: HealingEffect[] = [];
    if (this.#syncAt === undefined || now >= this.#syncAt) {
      if (this.#syncAt !== undefined) due.push(...this.#syncOne('here'));
      this.#syncAt = (now + (0.5 + this.#random()) * syncIntervalMs) as Millis;
    }
    if (this.#healAt === undefined || now >= this.#healAt) {
      if (this.#healAt !== undefined) due.push(...this.#syncOne('faulty'));
      this.#healAt = (now + (0.5 + this.#random()) * healIntervalMs) as Millis;
    }
    return due;
  }

  #syncOne(status: Standing): HealingEffect[] {
    const peers = [...this.#standing].filter(([, s]) => s.status === status).map(([peer]) => peer);
    const peer = peers[Math.floor(this.#random() * peers.length)];
    return peer === undefined ? [] : [{ kind: 'sync', peer }];
  }

  #reap(now: Millis): HealingEffect[] {
    const due: HealingEffect[] = [];
    for (const [peer, { status, since }] of this.#standing)
      if (status !== 'here' && now - since >= this.#timing.reapMs) due.push({ kind: 'reap', peer });
    return due;
  }

  #memberChanged(peer: PeerId, status: Standing | undefined, now: Millis): void {
    if (status === undefined) {
      this.#standing.delete(peer);
      this.#pending.delete(peer);
    } else if (this.#standing.get(peer)?.status !== status) this.#standing.set(peer, { status, since: now });
  }
}
