// Who is connected to whom, as the routers publish it, and what follows: next hops, distances, components.
import type { PeerId } from '../types.js';
import { firstRelays, nextHops, type Graph, type Route } from './next-hops.js';

/**
 * The graph of peers and connections. An edge between two others counts when both publish it; an edge of our own when
 * we say so, since a first hop needs no more. Nothing is computed before it is asked for, nor twice for one version.
 */
export class Topology {
  readonly #self: PeerId;
  readonly #published = new Map<PeerId, Set<PeerId>>();
  readonly #hidden = new Set<PeerId>();
  /** Of the edges that each publishes, those that it sends data over. */
  readonly #carrying = new Map<PeerId, Set<PeerId>>();
  #version = 0;
  #routes: ReadonlyMap<PeerId, Route> | undefined;
  #components: readonly (readonly PeerId[])[] | undefined;

  constructor(self: PeerId) {
    this.#self = self;
    this.#published.set(self, new Set());
  }

  /** Rises with every change that can alter an answer. */
  get version(): number {
    return this.#version;
  }

  setSelf(neighbours: Iterable<PeerId>): void {
    this.setEdges(this.#self, neighbours);
  }

  /** What `peer` publishes now, in place of what it published before. */
  setEdges(peer: PeerId, neighbours: Iterable<PeerId>): void {
    const edges = new Set(neighbours);
    edges.delete(peer);
    const before = this.#published.get(peer);
    if (before !== undefined && before.size === edges.size && [...edges].every((p) => before.has(p))) return;
    this.#published.set(peer, edges);
    this.#changed();
  }

  /** One edge of those that `peer` publishes. */
  setEdge(peer: PeerId, neighbour: PeerId, isThere: boolean): void {
    const edges = this.#published.get(peer) ?? new Set<PeerId>();
    this.#published.set(peer, edges);
    if (peer === neighbour || edges.has(neighbour) === isThere) return;
    if (isThere) edges.add(neighbour);
    else edges.delete(neighbour);
    this.#changed();
  }

  /** `peer` says that data goes straight to `neighbour`, or not. No route follows from it. */
  setCarries(peer: PeerId, neighbour: PeerId, carries: boolean): void {
    if (!carries) return void this.#carrying.get(peer)?.delete(neighbour);
    const edges = this.#carrying.get(peer) ?? new Set<PeerId>();
    this.#carrying.set(peer, edges.add(neighbour));
  }

  /** Forgets what a peer published. Of ourselves only the edges go. */
  removePeer(peer: PeerId): void {
    this.#hidden.delete(peer);
    this.#carrying.delete(peer);
    if (peer === this.#self) return this.setSelf([]);
    if (this.#published.delete(peer)) this.#changed();
  }

  /** A hidden peer can be reached and is not used as a relay. Said of ourselves it changes nothing. */
  hidden(peer: PeerId, isHidden: boolean): void {
    if (this.#hidden.has(peer) === isHidden || peer === this.#self) return;
    if (isHidden) this.#hidden.add(peer);
    else this.#hidden.delete(peer);
    this.#changed();
  }

  /** Is there an edge that counts? */
  isEdge(a: PeerId, b: PeerId): boolean {
    if (a === this.#self) return this.#published.get(a)!.has(b);
    if (b === this.#self) return this.#published.get(b)!.has(a);
    return this.#published.get(a)?.has(b) === true && this.#published.get(b)?.has(a) === true;
  }

  /** @returns the neighbour that brings a message nearer to `to`, or undefined: no way, or `to` is us */
  nextHop(to: PeerId): PeerId | undefined {
    if (this.isEdge(this.#self, to)) return to; // in a full mesh no search is ever made
    return this.#route(to)?.via;
  }

  /**
   * By which neighbours data reaches `to` through at most `maxRelays` others, in the fewest steps: first over connections that
   * both ends send data over, and if there is no such way, over any.
   * @param passOver who is not to be on the way
   * @param canBeLast may it go from us straight to `to`, if there is a connection?
   * @returns sorted by id; `to` itself when that is the answer
   */
  hopsForData(
    to: PeerId,
    passOver: ReadonlySet<PeerId>,
    { maxRelays, canBeLast }: { readonly maxRelays: number; readonly canBeLast: boolean },
  ): readonly PeerId[] {
    const isSent = (a: PeerId, b: PeerId): boolean => this.isEdge(a, b) && this.#isCarried(a, b);
    const isAny = (a: PeerId, b: PeerId): boolean => this.isEdge(a, b);
    for (const isEdge of [isSent, isAny]) {
      if (canBeLast && isEdge(this.#self, to)) return [to];
      const first = firstRelays(this.#self, to, { ...this.#graph(), isEdge }, passOver, maxRelays);
      if (first.length > 0) return first;
    }
    return [];
  }

  /** Connections on the way; 0 to ourselves, undefined when there is no way. */
  distance(to: PeerId): number | undefined {
    if (to === this.#self) return 0;
    return this.isEdge(this.#self, to) ? 1 : this.#route(to)?.hops;
  }

  /** Sorted by id, without ourselves. */
  reachable(): readonly PeerId[] {
    return [...this.#allRoutes().keys()].sort();
  }

  /**
   * Every peer we heard of, in sets that can reach one another: ours first, the others by their lowest id, each sorted.
   * A hidden peer joins none together; it is in the first that reaches it, or alone.
   */
  components(): readonly (readonly PeerId[])[] {
    return (this.#components ??= this.#findComponents());
  }

  #isCarried(a: PeerId, b: PeerId): boolean {
    return this.#carrying.get(a)?.has(b) === true && this.#carrying.get(b)?.has(a) === true;
  }

  #route(to: PeerId): Route | undefined {
    return this.#allRoutes().get(to);
  }

  #allRoutes(): ReadonlyMap<PeerId, Route> {
    return (this.#routes ??= nextHops(this.#self, this.#graph()));
  }

  #graph(): Graph {
    return {
      size: this.#peers().size,
      candidates: (of) => this.#candidates(of),
      isEdge: (a, b) => this.isEdge(a, b),
      relays: (peer) => !this.#hidden.has(peer),
    };
  }

  /** What it publishes; and ourselves, as our own word is enough. */
  #candidates(of: PeerId): Iterable<PeerId> {
    const published = this.#published.get(of);
    if (of === this.#self || !this.isEdge(this.#self, of)) return published ?? [];
    return published?.has(this.#self) === true ? published : [this.#self, ...(published ?? [])];
  }

  /** All that published something, and our own neighbours. */
  #peers(): ReadonlySet<PeerId> {
    return new Set([...this.#published.keys(), ...this.#published.get(this.#self)!]);
  }

  #findComponents(): readonly (readonly PeerId[])[] {
    const graph = this.#graph();
    const left = new Set([this.#self, ...[...this.#peers()].sort()]);
    const found: PeerId[][] = [];
    for (const hidden of [false, true])
      // hidden ones last: by then, those with a way to somebody have been found
      for (const peer of left) {
        if (this.#hidden.has(peer) !== hidden) continue;
        const component = [peer, ...nextHops(peer, graph).keys()].filter((p) => left.delete(p));
        found.push(component.sort());
      }
    return found;
  }

  #changed(): void {
    this.#version++;
    this.#routes = undefined;
    this.#components = undefined;
  }
}
