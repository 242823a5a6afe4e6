// Membership by SWIM: npm `swim` keeps the table and spreads the news, our cores decide whom to probe, to believe faulty
// and to exchange state with. This file gives them one clock, one timer and the wire.
import { decodeSwim, encodeSwim } from '../wire/swim.js';
import type { SwimClaim, SwimMessage } from '../wire/swim.js';
import type { Clock } from '../core.js';
import type { Millis, PeerId } from '../types.js';
import { FailureDetector, type DetectorEffect, type DetectorEvent } from './failure-detector.js';
import { Healing, type HealingEffect, type HealingEvent } from './healing.js';
import type { Member, Membership, MembershipHooks } from './membership.js';
import { Rumours, type RumourEffect, type RumourEvent } from './rumours.js';
import { SwimLibrary } from './swim-library.js';
import { DEFAULT_TIMING, type SwimTiming } from './timing.js';

export interface SwimOptions {
  readonly self: PeerId;
  /** Higher than in any earlier life, and on disk already. */
  readonly incarnation: number;
  readonly hooks: MembershipHooks;
  readonly clock: Clock;
  readonly timing?: Partial<SwimTiming>;
  /** Largest payload for `hooks.send`. Default 1200. */
  readonly maxPayloadBytes?: number;
  /** Members kept, those that are gone included until they are reaped. Default 4096. */
  readonly maxMembers?: number;
}

type Event =
  | { readonly core: 'detector'; readonly event: DetectorEvent }
  | { readonly core: 'healing'; readonly event: HealingEvent }
  | { readonly core: 'rumours'; readonly event: RumourEvent };

const MAX_TIMEOUT_MS = 2 ** 31 - 1; // above this setTimeout fires at once
/** Whoever leaves says so this often, each time to others, in case it is lost. */
const GOODBYES = 3;
const GOODBYE_PEERS = 4;
const GOODBYE_INTERVAL_MS = 100;

export const createSwimMembership = (options: SwimOptions): Membership => new SwimMembership(options);

class SwimMembership implements Membership {
  readonly #self: PeerId;
  readonly #hooks: MembershipHooks;
  readonly #clock: Clock;
  readonly #timing: SwimTiming;
  readonly #maxMembers: number;
  readonly #library: SwimLibrary;
  readonly #detector: FailureDetector;
  readonly #healing: Healing;
  readonly #rumours: Rumours;
  readonly #inbox: Event[] = [];
  #busy = false;
  #state: 'new' | 'running' | 'leaving' | 'closed' = 'new';
  #incarnation: number;
  #armed: { readonly at: number; readonly cancel: () => void } | undefined;
  #cancelNews: (() => void) | undefined;
  #newsAt = Infinity;
  #newsSentAt = -Infinity;

  constructor(options: SwimOptions) {
    this.#self = options.self;
    this.#hooks = options.hooks;
    this.#clock = options.clock;
    this.#incarnation = options.incarnation;
    this.#timing = { ...DEFAULT_TIMING, ...options.timing };
    this.#maxMembers = options.maxMembers ?? 4096;
    const random = (): number => Math.random();
    const heardAt = (peer: PeerId): Millis | undefined => this.#hooks.heardAt?.(peer);
    this.#detector = new FailureDetector({ self: options.self, timing: this.#timing, random, heardAt });
    this.#healing = new Healing({ timing: this.#timing, random });
    this.#rumours = new Rumours({ retriesMs: this.#timing.rumourRetriesMs, random });
    this.#library = new SwimLibrary({
      self: options.self,
      incarnation: options.incarnation,
      disseminationFactor: this.#timing.disseminationFactor,
      maxPayloadBytes: options.maxPayloadBytes ?? 1200,
      send: (to, payload) => this.#send(to, payload),
      onUpdate: (claim) => this.#updated(claim),
    });
  }

  start(): void {
    if (this.#state !== 'new') return;
    this.#state = 'running';
    this.#library.start();
    this.#dispatch({ core: 'detector', event: { kind: 'tick' } });
    this.#dispatch({ core: 'healing', event: { kind: 'tick' } });
  }

  sync(peers: readonly PeerId[]): void {
    for (const peer of peers) {
      if (peer === this.#self) continue;
      if (this.member(peer) === undefined) this.#dispatch({ core: 'rumours', event: { kind: 'vouched', peer } });
      this.#dispatch({ core: 'healing', event: { kind: 'wanted', peer } });
    }
  }

  receive(from: PeerId, payload: Uint8Array): void {
    if (this.#state !== 'running' || from === this.#self) return;
    const messages = decodeSwim(payload);
    if (typeof messages === 'string') return this.#hooks.onDrop(messages);
    if (messages.some((m) => m.kind === 'sync' && m.claim.peer !== from)) return this.#hooks.onDrop('not-sender');
    for (const m of messages) this.#take(m, from);
    // Whoever thinks ill of us hears the answer first; gossip tells the others.
    if (messages.some((m) => isSlander(m, this.#self))) this.#sendNow(from, [this.#ownClaim()]);
    if (messages.some((m) => m.kind === 'ping')) this.#correct(from, messages);
    this.#noteLife(from, messages);
  }

  members(): readonly Member[] {
    return this.#library.claims().map(toMember);
  }

  member(peer: PeerId): Member | undefined {
    const claim = this.#library.claim(peer);
    return claim && toMember(claim);
  }

  leave(): void {
    if (this.#state !== 'running') return;
    this.#state = 'leaving';
    this.#stopTimers();
    this.#sayGoodbye(GOODBYES);
  }

  forget(peer: PeerId): void {
    this.#library.forget(peer);
    this.#dispatch({ core: 'detector', event: { kind: 'member', peer, claim: undefined } });
    this.#dispatch({ core: 'healing', event: { kind: 'member', peer, status: undefined } });
    this.#dispatch({ core: 'rumours', event: { kind: 'forgotten', peer } });
  }

  close(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#stopTimers();
    this.#library.stop();
  }

  /** Whoever pings, and thinks ill of one who has refuted it, hears so: nobody else may have told it. */
  #correct(from: PeerId, messages: readonly SwimMessage[]): void {
    for (const m of messages) {
      if (m.kind !== 'update' || m.claim.status === 'alive' || m.claim.peer === this.#self) continue;
      const claim = this.#library.claim(m.claim.peer);
      if (claim !== undefined && claim.incarnation > m.claim.incarnation)
        this.#library.send(from, { kind: 'update', claim });
    }
  }

  #take(m: SwimMessage, from: PeerId): void {
    switch (m.kind) {
      case 'ping':
      case 'pingReq':
        return this.#dispatch({ core: 'detector', event: { ...m, from } });
      case 'ack':
        if (this.#rumours.expects(from, m.seq)) this.#dispatch({ core: 'rumours', event: { ...m, kind: 'ack', from } });
        else this.#dispatch({ core: 'detector', event: { kind: 'ack', from, seq: m.seq } });
        return this.#library.warnSuspect(from);
      case 'sync':
        this.#hear(m.claim);
        return this.#library.tellAll(from);
      case 'update':
        if (m.claim.peer !== this.#self) this.#dispatch({ core: 'detector', event: { kind: 'heard', claim: m.claim } });
        // That a peer is faulty is for our own detector to say, which gives it the time to refute.
        if (m.claim.status !== 'faulty' || m.claim.peer === this.#self) this.#hear(m.claim);
    }
  }

  /** A claim about a member counts by itself; one about anybody else is a rumour. */
  #hear(claim: SwimClaim): void {
    const isKnown = claim.peer === this.#self || this.#library.claim(claim.peer) !== undefined;
    if (isKnown) this.#library.apply(claim);
    else this.#dispatch({ core: 'rumours', event: { kind: 'said', claim } });
  }

  #noteLife(from: PeerId, messages: readonly SwimMessage[]): void {
    const status = this.member(from)?.status;
    if (status === 'alive') {
      const spoke = messages.some((m) => 'claim' in m && m.claim.peer === from && m.claim.status === 'alive');
      if (spoke) this.#dispatch({ core: 'healing', event: { kind: 'answered', peer: from } });
    } else if (status === 'faulty') this.#dispatch({ core: 'healing', event: { kind: 'signOfLife', peer: from } });
    else if (status === undefined) this.#dispatch({ core: 'rumours', event: { kind: 'heard', peer: from } });
  }

  /** The library has a new claim in force. */
  #updated(claim: SwimClaim): void {
    this.#freshNews();
    if (claim.peer === this.#self) {
      if (claim.incarnation <= this.#incarnation) return;
      this.#incarnation = claim.incarnation;
      this.#dispatch({ core: 'detector', event: { kind: 'refuted' } });
      return this.#hooks.onRefute(claim.incarnation);
    }
    const { peer } = claim;
    this.#dispatch({ core: 'detector', event: { kind: 'member', peer, claim } });
    const status = claim.status === 'faulty' || claim.status === 'left' ? claim.status : 'here';
    this.#dispatch({ core: 'healing', event: { kind: 'member', peer, status } });
    this.#hooks.onChange(toMember(claim));
  }

  /** Safe to call from inside an effect: the event waits its turn. */
  #dispatch(ev: Event): void {
    this.#inbox.push(ev);
    if (this.#busy) return;
    this.#busy = true;
    try {
      for (let next = this.#inbox.shift(); next !== undefined; next = this.#inbox.shift()) this.#handle(next);
    } finally {
      this.#busy = false;
      this.#rearm();
    }
  }

  #handle(ev: Event): void {
    const now = this.#clock.now();
    switch (ev.core) {
      case 'detector':
        return this.#detector.handle(ev.event, now).forEach((fx) => this.#performProbe(fx));
      case 'healing':
        return this.#healing.handle(ev.event, now).forEach((fx) => this.#performHealing(fx));
      case 'rumours':
        return this.#rumours.handle(ev.event, now).forEach((fx) => this.#performRumour(fx));
    }
  }

  #performProbe(fx: DetectorEffect): void {
    switch (fx.kind) {
      case 'ping':
        if (fx.tell === undefined) return this.#library.send(fx.to, { kind: 'ping', seq: fx.seq });
        return this.#sendNow(fx.to, [
          { kind: 'ping', seq: fx.seq },
          { kind: 'update', claim: fx.tell },
        ]);
      case 'pingReq':
      case 'ack':
        return this.#library.send(fx.to, fx);
      case 'claim':
        return this.#library.apply(fx.claim);
      case 'spread':
        this.#library.spread(fx.claim);
        return this.#freshNews();
    }
  }

  #performHealing(fx: HealingEffect): void {
    switch (fx.kind) {
      case 'sync':
        return this.#library.sync(fx.peer);
      case 'reap':
        return this.forget(fx.peer);
    }
  }

  #performRumour(fx: RumourEffect): void {
    switch (fx.kind) {
      case 'ping':
        return this.#sendNow(fx.to, [{ kind: 'ping', seq: fx.seq }]); // no news: it may not be one of us
      case 'admit':
        if (this.#library.size >= this.#maxMembers) return this.#hooks.onDrop('too-many-members');
        return this.#library.apply(fx.claim);
      case 'ask':
        return this.#dispatch({ core: 'healing', event: { kind: 'wanted', peer: fx.peer } });
      case 'crowdedOut':
        return this.#hooks.onDrop('too-many-rumours');
    }
  }

  #rearm(): void {
    const cores = [this.#detector, this.#healing, this.#rumours];
    const at = Math.min(...cores.map((core) => core.nextDeadline() ?? Infinity));
    if (at === this.#armed?.at) return; // one that is due must not be put off by each datagram that comes before it
    this.#armed?.cancel();
    this.#armed = undefined;
    if (this.#state !== 'running' || at === Infinity) return;
    const waitMs = Math.min(Math.max(0, at - this.#clock.now()), MAX_TIMEOUT_MS);
    this.#armed = { at, cancel: this.#clock.after(waitMs, () => this.#onTimer()) };
  }

  #onTimer(): void {
    this.#armed = undefined;
    this.#dispatch({ core: 'detector', event: { kind: 'tick' } });
    this.#dispatch({ core: 'healing', event: { kind: 'tick' } });
    this.#dispatch({ core: 'rumours', event: { kind: 'tick' } });
  }

  /** News rides on probes; while there is some it also travels by itself: what is new at once, then again and again. */
  #freshNews(): void {
    this.#armNews(Math.max(this.#clock.now(), this.#newsSentAt + this.#timing.freshNewsMs));
  }

  #armNews(at: number): void {
    if (this.#newsAt <= at || this.#state !== 'running') return;
    this.#cancelNews?.();
    this.#newsAt = at;
    this.#cancelNews = this.#clock.after(at - this.#clock.now(), () => this.#sendNews());
  }

  #sendNews(): void {
    this.#newsAt = Infinity;
    this.#newsSentAt = this.#clock.now();
    for (const peer of this.#library.randomPeers(this.#timing.newsPeers)) this.#library.sendNews(peer);
    if (this.#library.hasNews) this.#armNews(this.#newsSentAt + this.#timing.newsIntervalMs);
  }

  #sayGoodbye(times: number): void {
    const claim: SwimClaim = { peer: this.#self, status: 'left', incarnation: this.#library.incarnation };
    for (const peer of this.#library.randomPeers(GOODBYE_PEERS)) this.#sendNow(peer, [{ kind: 'update', claim }]);
    if (times > 1) this.#cancelNews = this.#clock.after(GOODBYE_INTERVAL_MS, () => this.#sayGoodbye(times - 1));
  }

  #ownClaim(): SwimMessage {
    return { kind: 'update', claim: { peer: this.#self, status: 'alive', incarnation: this.#library.incarnation } };
  }

  #sendNow(to: PeerId, messages: readonly SwimMessage[]): void {
    this.#send(to, encodeSwim(messages));
  }

  #send(to: PeerId, payload: Uint8Array): void {
    if (this.#state === 'running' || this.#state === 'leaving') this.#hooks.send(to, payload);
  }

  #stopTimers(): void {
    this.#armed?.cancel();
    this.#cancelNews?.();
  }
}

const isSlander = (m: SwimMessage, self: PeerId): boolean =>
  m.kind === 'update' && m.claim.peer === self && m.claim.status !== 'alive';

const toMember = ({ peer, status, incarnation }: SwimClaim): Member => ({ peer, status, incarnation });
