// With whom full state is exchanged, and when; swim does so only on joining, so that a split would last for ever. Pure.
import type { Core, Random } from '../core.js';
import type { Millis, PeerId } from '../types.js';
import { Roster } from './roster.js';
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
/** Members up to which full state is exchanged as often as `syncIntervalMs` says. */
const SPREAD_ABOVE = 32;
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
  readonly #here = new Roster();
  readonly #faulty = new Roster();
  /** Those faulty or left, since when, the longest first. */
  readonly #gone = new Map<PeerId, Millis>();
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
      if (this.#syncAt !== undefined) due.push(...this.#syncOne(this.#here));
      this.#syncAt = (now + (0.5 + this.#random()) * syncIntervalMs * spread(this.#here.size)) as Millis;
    }
    if (this.#healAt === undefined || now >= this.#healAt) {
      if (this.#healAt !== undefined) due.push(...this.#syncOne(this.#faulty));
      this.#healAt = (now + (0.5 + this.#random()) * healIntervalMs) as Millis;
    }
    return due;
  }

  #syncOne(roster: Roster): HealingEffect[] {
    const peer = roster.draw(this.#random);
    return peer === undefined ? [] : [{ kind: 'sync', peer }];
  }

  #reap(now: Millis): HealingEffect[] {
    const due: HealingEffect[] = [];
    for (const [peer, since] of this.#gone) {
      if (now - since < this.#timing.reapMs) break;
      due.push({ kind: 'reap', peer });
    }
    return due;
  }

  #memberChanged(peer: PeerId, status: Standing | undefined, now: Millis): void {
    if (status === undefined) this.#pending.delete(peer);
    if (status === this.#statusOf(peer)) return;
    this.#here.delete(peer);
    this.#faulty.delete(peer);
    this.#gone.delete(peer);
    if (status === 'here') this.#here.add(peer);
    if (status === 'faulty') this.#faulty.add(peer);
    if (status === 'faulty' || status === 'left') this.#gone.set(peer, now);
  }

  #statusOf(peer: PeerId): Standing | undefined {
    if (this.#here.has(peer)) return 'here';
    if (this.#faulty.has(peer)) return 'faulty';
    return this.#gone.has(peer) ? 'left' : undefined;
  }
}

/**
 * Full state is 27 bytes a member, each way: with a thousand of them it goes six times less often, so that it takes 0.5 KB/s
 * and not 2.7. As memberlist's pushPullScale (util.go).
 */
const spread = (members: number): number => Math.max(1, 1 + Math.ceil(Math.log2(members / SPREAD_ABOVE)));
