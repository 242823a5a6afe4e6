// The relay's control plane: ways through others' sleeves to the peers that the datapath wants one to, and the labels by which
// this router is part of others' ways. Events in, effects out. Nothing is held for a peer that nobody wants a way to.
//
// Of a way that is said to be ready and that we do not have, we say that it ends: over a new connection the end of a way may come
// before the setup that is still in the old one, and then the rest of it would stand for 90 s, for nobody.
//
// A neighbour may ask for 512 ways at once and 64 a second; of what it asked for, 4,096 are held, and 16,384 in all.
import type { Core, Entropy, Random } from '../core.js';
import { Indices } from '../indices.js';
import { TokenBucket } from '../token-bucket.js';
import type { Millis, PeerId } from '../types.js';
import { NEVER } from '../waiting.js';
import type { RelayFrame, RelayToken, Setup } from '../wire/relay.js';
import { PeerWays } from './peer-ways.js';
import { Seats } from './seats.js';
import { drop, type HopSearch, type RelaysFx, type Shared } from './shared.js';
import { Transits } from './transits.js';

export type RelaysEvent =
  | { readonly kind: 'tick' }
  /** Wanted twice is wanted once. */
  | { readonly kind: 'wanted'; readonly peer: PeerId; readonly wanted: boolean }
  /** What is sent by way of `via` does not arrive. */
  | { readonly kind: 'failed'; readonly peer: PeerId; readonly via: PeerId }
  /** @param from the neighbour whose connection it came by */
  | { readonly kind: 'frame'; readonly from: PeerId; readonly frame: RelayFrame }
  /** The connection to a neighbour ended, or the neighbour runs anew and knows nothing. */
  | { readonly kind: 'lost'; readonly neighbour: PeerId }
  /** The topology changed: who could not be reached may be now. */
  | { readonly kind: 'ways' }
  /** The peer left the mesh. */
  | { readonly kind: 'gone'; readonly peer: PeerId };

export interface RelaysOptions {
  readonly self: PeerId;
  readonly random: Random;
  readonly entropy: Entropy;
  /** @see Shared.hop */
  readonly hop: (to: PeerId, search: HopSearch) => PeerId | undefined;
  /** Is it a peer that we have heard of? */
  readonly knows: (peer: PeerId) => boolean;
}

const HELD_IN_ALL = 16_384;
const HELD_EACH = 4_096;
const SETUPS_PER_S = 64; // a hub's spoke that has ways to 1,000 others refreshes 33 a second
const SETUPS_BURST = 512;

export class Relays implements Core<RelaysEvent, RelaysFx> {
  readonly #shared: Shared;
  readonly #transits: Transits;
  readonly #peers = new Map<PeerId, PeerWays>();
  readonly #rates = new Map<PeerId, TokenBucket>();

  constructor(options: RelaysOptions) {
    const [labels, seats] = [new Indices(options.entropy), new Seats(HELD_IN_ALL, HELD_EACH)];
    this.#shared = { ...options, labels, seats };
    this.#transits = new Transits(this.#shared);
  }

  /** What grows if something is not given up: ways of others, labels of ours, seats, and peers with a way or the wish for one. */
  get held(): Readonly<Record<'transits' | 'labels' | 'seats' | 'peers', number>> {
    const { labels, seats } = this.#shared;
    return { transits: this.#transits.count, labels: labels.count, seats: seats.count, peers: this.#peers.size };
  }

  handle(ev: RelaysEvent, now: Millis): readonly RelaysFx[] {
    switch (ev.kind) {
      case 'tick':
        return [...this.#transits.tick(now), ...this.#all((ways) => (ways.dueAt <= now ? ways.tick(now) : []))];
      case 'wanted':
        if (ev.peer === this.#shared.self || (!ev.wanted && !this.#peers.has(ev.peer))) return [];
        return this.#of(ev.peer, (ways) => ways.wanted(ev.wanted, now));
      case 'failed':
        return this.#peers.get(ev.peer)?.failed(ev.via, now) ?? [];
      case 'frame':
        return this.#frame(ev.from, ev.frame, now);
      case 'lost':
        this.#rates.delete(ev.neighbour);
        return [...this.#transits.lost(ev.neighbour), ...this.#all((ways) => ways.lost(ev.neighbour, now))];
      case 'ways':
        for (const ways of this.#peers.values()) ways.waysChanged(now);
        return [];
      case 'gone':
        return this.#peers.has(ev.peer) ? this.#of(ev.peer, (ways) => ways.close()) : [];
    }
  }

  nextDeadline(): Millis | undefined {
    let at = this.#transits.nextDeadline() ?? NEVER;
    for (const { dueAt } of this.#peers.values()) if (dueAt < at) at = dueAt;
    return at === NEVER ? undefined : at;
  }

  #frame(from: PeerId, frame: RelayFrame, now: Millis): readonly RelaysFx[] {
    if (frame.kind === 'setup') return this.#setup(from, frame, now);
    const { token } = frame;
    if (this.#transits.has(token))
      return frame.kind === 'ready' ? this.#transits.ready(from, frame) : this.#transits.end(from, frame);
    const peer = this.#ofToken(token);
    if (peer === undefined) return frame.kind === 'ready' ? unwanted(from, token) : [drop('token')];
    return this.#of(peer, (ways) =>
      frame.kind === 'ready' ? ways.ready(from, frame, now) : ways.end(from, frame, now),
    );
  }

  #setup(from: PeerId, frame: Setup, now: Millis): readonly RelaysFx[] {
    const { self } = this.#shared;
    const { token, destination, path } = frame;
    if (!this.#rate(from).take(now)) return [drop('rate')];
    if (path.at(-1) !== from || path.includes(self)) return [drop('path')];
    const source = path[0]!;
    const owner = this.#transits.has(token) ? 'transit' : this.#ofToken(token);
    if (owner !== undefined && owner !== (destination === self ? source : 'transit')) return [drop('token')];
    if (destination !== self) return this.#transits.setup(from, frame, now);
    if (this.#shared.knows(source)) return this.#of(source, (ways) => ways.setup(from, frame, now));
    return [{ kind: 'say', to: from, frame: { kind: 'end', token, reason: 'stranger', culprit: self } }];
  }

  #rate(neighbour: PeerId): TokenBucket {
    const rate = this.#rates.get(neighbour) ?? new TokenBucket(SETUPS_PER_S, SETUPS_BURST);
    this.#rates.set(neighbour, rate);
    return rate;
  }

  #ofToken(token: RelayToken): PeerId | undefined {
    for (const [peer, ways] of this.#peers) if (ways.has(token)) return peer;
    return undefined;
  }

  /** What comes of it for one peer; nothing is kept of a peer that nothing has come of. */
  #of(peer: PeerId, step: (ways: PeerWays) => RelaysFx[]): RelaysFx[] {
    const ways = this.#peers.get(peer) ?? new PeerWays(peer, this.#shared);
    const fx = step(ways);
    if (ways.isIdle) this.#peers.delete(peer);
    else this.#peers.set(peer, ways);
    return fx;
  }

  #all(step: (ways: PeerWays) => RelaysFx[]): RelaysFx[] {
    return [...this.#peers.keys()].flatMap((peer) => this.#of(peer, step));
  }
}

const unwanted = (to: PeerId, token: RelayToken): readonly RelaysFx[] => [
  drop('token'),
  { kind: 'say', to, frame: { kind: 'end', token, reason: 'unwanted', culprit: undefined } },
];
