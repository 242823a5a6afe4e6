// Whom this router keeps a connection with: the neighbours that follow from the ids, and whomever traffic goes to. Tells the
// dialer, ends what nobody has a use for, and looks for others when those that are wanted cannot be reached.
import type { Dialer } from './connection/dialer.js';
import { Neighbours } from './connection/neighbours.js';
import { Spares, type SpareFx } from './connection/spares.js';
import type { Random } from './core.js';
import type { PeerState } from './peer-book.js';
import type { Millis, PeerId, SocketAddress } from './types.js';
import { decodeSpare, encodeSpare } from './wire/spare.js';

export interface NeighbourhoodHooks {
  /** Where a peer may be dialled, best first. */
  addresses(peer: PeerId): readonly SocketAddress[];
  state(peer: PeerId): PeerState | undefined;
  /** Was there ever a connection to it? */
  wasReached(peer: PeerId): boolean;
  isConnected(peer: PeerId): boolean;
  /** How many connections there are. */
  connected(): number;
  /** Is there a way to a peer over few others, besides the connection to it? */
  hasWayAround(peer: PeerId): boolean;
  /** Sends a `spare` frame. */
  tell(peer: PeerId, body: Uint8Array): void;
  /** Nobody has any use for the peer, and there is no connection to it; or that is no longer so. */
  idle(peer: PeerId, isIdle: boolean): void;
  /** Ends the connection to a peer. */
  close(peer: PeerId, now: Millis): void;
}

export interface NeighbourhoodOptions {
  readonly self: PeerId;
  readonly random: Random;
  /** Up to so many routers, all are connected to all. Default FULL_MESH. */
  readonly fullMesh?: number;
}

const CROSS_DIAL_HEADSTART_MS = 500; // the lower id dials first, so that most pairs dial once
/** While a flock of peers is being learnt, whom we want changes with each: it is acted upon when none came for a while, and at the latest. */
const QUIET_MS = 100;
const LATEST_MS = 1_000;
/** With so many connections or fewer, those that were done without are wanted again. */
const PLENTY = 3;
/** With fewer, those that are wanted are out of reach (behind a hub, say), and others are tried one by one. */
const POOR = 3;
const SEEK_MS = [2_000, 2_000, 3_000, 5_000, 10_000];

export class Neighbourhood {
  readonly #self: PeerId;
  readonly #random: Random;
  readonly #hooks: NeighbourhoodHooks;
  readonly #dialer: Dialer;
  readonly #neighbours: Neighbours;
  readonly #spares: Spares;
  /** Traffic goes to them. */
  readonly #demanded = new Set<PeerId>();
  /** Both ends have agreed to do without a connection. */
  readonly #rested = new Set<PeerId>();
  readonly #idle = new Set<PeerId>();
  /** Peers about which something is new that was not acted upon. */
  readonly #fresh = new Set<PeerId>();
  /** Since when there is some, and when the last came. */
  #freshAt: { readonly first: Millis; readonly last: Millis } | undefined;
  #isFirst = true;
  #seekAt: Millis | undefined;
  #seeks = 0;
  #sought: PeerId | undefined;

  constructor(options: NeighbourhoodOptions, dialer: Dialer, hooks: NeighbourhoodHooks) {
    this.#self = options.self;
    this.#random = options.random;
    this.#hooks = hooks;
    this.#dialer = dialer;
    this.#neighbours = new Neighbours(options.self, options.fullMesh);
    this.#spares = new Spares(options.self, options.random);
  }

  /** Are there more routers than can all be connected to all? */
  get isSparse(): boolean {
    return this.#neighbours.isSparse;
  }

  /** Is a connection to the peer made only when traffic goes there? */
  isOnDemand(peer: PeerId): boolean {
    return this.#neighbours.has(peer) && !this.#needs(peer);
  }

  /** Those need no dial. */
  readonly rests = (peer: PeerId): boolean => this.#hooks.isConnected(peer) || this.#rested.has(peer);

  /** A peer published itself, or anew. */
  published(peer: PeerId, now: Millis): void {
    this.#neighbours.add(peer);
    this.#neighbours.setMissing(peer, isMissing(this.#hooks.state(peer)));
    this.#news([peer], now);
  }

  /** It left, or is unknown from now on. */
  gone(peer: PeerId, now: Millis): void {
    this.#neighbours.remove(peer);
    this.#demanded.delete(peer);
    this.#rested.delete(peer);
    this.#dialer.forgetPeer(peer);
    this.#tellIdle(peer);
    this.#news([], now);
  }

  stateChanged(peer: PeerId, state: PeerState, now: Millis): void {
    this.#neighbours.setMissing(peer, isMissing(state));
    if (state === 'faulty') {
      this.#wake(peer); // if it was not told to us over others, perhaps it is to us
      this.#dialer.hurry(peer, now);
    }
    this.#news([], now);
  }

  /** Traffic goes to it or comes from it, or no longer. */
  demand(peer: PeerId, wanted: boolean, now: Millis): void {
    if (wanted) this.#demanded.add(peer);
    else this.#demanded.delete(peer);
    this.#applyTo(peer, now);
  }

  up(peer: PeerId, now: Millis): void {
    this.#rested.delete(peer);
    this.#spares.up(peer, this.#needs(peer), now);
    this.#tellIdle(peer);
  }

  down(peer: PeerId, upAt: Millis, now: Millis): void {
    if (this.#spares.down(peer)) this.#rested.add(peer);
    this.#dialer.ended(peer, upAt, now);
    this.#tellIdle(peer);
    if (this.#hooks.connected() > PLENTY) return;
    this.#perform(this.#spares.hold(now), now);
    for (const rested of [...this.#rested]) this.#wake(rested);
  }

  /** @returns why the frame is dropped */
  heard(peer: PeerId, body: Uint8Array, now: Millis): string | undefined {
    const isSpare = decodeSpare(body);
    if (typeof isSpare === 'string') return `spare-${isSpare}`;
    this.#spares.heard(peer, isSpare, now);
    return undefined;
  }

  /** @param isCaughtUp is all learnt that was heard? */
  act(isCaughtUp: boolean, now: Millis): void {
    if (this.#isRipe(isCaughtUp, now)) this.#apply(now);
    this.#perform(
      this.#spares.tick(now, (peer) => this.#canGo(peer)),
      now,
    );
    this.#seek(now);
  }

  nextDeadline(): Millis | undefined {
    const fresh = this.#freshAt && Math.min(this.#freshAt.first + LATEST_MS, this.#freshAt.last + QUIET_MS);
    const all = [fresh, this.#spares.nextDeadline(), this.#seekAt].filter((at) => at !== undefined);
    return all.length === 0 ? undefined : (Math.min(...all) as Millis);
  }

  /** What is not known (yet) may be anything. */
  #needs(peer: PeerId): boolean {
    return !this.#neighbours.has(peer) || this.#neighbours.wants(peer) || this.#demanded.has(peer);
  }

  #news(peers: readonly PeerId[], now: Millis): void {
    for (const peer of [...peers, ...this.#neighbours.takeChanges()]) this.#fresh.add(peer);
    if (this.#fresh.size > 0) this.#freshAt = { first: this.#freshAt?.first ?? now, last: now };
  }

  /** What the disk remembers is not waited for. */
  #isRipe(isCaughtUp: boolean, now: Millis): boolean {
    const isFirst = this.#isFirst;
    this.#isFirst = false;
    if (this.#freshAt === undefined) return false;
    const { first, last } = this.#freshAt;
    return now >= first + LATEST_MS || (isCaughtUp && (isFirst || now >= last + QUIET_MS));
  }

  #apply(now: Millis): void {
    for (const peer of this.#fresh) this.#applyTo(peer, now);
    this.#fresh.clear();
    this.#freshAt = undefined;
  }

  #applyTo(peer: PeerId, now: Millis): void {
    const isNeeded = this.#needs(peer);
    if (isNeeded) this.#wake(peer);
    if (!this.#neighbours.has(peer) || !isNeeded) this.#dialer.removePeer(peer);
    else this.#dial(peer, (now + (this.#self < peer ? 0 : CROSS_DIAL_HEADSTART_MS)) as Millis);
    this.#perform(this.#spares.needs(peer, isNeeded, now), now);
    this.#tellIdle(peer);
  }

  #tellIdle(peer: PeerId): void {
    const isIdle = this.isOnDemand(peer) && !this.#hooks.isConnected(peer);
    if (isIdle === this.#idle.has(peer)) return;
    if (isIdle) this.#idle.add(peer);
    else this.#idle.delete(peer);
    this.#hooks.idle(peer, isIdle);
  }

  #dial(peer: PeerId, dueAt: Millis): void {
    this.#dialer.addPeer(peer, this.#hooks.addresses(peer), dueAt);
  }

  #wake(peer: PeerId): void {
    if (this.#rested.delete(peer)) this.#dialer.wake(peer);
  }

  #canGo(peer: PeerId): boolean {
    return !this.#needs(peer) && this.#hooks.connected() - 1 > PLENTY && this.#hooks.hasWayAround(peer);
  }

  #perform(fx: readonly SpareFx[], now: Millis): void {
    for (const one of fx)
      if (one.kind === 'tell') this.#hooks.tell(one.peer, encodeSpare(one.isSpare));
      else this.#hooks.close(one.peer, now);
  }

  /** One at a time: who was reached before, as often as not. */
  #seek(now: Millis): void {
    if (!this.#neighbours.isSparse || this.#hooks.connected() >= POOR) {
      this.#seeks = 0;
      return this.#seekNoMore();
    }
    this.#seekAt ??= (now + SEEK_MS[0]!) as Millis;
    if (now < this.#seekAt) return;
    this.#seekNoMore();
    this.#seekAt = (now +
      SEEK_MS[Math.min(this.#seeks++, SEEK_MS.length - 1)]! * (0.75 + this.#random() / 2)) as Millis;
    const others = this.#neighbours.known.filter((peer) => !this.#needs(peer) && !this.#hooks.isConnected(peer));
    const reached = this.#random() < 0.5 ? others.filter((peer) => this.#hooks.wasReached(peer)) : [];
    const pool = reached.length > 0 ? reached : others;
    this.#sought = pool[Math.floor(this.#random() * pool.length)];
    if (this.#sought !== undefined) this.#dial(this.#sought, now);
  }

  #seekNoMore(): void {
    this.#seekAt = undefined;
    if (this.#sought !== undefined && !this.#needs(this.#sought)) this.#dialer.removePeer(this.#sought);
    this.#sought = undefined;
  }
}

/** Its router is not there to be a neighbour. */
const isMissing = (state: PeerState | undefined): boolean => state === 'faulty' || state === 'stopped';
