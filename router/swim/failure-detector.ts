// Who does not answer: the probes of SWIM (Das et al., DSN 2002, §3.1 and §4.3) with Lifeguard's suspicion. Pure.
import type { Core, Random } from '../core.js';
import type { Millis, PeerId } from '../types.js';
import type { SwimClaim } from '../wire/swim.js';
import { AnswerTimes } from './answer-times.js';
import { lowered, raised, stretched } from './local-health.js';
import { Probes, type Probe } from './probes.js';
import { Roster } from './roster.js';
import { Suspects } from './suspects.js';
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

interface Probed {
  readonly incarnation: number;
  /** Somebody says faulty of one who is alive to us, at this incarnation. */
  readonly condemned: number | undefined;
}

const MAX_PROBES = 1024;
/** About as many peers look for themselves when they hear of a suspicion, until it is settled; the others in their turn. */
const WITNESSES = 10;
/** So many are asked before a burial: at 5 % loss one question in ten is in vain, and with it all five in 100,000. */
const ASKED = 5;
/** Of more suspects than twenty at a time, fewer each: it is a partition then, and half of a mesh about the other half is a storm. */
const ASKED_IN_ALL = 100;

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
  readonly #suspects: Suspects;
  readonly #probes = new Probes();
  readonly #turns: Turns;
  readonly #answerTimes = new AnswerTimes();
  #nextTurnAt: Millis | undefined;
  #seq = 0;
  #doubt = 0;
  /** When we were last seen to be on time. */
  #onTimeAt = -Infinity as Millis;

  constructor(options: DetectorOptions) {
    this.#self = options.self;
    this.#timing = options.timing;
    this.#random = options.random;
    this.#suspects = new Suspects({
      timing: options.timing,
      members: () => this.#members.size + 1,
      stretched: (ms) => stretched(this.#doubt, ms),
    });
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
        this.#suspects.answered(ev.from);
        return [{ kind: 'ack', to: ev.from, seq: ev.seq }];
      case 'pingReq':
        return this.#probe(ev.target, now, { by: ev.from, seq: ev.seq });
      case 'ack':
        this.#suspects.answered(ev.from);
        return this.#acked(ev.from, ev.seq, now);
      case 'refuted':
        this.#doubt = raised(this.#doubt);
        return [];
    }
  }

  nextDeadline(): Millis | undefined {
    const at = Math.min(this.#nextTurnAt ?? Infinity, this.#suspects.nextDeadline(), this.#probes.nextDeadline);
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
    for (const [seq, p] of this.#probes.all()) {
      const later = (at: Millis): Millis => (at + Math.min(ms, now - p.startedAt)) as Millis;
      this.#probes.set(seq, { ...p, askAt: p.askAt && later(p.askAt), failedAt: later(p.failedAt) });
    }
    this.#suspects.postpone(ms, now);
  }

  #turn(now: Millis): DetectorEffect[] {
    if (this.#nextTurnAt !== undefined && now < this.#nextTurnAt) return [];
    const { probeIntervalMs } = this.#timing;
    const first = this.#nextTurnAt === undefined;
    this.#nextTurnAt = (now + (first ? this.#random() : 1) * stretched(this.#doubt, probeIntervalMs)) as Millis;
    if (first) return [];
    const target = this.#turns.next(
      (peer) => this.#suspects.has(peer),
      (peer) => this.#probes.isOn(peer),
    );
    return target === undefined ? [] : this.#probe(target, now);
  }

  #probe(target: PeerId, now: Millis, asked?: Probe['asked']): DetectorEffect[] {
    if (this.#probes.size >= MAX_PROBES) return [];
    const seq = this.#newSeq();
    const { pingTimeoutMs, probeTimeoutMs } = this.#timing;
    const lateMs = this.#answerTimes.lateMs(target);
    const askAt = asked ? undefined : this.#in(pingTimeoutMs, now);
    this.#probes.set(seq, { target, startedAt: now, askAt, failedAt: this.#in(probeTimeoutMs + lateMs, now), asked });
    return [{ kind: 'ping', to: target, seq, tell: this.#said(target) }];
  }

  #probesDue(now: Millis): DetectorEffect[] {
    const effects: DetectorEffect[] = [];
    for (const [seq, probe] of this.#probes.all()) {
      if (now >= probe.failedAt) {
        this.#probes.delete(seq);
        if (!probe.asked) {
          this.#answerTimes.gaveUp(seq, probe);
          effects.push(...this.#unanswered(probe));
        }
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
    return this.#suspects.due(now).flatMap(({ peer, what }) => {
      switch (what) {
        case 'look':
          return this.#bearWitness(peer, now);
        case 'ask':
          return this.#askOthers(peer);
        case 'bury':
          return this.#bury(peer, now);
      }
    });
  }

  #bury(peer: PeerId, now: Millis): DetectorEffect[] {
    if ((this.#heardAt(peer) ?? -Infinity) >= now - this.#timing.probeTimeoutMs) {
      this.#suspects.restart(peer, now);
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
    const wanted = Math.min(ASKED, ASKED_IN_ALL / this.#suspects.size);
    const share = wanted % 1;
    const count = Math.floor(wanted) + (share > 0 && this.#random() < share ? 1 : 0);
    const asked = this.#roster.sample(count, this.#random, (peer) => !this.#suspects.has(peer));
    return asked.map((to) => ({ kind: 'ping', to, seq: this.#newSeq(), tell }));
  }

  /** `accuser` got no answer from `peer`. A suspicion begins when the claim comes back as `member`. */
  #accuse(peer: PeerId, accuser: PeerId): DetectorEffect[] {
    const m = this.#members.get(peer);
    if (m === undefined) return [];
    const claim: SwimClaim = { peer, status: 'suspect', incarnation: m.incarnation, accuser };
    if (!this.#suspects.has(peer)) return accuser === this.#self ? [{ kind: 'claim', claim }] : [];
    return this.#suspects.accuse(peer, accuser) ? [{ kind: 'spread', claim }] : [];
  }

  #heard(claim: SwimClaim, now: Millis): DetectorEffect[] {
    const m = this.#members.get(claim.peer);
    if (m === undefined || claim.incarnation < m.incarnation) return [];
    if (claim.status === 'suspect' && claim.incarnation === m.incarnation)
      return this.#accuse(claim.peer, claim.accuser);
    if (claim.status !== 'faulty') return [];
    this.#suspects.condemn(claim.peer);
    this.#members.set(claim.peer, { ...m, condemned: claim.incarnation });
    // The other side of a partition that just healed says so of all of ours: some of us ask them, and they will refute.
    const isAsked = this.#suspects.has(claim.peer) || this.#probes.isOn(claim.peer) || !this.#isWitness();
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
      this.#suspects.end(peer);
    } else this.#suspect(peer, claim.accuser, condemned !== undefined, now);
    this.#members.set(peer, { incarnation, condemned });
    this.#roster.add(peer);
    return [];
  }

  #suspect(peer: PeerId, accuser: PeerId, condemned: boolean, now: Millis): void {
    const looks = accuser === this.#self || this.#isWitness();
    this.#suspects.begin(peer, { accuser, condemned, looks }, now);
  }

  /** By chance, so that about WITNESSES of all are. */
  #isWitness(): boolean {
    return this.#random() < WITNESSES / this.#members.size;
  }

  #forget(peer: PeerId): void {
    this.#members.delete(peer);
    this.#answerTimes.forget(peer);
    this.#roster.delete(peer);
    this.#suspects.end(peer);
  }

  /** A probe in a hurry: directly and through others at once. */
  #bearWitness(target: PeerId, now: Millis): DetectorEffect[] {
    if (this.#probes.isOn(target)) return [];
    const seq = this.#seq;
    if (this.#probe(target, now).length === 0) return [];
    const { pingTimeoutMs, probeTimeoutMs } = this.#timing;
    const failedAt = this.#in(probeTimeoutMs - pingTimeoutMs + this.#answerTimes.lateMs(target), now);
    this.#probes.set(seq, { target, startedAt: now, askAt: undefined, failedAt, asked: undefined });
    return this.#ask(seq, target);
  }

  #acked(from: PeerId, seq: number, now: Millis): DetectorEffect[] {
    const probe = this.#probes.get(seq);
    if (probe === undefined) this.#answerTimes.late(from, seq, now);
    // Before others are asked only the target can answer; afterwards a helper may.
    if (probe === undefined || (from !== probe.target && (probe.asked || probe.askAt !== undefined))) return [];
    this.#probes.delete(seq);
    if (from === probe.target) this.#answerTimes.answered(from, now - probe.startedAt, this.#timing.probeTimeoutMs);
    if (probe.asked) return [{ kind: 'ack', to: probe.asked.by, seq: probe.asked.seq }];
    this.#trust(now);
    return [];
  }

  /** What is long due by the shorter waits is due now, and we are not late with it. */
  #trust(now: Millis): void {
    if ((this.nextDeadline() ?? Infinity) > now) this.#onTimeAt = now;
    this.#doubt = lowered(this.#doubt);
  }

  /** What is said about `peer` that it ought to know. */
  #said(peer: PeerId): SwimClaim | undefined {
    const m = this.#members.get(peer);
    if (m === undefined) return undefined;
    const accuser = this.#suspects.accuserOf(peer);
    if (accuser !== undefined) return { peer, status: 'suspect', incarnation: m.incarnation, accuser };
    return m.condemned === undefined ? undefined : { peer, status: 'faulty', incarnation: m.condemned };
  }

  #endProbes(peer: PeerId): void {
    if (!this.#probes.isOn(peer)) return;
    for (const [seq, probe] of this.#probes.all())
      if (probe.target === peer && !probe.asked) {
        this.#probes.delete(seq);
        this.#answerTimes.gaveUp(seq, probe);
      }
  }

  #newSeq(): number {
    const seq = this.#seq;
    this.#seq = (this.#seq + 1) % 2 ** 32;
    return seq;
  }

  #in(ms: number, from: Millis): Millis {
    return (from + stretched(this.#doubt, ms)) as Millis;
  }
}
