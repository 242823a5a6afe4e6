// With whom a router has a connection of its own accord. In a small mesh with everybody. In a large one with few, and both ends
// of a pair come to the same answer without a word, for it follows from their ids and from how many peers there are:
//
//   - the next live one in the ring of all ids, each way round: so the graph is in one piece, whoever is missing;
//   - who is passed over there because it is faulty, up to two each way: so a ring that closed at a cut opens again;
//   - PAIRS in N by a hash of both ids, N being the peers, rounded up to a power of two: so ways are short, a join changes few
//     pairs, and half of all pairs that were cut apart are still dialled when the cut heals.
import type { PeerId } from '../types.js';

/** Up to so many routers, all are connected to all. */
export const FULL_MESH = 48;
/** By hash each has between half of this and all of it. */
const PAIRS = 12;
/** In each direction, of those that are faulty and passed over in the ring. */
const PASSED_OVER = 2;
/** A mesh that shrinks goes back to the next smaller rule only when it is so much below its bound. */
const SLACK = 7 / 8;

export class Neighbours {
  readonly #self: PeerId;
  readonly #fullMesh: number;
  /** Of each known peer, the hash of the pair: 0 .. 2^32-1. */
  readonly #hashes = new Map<PeerId, number>();
  /** The known peers, in order of id: a join moves part of an array, which for 1,000 takes less than a microsecond. */
  readonly #ids: PeerId[] = [];
  readonly #missing = new Set<PeerId>();
  #ring: ReadonlySet<PeerId> = new Set();
  readonly #wanted = new Set<PeerId>();
  readonly #changed = new Set<PeerId>();
  #isSparse = false;
  /** 2^exponent is at least the number of routers, ourselves included. */
  #exponent = 0;

  constructor(self: PeerId, fullMesh = FULL_MESH) {
    this.#self = self;
    this.#fullMesh = fullMesh;
  }

  /** Are there more than can all be connected to all? */
  get isSparse(): boolean {
    return this.#isSparse;
  }

  has(peer: PeerId): boolean {
    return this.#hashes.has(peer);
  }

  wants(peer: PeerId): boolean {
    return this.#wanted.has(peer);
  }

  /** In order of id. */
  get known(): readonly PeerId[] {
    return this.#ids;
  }

  /** Idempotent. */
  add(peer: PeerId): void {
    if (peer === this.#self || this.#hashes.has(peer)) return;
    this.#hashes.set(peer, pairHash(this.#self, peer));
    this.#ids.splice(this.#positionOf(peer), 0, peer);
    this.#resize();
    this.#decide([peer]);
  }

  /** Idempotent. */
  remove(peer: PeerId): void {
    if (!this.#hashes.delete(peer)) return;
    this.#ids.splice(this.#positionOf(peer), 1);
    this.#missing.delete(peer);
    this.#resize();
    this.#decide([peer]);
  }

  /** The ring closes around who is faulty. */
  setMissing(peer: PeerId, isMissing: boolean): void {
    if (!this.#hashes.has(peer) || this.#missing.has(peer) === isMissing) return;
    if (isMissing) this.#missing.add(peer);
    else this.#missing.delete(peer);
    this.#decide([]);
  }

  /** Those that are wanted now and were not, or the other way round, since this was last asked. */
  takeChanges(): readonly PeerId[] {
    const changed = [...this.#changed];
    this.#changed.clear();
    return changed;
  }

  /** Where `peer` is in the ids, or would be. */
  #positionOf(peer: PeerId): number {
    let [low, high] = [0, this.#ids.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#ids[middle]! < peer) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** All pairs are looked at again when the number of routers passes a bound, which it does once each time that it doubles. */
  #resize(): void {
    const routers = this.#ids.length + 1;
    const [wasSparse, before] = [this.#isSparse, this.#exponent];
    if (routers > this.#fullMesh) this.#isSparse = true;
    else if (routers <= this.#fullMesh * SLACK) this.#isSparse = false;
    while (routers > 2 ** this.#exponent) this.#exponent++;
    while (this.#exponent > 0 && routers <= 2 ** (this.#exponent - 1) * SLACK) this.#exponent--;
    const isOther = this.#isSparse !== wasSparse || (this.#isSparse && this.#exponent !== before);
    if (isOther) this.#decide(this.#ids);
  }

  /** Looks again at these peers, and at those that the ring names or named. */
  #decide(peers: readonly PeerId[]): void {
    const before = this.#ring;
    this.#ring = this.#isSparse ? this.#findRing() : new Set();
    for (const peer of peers) this.#decideOn(peer);
    for (const peer of before) this.#decideOn(peer);
    for (const peer of this.#ring) this.#decideOn(peer);
  }

  #decideOn(peer: PeerId): void {
    const wanted = this.#follows(peer);
    if (wanted === this.#wanted.has(peer)) return;
    if (wanted) this.#wanted.add(peer);
    else this.#wanted.delete(peer);
    if (!this.#changed.delete(peer)) this.#changed.add(peer);
  }

  #follows(peer: PeerId): boolean {
    const hash = this.#hashes.get(peer);
    if (hash === undefined) return false;
    return !this.#isSparse || this.#ring.has(peer) || hash * 2 ** this.#exponent < PAIRS * 2 ** 32;
  }

  /** Each way round as far as the first that lives. */
  #findRing(): ReadonlySet<PeerId> {
    const ring = new Set<PeerId>();
    const [from, n] = [this.#positionOf(this.#self), this.#ids.length];
    for (const [first, step] of [
      [from, 1],
      [from - 1 + n, -1 + n],
    ] as const)
      for (let i = 0, passed = 0; i < n; i++) {
        const peer = this.#ids[(first + i * step) % n]!;
        const lives = !this.#missing.has(peer);
        if (lives || passed++ < PASSED_OVER) ring.add(peer);
        if (lives) break;
      }
    return ring;
  }
}

/** The same whichever comes first; ids are hashes themselves, so few bits of them will do. @returns 0 .. 2^32-1 */
export function pairHash(a: PeerId, b: PeerId): number {
  const [x, y] = [parseInt(a.slice(0, 8), 16), parseInt(b.slice(0, 8), 16)];
  let h = Math.imul(x ^ y, 0x9e3779b1) + (x + y);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b); // the finalizer of MurmurHash3
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
