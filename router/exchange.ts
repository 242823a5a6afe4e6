// How records travel: pushed when they are new, and compared by digest now and then, so that what a push missed is found.
//
//   a connection comes up   both ends send their vector; each answers with the blocks that the other lacks
//   own records change      blocks to all neighbours (a few random ones in a large mesh)
//   news from a neighbour   on to those that the owner itself cannot have told, and to one more by chance
//   every 10 s              a digest (16 bytes) to one random neighbour; if it differs, vectors follow
import type { Random } from './core.js';
import type { RecordChange } from './gossip/chain.js';
import { incarnationOf, type RecordStore } from './gossip/store.js';
import type { Topic } from './wire/block.js';
import { sameBytes } from './wire/bytes.js';
import { FrameType } from './wire/stream.js';
import { decodeVector } from './wire/vector.js';
import type { Millis, PeerId } from './types.js';

export interface FrameOut {
  readonly to: PeerId;
  readonly type: number;
  readonly body: Uint8Array;
}

export interface Exchanged {
  readonly out: readonly FrameOut[];
  readonly changes: Iterable<RecordChange>;
  /** Somebody holds a stream of ours newer than we do, of this incarnation: our disk was set back. */
  readonly aheadOf: number | undefined;
  /** The neighbour and we hold the same. */
  readonly inStep: boolean;
  readonly drops: readonly string[];
}

const DIGEST_INTERVAL_MS = 10_000;
const VECTOR_INTERVAL_MS = 300; // per neighbour: a difference that one answer did not mend is asked about again after this
const PUSH_TO_ALL = 32; // neighbours; above it an epidemic with fan-out 6 reaches 1,000 in 4 rounds
const FANOUT = 6;
const EXTRA_RELAYS = 1; // for an edge that is believed in and broken; the digests would find it later

const NOTHING: Exchanged = { out: [], changes: [], aheadOf: undefined, inStep: false, drops: [] };

export class Exchange {
  readonly #store: RecordStore;
  readonly #random: Random;
  /** Is there a connection between these two, as far as the topology tells? */
  readonly #adjacent: (a: PeerId, b: PeerId) => boolean;
  readonly #vectorSentAt = new Map<PeerId, Millis>();
  /** Neighbours to send a vector to as soon as the last one is old enough. */
  readonly #owed = new Set<PeerId>();
  #digestAt: Millis;

  constructor(store: RecordStore, random: Random, adjacent: (a: PeerId, b: PeerId) => boolean, now: Millis) {
    this.#store = store;
    this.#random = random;
    this.#adjacent = adjacent;
    this.#digestAt = (now + DIGEST_INTERVAL_MS * random()) as Millis;
  }

  up(peer: PeerId, now: Millis): readonly FrameOut[] {
    return [this.#vector(peer, now)];
  }

  down(peer: PeerId): void {
    this.#vectorSentAt.delete(peer);
    this.#owed.delete(peer);
  }

  frame(from: PeerId, type: number, body: Uint8Array, neighbours: readonly PeerId[], now: Millis): Exchanged {
    switch (type) {
      case FrameType.digest:
        return this.#digest(from, body, now);
      case FrameType.vector:
        return this.#answer(from, body, now);
      case FrameType.block:
        return this.#block(from, body, neighbours, now);
      default:
        return { ...NOTHING, drops: ['frame-type'] };
    }
  }

  /** Cuts what was put since the last call into blocks and sends them on their way. */
  push(neighbours: readonly PeerId[], isWanted?: (topic: Topic) => boolean): readonly FrameOut[] {
    const blocks = this.#store.flush(isWanted);
    if (blocks.length === 0) return [];
    return blocksTo(this.#reach(neighbours), blocks);
  }

  tick(neighbours: readonly PeerId[], now: Millis): readonly FrameOut[] {
    const vectors = [...this.#owed].flatMap((peer) => this.#ask(peer, now));
    if (now < this.#digestAt) return vectors;
    this.#digestAt = (now + DIGEST_INTERVAL_MS * (0.75 + this.#random() / 2)) as Millis;
    return [...vectors, ...this.#some(neighbours, 1).map((to) => this.#compare(to))];
  }

  nextDeadline(): Millis {
    const owed = [...this.#owed].map((peer) => this.#vectorSentAt.get(peer)! + VECTOR_INTERVAL_MS);
    return Math.min(this.#digestAt, ...owed) as Millis;
  }

  #digest(from: PeerId, theirs: Uint8Array, now: Millis): Exchanged {
    if (sameBytes(this.#store.digest(), theirs)) return { ...NOTHING, inStep: true };
    return { ...NOTHING, out: this.#ask(from, now) };
  }

  /** The digest behind the blocks tells the other whether that was all, and makes it ask again if it was not. */
  #answer(from: PeerId, body: Uint8Array, now: Millis): Exchanged {
    const vector = decodeVector(body);
    if (typeof vector === 'string') return { ...NOTHING, drops: [`vector-${vector}`] };
    const blocks = blocksTo([from], [...this.#store.missingFor(vector)]);
    const wants = this.#store.wants(vector);
    const out = [
      ...blocks,
      ...(blocks.length > 0 ? [this.#compare(from)] : []),
      ...(wants ? this.#ask(from, now) : []),
    ];
    return { ...NOTHING, out, inStep: !wants };
  }

  #block(from: PeerId, body: Uint8Array, neighbours: readonly PeerId[], now: Millis): Exchanged {
    const got = this.#store.receive(body);
    switch (got.kind) {
      case 'news':
        return { ...NOTHING, out: this.#relay(from, got.owner, got.blocks, neighbours), changes: got.changes };
      case 'known':
        return NOTHING;
      case 'gap':
        return { ...NOTHING, out: got.partial ? [] : this.#ask(from, now) };
      case 'mine-ahead':
        return { ...NOTHING, aheadOf: incarnationOf(got.version) };
      case 'dropped':
        return { ...NOTHING, drops: [`block-${got.reason}`] };
    }
  }

  #relay(from: PeerId, owner: PeerId, blocks: readonly Uint8Array[], neighbours: readonly PeerId[]): FrameOut[] {
    const others = neighbours.filter((n) => n !== from && n !== owner);
    const untold = others.filter((n) => !this.#adjacent(n, owner) && !this.#adjacent(n, from));
    const extra = this.#some(
      others.filter((n) => !untold.includes(n)),
      neighbours.length > PUSH_TO_ALL ? FANOUT : EXTRA_RELAYS,
    );
    return blocksTo([...this.#reach(untold), ...extra], blocks);
  }

  #vector(to: PeerId, now: Millis): FrameOut {
    this.#vectorSentAt.set(to, now);
    this.#owed.delete(to);
    return { to, type: FrameType.vector, body: this.#store.vector() };
  }

  /** A vector now, or as soon as the last one is old enough. */
  #ask(peer: PeerId, now: Millis): readonly FrameOut[] {
    if (now - (this.#vectorSentAt.get(peer) ?? -Infinity) >= VECTOR_INTERVAL_MS) return [this.#vector(peer, now)];
    this.#owed.add(peer);
    return [];
  }

  #compare(to: PeerId): FrameOut {
    return { to, type: FrameType.digest, body: this.#store.digest() };
  }

  /** All of a few, a few of many. */
  #reach(peers: readonly PeerId[]): readonly PeerId[] {
    return peers.length <= PUSH_TO_ALL ? peers : this.#some(peers, FANOUT);
  }

  /** Up to `n` of them, each choice equally likely. */
  #some(peers: readonly PeerId[], n: number): readonly PeerId[] {
    if (peers.length <= n) return peers;
    const pool = [...peers];
    for (let i = 0; i < n; i++) {
      const j = i + Math.floor(this.#random() * (pool.length - i));
      [pool[i], pool[j]] = [pool[j]!, pool[i]!];
    }
    return pool.slice(0, n);
  }
}

const blocksTo = (peers: readonly PeerId[], blocks: readonly Uint8Array[]): FrameOut[] =>
  peers.flatMap((to) => blocks.map((body) => ({ to, type: FrameType.block, body })));
