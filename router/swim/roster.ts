// Peers to draw from at random, however many there are.
import type { Random } from '../core.js';
import type { PeerId } from '../types.js';

/** A set of peers; each operation takes the same time for ten of them and for thousands. Pure. */
export class Roster {
  readonly #peers: PeerId[] = [];
  readonly #at = new Map<PeerId, number>();

  get size(): number {
    return this.#peers.length;
  }

  has(peer: PeerId): boolean {
    return this.#at.has(peer);
  }

  /** In no order that means anything. */
  [Symbol.iterator](): Iterator<PeerId> {
    return this.#at.keys();
  }

  add(peer: PeerId): void {
    if (this.#at.has(peer)) return;
    this.#at.set(peer, this.#peers.length);
    this.#peers.push(peer);
  }

  delete(peer: PeerId): void {
    const at = this.#at.get(peer);
    if (at === undefined) return;
    this.#at.delete(peer);
    const last = this.#peers.pop()!;
    if (last === peer) return;
    this.#peers[at] = last;
    this.#at.set(last, at);
  }

  /** One of them, each equally likely. */
  draw(random: Random): PeerId | undefined {
    return this.#peers[Math.floor(random() * this.#peers.length)];
  }

  /** Up to `n` different ones that pass, in random order. `passes` fails few: it is asked of those drawn. */
  sample(n: number, random: Random, passes: (peer: PeerId) => boolean = () => true): PeerId[] {
    const peers = this.#peers;
    const drawn: PeerId[] = [];
    // Fisher and Yates from the front, in place: the order of a roster means nothing.
    for (let i = 0; i < peers.length && drawn.length < n; i++) {
      const j = i + Math.floor(random() * (peers.length - i));
      const [a, b] = [peers[i]!, peers[j]!];
      peers[i] = b;
      peers[j] = a;
      this.#at.set(b, i).set(a, j);
      if (passes(b)) drawn.push(b);
    }
    return drawn;
  }
}
