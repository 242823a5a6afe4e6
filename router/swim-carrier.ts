// SWIM's messages in sealed datagrams. To a peer that we are connected to, straight. To one that we ought to be connected to and are
// not, over the topology's next hops. To one that needs no connection straight as well, as long as that is answered:
//
//   a straight ping or sync, and then     next to this peer
//   anything came straight from it        straight
//   nothing came for 200 ms               the next ping over others
//   nothing came for a second             pings over others, 1, 3, 7, then 15 times, with one straight between; the rest over others
//   (never tried)                         straight; when of late most first tries were in vain, every fourth ping
//
// What is no ping or sync, an answer say, goes over others as well while what came last from the peer did.
import type { RouterEffect } from './router-events.js';
import type { Millis, PeerId, SocketAddress } from './types.js';
import type { Datagrams } from './trust/datagrams.js';
import { decrementHops, MAX_HOPS, MAX_PAYLOAD_BYTES } from './wire/datagram.js';
import { asksForAnswer } from './wire/swim.js';

export interface Ways {
  /** The peer's own address if there is a connection to it, else its next hop's. Undefined: no way is known. */
  over(to: PeerId): SocketAddress | undefined;
  /** Where a peer says that it is that needs no connection; empty for all others. Never where a datagram claims to be from. */
  straight(to: PeerId): readonly SocketAddress[];
  /** Is the peer put out of the mesh? Nothing of it is taken, and it is sent nothing. */
  refuses(peer: PeerId): boolean;
  /** A datagram came from the peer itself, and from there, it seems. */
  cameFrom(peer: PeerId, from: SocketAddress): void;
}

/** What is known of the straight way to a peer: a few numbers for each, until it is forgotten. */
interface Straight {
  isGood: boolean | undefined;
  /** In a row: asked, and not answered. */
  misses: number;
  /** How often it goes over others before the next straight one. */
  skips: number;
  /** When it was asked, and has not answered since. */
  askedAt: Millis | undefined;
  /** Did what came last from it come over others? */
  cameOver: boolean;
}

const HASTY_MS = 200; // before the detector pings again, and less than it waits for the answer
const ANSWER_MS = 1_000;
const MOST_SKIPS = 15;
/** Of the last tries of a new peer so many are remembered; when more than half were in vain, others go over others first. */
const FIRSTS = 8;
const TRY_EVERY = 4;

const UNTRIED: Straight = { isGood: undefined, misses: 0, skips: 0, askedAt: undefined, cameOver: false };

export class SwimCarrier {
  readonly #self: PeerId;
  readonly datagrams: Datagrams;
  readonly #peers = new Map<PeerId, Straight>();
  /** Who was asked, in order of time. */
  #asked: { readonly at: Millis; readonly straight: Straight }[] = [];
  /** Outcomes of first tries, the newest last. */
  #firsts: boolean[] = [];
  #untried = 0;

  constructor(self: PeerId, datagrams: Datagrams) {
    this.#self = self;
    this.datagrams = datagrams;
  }

  send(to: PeerId, payload: Uint8Array, ways: Ways, now: Millis): RouterEffect[] {
    if (payload.length > MAX_PAYLOAD_BYTES || ways.refuses(to)) return [];
    const address = this.#straightTo(to, payload, ways, now) ?? ways.over(to);
    if (address === undefined) return [];
    const bytes = this.datagrams.seal('swim', to, payload);
    return bytes === undefined ? [] : [{ kind: 'sendDatagram', to: address, bytes }];
  }

  /** @param drop is told why a datagram went no further */
  receive(bytes: Uint8Array, from: SocketAddress, ways: Ways, drop: (reason: string) => void): RouterEffect[] {
    const d = this.datagrams.open(bytes, (peer) => ways.refuses(peer));
    if (typeof d === 'string') return this.#dropped(drop, `datagram-${d}`);
    if (d.hops === MAX_HOPS && d.isNewest) ways.cameFrom(d.src, from);
    if (d.dst === this.#self) {
      this.#came(d.src, d.hops === MAX_HOPS, ways);
      return [{ kind: 'swimReceive', from: d.src, payload: d.payload }];
    }
    const relayed = decrementHops(bytes);
    const address = ways.over(d.dst);
    if (relayed === 'expired') return this.#dropped(drop, 'datagram-hops');
    if (address === undefined) return this.#dropped(drop, 'datagram-no-way');
    return [{ kind: 'sendDatagram', to: address, bytes: relayed }];
  }

  forget(peer: PeerId): void {
    this.#peers.delete(peer);
    this.datagrams.forget(peer);
  }

  /** @returns undefined: not straight, this time */
  #straightTo(to: PeerId, payload: Uint8Array, ways: Ways, now: Millis): SocketAddress | undefined {
    const addresses = ways.straight(to);
    if (addresses.length === 0) return undefined;
    this.#giveUp(now);
    const [known, asks] = [this.#known(to), asksForAnswer(payload)];
    if (!this.#dares(known, asks, now)) return undefined;
    if (known.askedAt === undefined && asks) {
      known.askedAt = now;
      this.#asked.push({ at: now, straight: known });
    }
    return addresses[known.misses % addresses.length];
  }

  #known(peer: PeerId): Straight {
    const known = this.#peers.get(peer) ?? { ...UNTRIED };
    this.#peers.set(peer, known);
    return known;
  }

  /** In doubt only what is answered goes straight: else nothing would be learnt from it. */
  #dares(known: Straight, asks: boolean, now: Millis): boolean {
    if (!asks && known.cameOver) return false;
    if (asks && known.askedAt !== undefined && now - known.askedAt >= HASTY_MS) return false;
    if (known.isGood === true) return true;
    if (known.isGood === false) return asks && known.skips-- <= 0;
    const inVain = this.#firsts.filter((worked) => !worked).length;
    return inVain <= FIRSTS / 2 || (asks && this.#untried++ % TRY_EVERY === 0);
  }

  /** Of strangers nothing is kept. */
  #came(peer: PeerId, isStraight: boolean, ways: Ways): void {
    if (!this.#peers.has(peer) && ways.straight(peer).length === 0) return;
    const known = this.#known(peer);
    known.cameOver = !isStraight;
    if (known.askedAt === undefined || !isStraight) return;
    if (known.isGood !== true) this.#first(true);
    Object.assign(known, { isGood: true, misses: 0, skips: 0, askedAt: undefined });
  }

  #giveUp(now: Millis): void {
    while (this.#asked[0] !== undefined && this.#asked[0].at + ANSWER_MS <= now) {
      const { at, straight } = this.#asked.shift()!;
      if (straight.askedAt !== at) continue;
      if (straight.isGood === undefined) this.#first(false);
      const misses = straight.misses + 1;
      const skips = Math.min(MOST_SKIPS, 2 ** misses - 1);
      Object.assign(straight, { isGood: false, misses, skips, askedAt: undefined });
    }
  }

  #first(worked: boolean): void {
    this.#firsts = [...this.#firsts, worked].slice(-FIRSTS);
  }

  #dropped(drop: (reason: string) => void, reason: string): RouterEffect[] {
    drop(reason);
    return [];
  }
}
