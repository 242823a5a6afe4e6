// Who is said to exist: a peer becomes a member when it has answered a ping of ours, or when the router asks for it.
// So anybody's word about peers that are not there costs us a bounded table, and costs others nothing. Pure.
import type { Core, Random } from '../core.js';
import type { Millis, PeerId } from '../types.js';
import type { SwimClaim } from '../wire/swim.js';

/**
 * All are about peers that are not members.
 *  - `said`: somebody's claim, perhaps its own.
 *  - `heard`: a datagram came in its name.
 *  - `vouched`: the router wants it; its next claim is believed.
 *  - `ack`: as received.
 *  - `forgotten`: by order of the router.
 */
export type RumourEvent =
  | { readonly kind: 'tick' }
  | { readonly kind: 'said'; readonly claim: SwimClaim }
  | { readonly kind: 'heard' | 'vouched' | 'forgotten'; readonly peer: PeerId }
  | { readonly kind: 'ack'; readonly from: PeerId; readonly seq: number };

/**
 *  - `ping`: send; whoever sends the `seq` back has received it.
 *  - `admit`: merge the claim; its peer is a member.
 *  - `ask`: the peer is there, its claim is not known: exchange state with it.
 *  - `crowdedOut`: a rumour made room for another before it could be proven.
 */
export type RumourEffect =
  | { readonly kind: 'ping'; readonly to: PeerId; readonly seq: number }
  | { readonly kind: 'admit'; readonly claim: SwimClaim }
  | { readonly kind: 'ask'; readonly peer: PeerId }
  | { readonly kind: 'crowdedOut' };

interface Rumour {
  readonly claim: SwimClaim | undefined;
  /** Drawn at random: who does not receive our pings cannot answer them. */
  readonly seq: number;
  readonly since: Millis;
  readonly pings: number;
}

/** As many peers as one can meet at once; about 300 KB. The oldest makes room. */
export const MAX_RUMOURS = 1024;
const MAX_VOUCHED = 1024;
/** So that nobody makes us ping more than 640 peers in a second, whatever they claim. */
const PINGS_PER_SLICE = 64;
const SLICE_MS = 100;

export interface RumoursOptions {
  /** When a rumour is pinged, counted from its begin, ms; after the last it has as long again to answer. */
  readonly retriesMs: readonly number[];
  readonly random: Random;
}

export class Rumours implements Core<RumourEvent, RumourEffect> {
  readonly #retriesMs: readonly number[];
  readonly #random: Random;
  readonly #rumours = new Map<PeerId, Rumour>();
  readonly #vouched = new Set<PeerId>();
  #wakeAt: Millis | undefined;
  #slice = { until: 0, pings: 0 };

  constructor(options: RumoursOptions) {
    this.#retriesMs = options.retriesMs;
    this.#random = options.random;
  }

  handle(ev: RumourEvent, now: Millis): readonly RumourEffect[] {
    switch (ev.kind) {
      case 'tick':
        return this.#pings(now);
      case 'said':
        return this.#said(ev.claim, now);
      case 'heard':
        return this.#rumours.has(ev.peer) || this.#vouched.has(ev.peer) ? [] : this.#begin(ev.peer, undefined, now);
      case 'vouched':
        return this.#vouch(ev.peer);
      case 'ack':
        return this.#acked(ev.from, ev.seq);
      case 'forgotten':
        this.#drop(ev.peer);
        return [];
    }
  }

  nextDeadline(): Millis | undefined {
    return this.#wakeAt;
  }

  /** Is this the answer to a ping of ours, rather than of the failure detector? */
  expects(from: PeerId, seq: number): boolean {
    return this.#rumours.get(from)?.seq === seq;
  }

  #said(claim: SwimClaim, now: Millis): RumourEffect[] {
    if (claim.status === 'faulty' || claim.status === 'left') return []; // who is gone need not be met
    if (this.#vouched.has(claim.peer)) return this.#admit(claim);
    const before = this.#rumours.get(claim.peer);
    if (before === undefined) return this.#begin(claim.peer, claim, now);
    if (supersedes(claim, before.claim)) this.#rumours.set(claim.peer, { ...before, claim });
    return [];
  }

  #begin(peer: PeerId, claim: SwimClaim | undefined, now: Millis): RumourEffect[] {
    const crowded = this.#rumours.size >= MAX_RUMOURS;
    if (crowded) this.#dropOldest(this.#rumours);
    const seq = Math.floor(this.#random() * 2 ** 32);
    this.#rumours.set(peer, { claim, seq, since: now, pings: 0 });
    this.#wakeAt = now;
    return crowded ? [{ kind: 'crowdedOut' }] : [];
  }

  #vouch(peer: PeerId): RumourEffect[] {
    const claim = this.#rumours.get(peer)?.claim;
    if (claim !== undefined) return this.#admit(claim);
    this.#rumours.delete(peer);
    if (this.#vouched.size >= MAX_VOUCHED && !this.#vouched.has(peer)) this.#dropOldest(this.#vouched);
    this.#vouched.add(peer);
    return [];
  }

  #acked(from: PeerId, seq: number): RumourEffect[] {
    if (!this.expects(from, seq)) return [];
    const effects = this.#vouch(from);
    return effects.length > 0 ? effects : [{ kind: 'ask', peer: from }];
  }

  #admit(claim: SwimClaim): RumourEffect[] {
    this.#drop(claim.peer);
    return [{ kind: 'admit', claim }];
  }

  #pings(now: Millis): RumourEffect[] {
    if (this.#wakeAt === undefined || now < this.#wakeAt) return [];
    if (now >= this.#slice.until) this.#slice = { until: now + SLICE_MS, pings: PINGS_PER_SLICE };
    const pings: RumourEffect[] = [];
    let wakeAt = Infinity;
    for (const [peer, r] of this.#rumours) {
      let dueAt = this.#dueAt(r);
      if (now >= dueAt && r.pings === this.#retriesMs.length) {
        this.#rumours.delete(peer);
        continue;
      }
      if (now >= dueAt && this.#slice.pings > 0) {
        this.#slice.pings--;
        const pinged = { ...r, pings: r.pings + 1 };
        this.#rumours.set(peer, pinged);
        pings.push({ kind: 'ping', to: peer, seq: r.seq });
        dueAt = this.#dueAt(pinged);
      }
      wakeAt = Math.min(wakeAt, dueAt > now ? dueAt : this.#slice.until);
    }
    this.#wakeAt = wakeAt === Infinity ? undefined : (wakeAt as Millis);
    return pings;
  }

  #dueAt({ since, pings }: Rumour): number {
    return since + (this.#retriesMs[pings] ?? 2 * (this.#retriesMs.at(-1) ?? 0));
  }

  #drop(peer: PeerId): void {
    this.#rumours.delete(peer);
    this.#vouched.delete(peer);
  }

  #dropOldest(table: { keys(): Iterator<PeerId>; delete(peer: PeerId): boolean }): void {
    const oldest = table.keys().next();
    if (oldest.done !== true) table.delete(oldest.value);
  }
}

/** SWIM §4.2: the higher incarnation wins; on a tie, the suspicion. */
const supersedes = (a: SwimClaim, b: SwimClaim | undefined): boolean =>
  b === undefined ||
  a.incarnation > b.incarnation ||
  (a.incarnation === b.incarnation && a.status === 'suspect' && b.status === 'alive');
