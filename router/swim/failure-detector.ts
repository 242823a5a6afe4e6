// Who does not answer: the probes of SWIM (Das et al., DSN 2002, §3.1 and §4.3) with Lifeguard's suspicion. Pure.
import type { Core, Random } from '../core.js';
import type { Millis, PeerId } from '../types.js';
import type { SwimClaim } from '../wire/swim.js';
import { lowered, raised, stretched } from './local-health.js';
import { Roster } from './roster.js';
import { confirmationsWanted, faultyAt, type Suspicion } from './suspicion.js';
import type { SwimTiming } from './timing.js';
import { Turns } from './turns.js';

/**
 *  - `member`: the claim in force about a peer, each time it changes; undefined when it is forgotten.
 *  - `heard`: somebody's claim, before it is merged.
 *  - `ping`, `pingReq`, `ack`: as received.
 *  - `refuted`: somebody suspected us, and we had to raise our incarnation.
 */
export type DetectorEvent =
  | { readonly kind: 'tick' | 'refuted' }
  | { readonly kind: 'member'; readonly peer: PeerId; readonly claim: SwimClaim | undefined }
  | { readonly kind: 'heard'; readonly claim: SwimClaim }
  | { readonly kind: 'ping'; readonly from: PeerId; readonly seq: number }
  | { readonly kind: 'pingReq'; readonly from: PeerId; readonly seq: number; readonly target: PeerId }
  | { readonly kind: 'ack'; readonly from: PeerId; readonly seq: number };

/**
 *  - `ping`, `pingReq`, `ack`: send; a `ping` with `tell` carries what is said about its target, to be refuted, or what we are
 *    about to believe of another, to be corrected.
 *  - `claim`: our own verdict, to be merged.
 *  - `spread`: pass on a claim that changes nothing here but is news for others.
 */
export type DetectorEffect =
  | { readonly kind: 'ping'; readonly to: PeerId; readonly seq: number; readonly tell: SwimClaim | undefined }
  | { readonly kind: 'pingReq'; readonly to: PeerId; readonly seq: number; readonly target: PeerId }
  | { readonly kind: 'ack'; readonly to: PeerId; readonly seq: number }
  | { readonly kind: 'claim'; readonly claim: SwimClaim }
  | { readonly kind: 'spread'; readonly claim: SwimClaim };

interface Suspect extends Suspicion {
  readonly accuser: PeerId;
  /** When we look for ourselves, and tell it; undefined when that is left to others. */
  readonly lookAt: Millis | undefined;
  /** When others were asked if they know better; undefined before that. */
  readonly askedAt: Millis | undefined;
}

interface Probed {
  readonly incarnation: number;
  /** Somebody says faulty of one who is alive to us, at this incarnation. */
  readonly condemned: number | undefined;
}

interface Probe {
  readonly target: PeerId;
  readonly startedAt: Millis;
  /** When others are asked to help; undefined once they are. */
  readonly askAt: Millis | undefined;
  readonly failedAt: Millis;
  /** We probe for another, who gave it this number; its failure is not ours to judge. */
  readonly asked: { readonly by: PeerId; readonly seq: number } | undefined;
}

const MAX_PROBES = 1024;
/** About as many peers look for themselves when they hear of a suspicion, until it is settled; the others in their turn. */
const WITNESSES = 10;
/** So many are asked before a burial: at 5 % loss one question in ten is in vain, and with it all five in 100,000. */
const ASKED = 5;

export interface DetectorOptions {
  readonly self: PeerId;
  readonly timing: SwimTiming;
  readonly random: Random;
  /** When a peer last spoke to us in another way than this one; undefined if it never did. */
  readonly heardAt?: (peer: PeerId) => Millis | undefined;
}

export class FailureDetector implements Core<DetectorEvent, DetectorEffect> {
  readonly #self: PeerId;
  readonly #timing: SwimTiming;
  readonly #random: Random;
  readonly #heardAt: (peer: PeerId) => Millis | undefined;
  readonly #members = new Map<PeerId, Probed>();
  /** The same peers, to draw from. */
  readonly #roster = new Roster();
  /** Those of them that are suspected, with the suspicion: few, and looked at on every tick. */
  readonly #suspects = new Map<PeerId, Suspect>();
  readonly #probes = new Map<number, Probe>();
  readonly #turns: Turns;
  #nextTurnAt: Millis | undefined;
  #seq = 0;
  #doubt = 0;
  /** When we were last seen to be on time. */
  #onTimeAt = -Infinity as Millis;

  constructor(options: DetectorOptions) {
    this.#self = options.self;
    this.#timing = options.timing;
    this.#random = options.random;
    this.#turns = new Turns(options.self, this.#roster, options.random);
    this.#heardAt = options.heardAt ?? (() => undefined);
  }

  handle(ev: DetectorEvent, now: Millis): readonly DetectorEffect[] {
    switch (ev.kind) {
      case 'tick':
        return this.#tick(now);
      case 'member':
        return this.#memberChanged(ev.peer, ev.claim, now);
      case 'heard':
        return this.#heard(ev.claim, now);
      case 'ping':
        this.#answered(ev.from);
        return [{ kind: 'ack', to: ev.from, seq: ev.seq }];
      case 'pingReq':
        return this.#probe(ev.target, now, { by: ev.from, seq: ev.seq });
      case 'ack':
        this.#answered(ev.from);
        return this.#acked(ev.from, ev.seq, now);
      case 'refuted':
        this.#doubt = raised(this.#doubt);
        return [];
    }
  }

  nextDeadline(): Millis | undefined {
    let at: number = this.#nextTurnAt ?? Infinity;
    for (const probe of this.#probes.values()) at = Math.min(at, probe.askAt ?? probe.failedAt);
    for (const suspect of this.#suspects.values())
      at = Math.min(at, this.#askAt(suspect), this.#buryAt(suspect), suspect.lookAt ?? Infinity);
    return at === Infinity ? undefined : (at as Millis);
  }

  #tick(now: Millis): DetectorEffect[] {
    const lateMs = now - Math.max(this.nextDeadline() ?? now, this.#onTimeAt);
    if (lateMs > this.#timing.stallMs) {
      this.#doubt = raised(this.#doubt);
      this.#postpone(lateMs, now);
    }
    return [...this.#probesDue(now), ...this.#suspectsDue(now), ...this.#turn(now)];
  }

  /** The process stood still, and with it what we should have received: as if time had, too, for what had begun by then. */
  #postpone(ms: number, now: Millis): void {
    for (const [seq, p] of this.#probes) {
      const later = (at: Millis): Millis => (at + Math.min(ms, now - p.startedAt)) as Millis;
      this.#probes.set(seq, { ...p, askAt: p.askAt && later(p.askAt), failedAt: later(p.failedAt) });
    }
    for (const [peer, s] of this.#suspects)
      if (!s.condemned)
        this.#suspects.set(peer, { ...s, startedAt: Math.min(s.startedAt + ms, now) as Millis, askedAt: undefined });
  }

  #turn(now: Millis): DetectorEffect[] {
    if (this.#nextTurnAt !== undefined && now < this.#nextTurnAt) return [];
    const { probeIntervalMs } = this.#timing;
    const first = this.#nextTurnAt === undefined;
    this.#nextTurnAt = (now + (first ? this.#random() : 1) * stretched(this.#doubt, probeIntervalMs)) as Millis;
    if (first) return [];
    const target = this.#turns.next(
      (peer) => this.#suspects.has(peer),
      (peer) => this.#isProbed(peer),
    );
    return target === undefined ? [] : this.#probe(target, now);
  }

  #probe(target: PeerId, now: Millis, asked?: Probe['asked']): DetectorEffect[] {
    if (this.#probes.size >= MAX_PROBES) return [];
    const seq = this.#newSeq();
    const { pingTimeoutMs, probeTimeoutMs } = this.#timing;
    const askAt = asked ? undefined : this.#in(pingTimeoutMs, now);
    this.#probes.set(seq, { target, startedAt: now, askAt, failedAt: this.#in(probeTimeoutMs, now), asked });
    return [{ kind: 'ping', to: target, seq, tell: this.#said(target) }];
  }

  #probesDue(now: Millis): DetectorEffect[] {
    const effects: DetectorEffect[] = [];
    for (const [seq, probe] of this.#probes) {
      if (now >= probe.failedAt) {
        this.#probes.delete(seq);
        if (!probe.asked) effects.push(...this.#unanswered(probe));
      } else if (probe.askAt !== undefined && now >= probe.askAt) {
        this.#probes.set(seq, { ...probe, askAt: undefined });
        effects.push(...this.#ask(seq, probe.target));
      }
    }
    return effects;
  }

  #unanswered({ target, startedAt }: Probe): DetectorEffect[] {
    if ((this.#heardAt(target) ?? -Infinity) >= startedAt) return []; // it lives, whatever became of our datagrams
    return this.#accuse(target, this.#self);
  }

  /** Once more directly, for it may just have been lost, and through others. */
  #ask(seq: number, target: PeerId): DetectorEffect[] {
    const helpers = this.#roster.sample(this.#timing.pingReqPeers, this.#random, (peer) => peer !== target);
    const again: DetectorEffect = { kind: 'ping', to: target, seq, tell: this.#said(target) };
    return [again, ...helpers.map((to): DetectorEffect => ({ kind: 'pingReq', to, seq, target }))];
  }

  #suspectsDue(now: Millis): DetectorEffect[] {
    const effects: DetectorEffect[] = [];
    for (const [peer, suspect] of this.#suspects) {
      if (now >= this.#buryAt(suspect)) effects.push(...this.#bury(peer, suspect, now));
      else if (now >= this.#askAt(suspect)) {
        this.#suspects.set(peer, { ...suspect, askedAt: now });
        effects.push(...this.#askOthers(peer));
      } else if (suspect.lookAt !== undefined && now >= suspect.lookAt) {
        this.#suspects.set(peer, { ...suspect, lookAt: this.#in(this.#timing.pingTimeoutMs, now) });
        effects.push(...this.#bearWitness(peer, now));
      }
    }
    return effects;
  }

  #bury(peer: PeerId, suspect: Suspect, now: Millis): DetectorEffect[] {
    if ((this.#heardAt(peer) ?? -Infinity) >= now - this.#timing.probeTimeoutMs) {
      this.#suspects.set(peer, { ...suspect, startedAt: now, askedAt: undefined });
      return [];
    }
    const { incarnation } = this.#members.get(peer)!;
    this.#forget(peer);
    return [{ kind: 'claim', claim: { peer, status: 'faulty', incarnation } }];
  }

  /**
   * News reaches nearly all, not all: each router tells of it some times and then no more. Of a hundred routers one in some four
   * hundred refutations missed somebody at 5 % loss, who then buried a living peer that the others had heard.
   */
  #askOthers(suspect: PeerId): DetectorEffect[] {
    const tell = this.#said(suspect);
    const asked = this.#roster.sample(ASKED, this.#random, (peer) => !this.#suspects.has(peer));
    return asked.map((to) => ({
      kind: 'ping',
      to,
      seq: this.#newSeq(),
      tell,
    }));
  }

  /** `accuser` got no answer from `peer`. A suspicion begins when the claim comes back as `member`. */
  #accuse(peer: PeerId, accuser: PeerId): DetectorEffect[] {
    const m = this.#members.get(peer);
    if (m === undefined) return [];
    const claim: SwimClaim = { peer, status: 'suspect', incarnation: m.incarnation, accuser };
    const suspect = this.#suspects.get(peer);
    if (suspect === undefined) return accuser === this.#self ? [{ kind: 'claim', claim }] : [];
    const { accusers } = suspect;
    if (accusers.has(accuser) || accusers.size > confirmationsWanted(this.#members.size + 1)) return [];
    this.#suspects.set(peer, { ...suspect, accusers: new Set([...accusers, accuser]) });
    return [{ kind: 'spread', claim }];
  }

  #heard(claim: SwimClaim, now: Millis): DetectorEffect[] {
    const m = this.#members.get(claim.peer);
    if (m === undefined || claim.incarnation < m.incarnation) return [];
    if (claim.status === 'suspect' && claim.incarnation === m.incarnation)
      return this.#accuse(claim.peer, claim.accuser);
    if (claim.status !== 'faulty') return [];
    const suspect = this.#suspects.get(claim.peer);
    if (suspect) this.#suspects.set(claim.peer, { ...suspect, condemned: true });
    this.#members.set(claim.peer, { ...m, condemned: claim.incarnation });
    // The other side of a partition that just healed says so of all of ours: some of us ask them, and they will refute.
    const isAsked = suspect !== undefined || this.#isProbed(claim.peer) || !this.#isWitness();
    return isAsked ? [] : this.#probe(claim.peer, now);
  }

  #memberChanged(peer: PeerId, claim: SwimClaim | undefined, now: Millis): DetectorEffect[] {
    if (claim === undefined || claim.status === 'faulty' || claim.status === 'left') {
      this.#forget(peer);
      return [];
    }
    const before = this.#members.get(peer);
    if (before === undefined) this.#turns.joined(peer);
    const { incarnation } = claim;
    const condemned = (before?.condemned ?? -1) >= incarnation ? before?.condemned : undefined;
    if (claim.status !== 'suspect') {
      this.#endProbes(peer); // a refutation is as good as an answer
      this.#suspects.delete(peer);
    } else this.#suspects.set(peer, this.#suspicion(claim.accuser, condemned !== undefined, now));
    this.#members.set(peer, { incarnation, condemned });
    this.#roster.add(peer);
    return [];
  }

  #suspicion(accuser: PeerId, condemned: boolean, now: Millis): Suspect {
    const lookAt = accuser === this.#self || this.#isWitness() ? now : undefined; // the next tick, which is at once
    return {
      startedAt: now,
      accusers: new Set([accuser]),
      condemned,
      accuser,
      answered: false,
      lookAt,
      askedAt: undefined,
    };
  }

  /** By chance, so that about WITNESSES of all are. */
  #isWitness(): boolean {
    return this.#random() < WITNESSES / this.#members.size;
  }

  #forget(peer: PeerId): void {
    this.#members.delete(peer);
    this.#roster.delete(peer);
    this.#suspects.delete(peer);
  }

  /** A probe in a hurry: directly and through others at once. */
  #bearWitness(target: PeerId, now: Millis): DetectorEffect[] {
    if (this.#isProbed(target)) return [];
    const seq = this.#seq;
    if (this.#probe(target, now).length === 0) return [];
    const failedAt = this.#in(this.#timing.probeTimeoutMs - this.#timing.pingTimeoutMs, now);
    this.#probes.set(seq, { target, startedAt: now, askAt: undefined, failedAt, asked: undefined });
    return this.#ask(seq, target);
  }

  #acked(from: PeerId, seq: number, now: Millis): DetectorEffect[] {
    const probe = this.#probes.get(seq);
    // Before others are asked only the target can answer; afterwards a helper may.
    if (probe === undefined || (from !== probe.target && (probe.asked || probe.askAt !== undefined))) return [];
    this.#probes.delete(seq);
    if (probe.asked) return [{ kind: 'ack', to: probe.asked.by, seq: probe.asked.seq }];
    this.#trust(now);
    return [];
  }

  /** What is long due by the shorter waits is due now, and we are not late with it. */
  #trust(now: Millis): void {
    if ((this.nextDeadline() ?? Infinity) > now) this.#onTimeAt = now;
    this.#doubt = lowered(this.#doubt);
  }

  #answered(peer: PeerId): void {
    const suspect = this.#suspects.get(peer);
    if (suspect?.answered === false) this.#suspects.set(peer, { ...suspect, answered: true });
  }

  /** What is said about `peer` that it ought to know. */
  #said(peer: PeerId): SwimClaim | undefined {
    const m = this.#members.get(peer);
    if (m === undefined) return undefined;
    const suspect = this.#suspects.get(peer);
    if (suspect) return { peer, status: 'suspect', incarnation: m.incarnation, accuser: suspect.accuser };
    return m.condemned === undefined ? undefined : { peer, status: 'faulty', incarnation: m.condemned };
  }

  #endProbes(peer: PeerId): void {
    for (const [seq, probe] of this.#probes) if (probe.target === peer && !probe.asked) this.#probes.delete(seq);
  }

  #isProbed(peer: PeerId): boolean {
    for (const probe of this.#probes.values()) if (probe.target === peer && !probe.asked) return true;
    return false;
  }

  #newSeq(): number {
    const seq = this.#seq;
    this.#seq = (this.#seq + 1) % 2 ** 32;
    return seq;
  }

  /** Whom another has given up, who may well be on time, does not gain from our being late. */
  #faultyAt(s: Suspicion): Millis {
    const at = faultyAt(s, this.#members.size + 1, this.#timing);
    return s.condemned ? at : this.#in(at - s.startedAt, s.startedAt);
  }

  /** So early that who is asked can answer by the end; later only when accusers brought the end nearer. */
  #askAt(s: Suspect): number {
    return s.askedAt === undefined ? this.#faultyAt(s) - stretched(this.#doubt, this.#timing.pingTimeoutMs) : Infinity;
  }

  #buryAt(s: Suspect): number {
    if (s.askedAt === undefined) return Infinity;
    return Math.max(this.#faultyAt(s), this.#in(this.#timing.pingTimeoutMs, s.askedAt));
  }

  #in(ms: number, from: Millis): Millis {
    return (from + stretched(this.#doubt, ms)) as Millis;
  }
}
