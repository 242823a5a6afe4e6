// Over which connections blocks are pushed in a mesh where nobody is connected to all, so that each router gets each block about
// once: after Plumtree (Leitão, Pereira, Rodrigues: Epidemic Broadcast Trees, SRDS 2007), with one tree for all owners.
//
//   event                              what follows
//   a neighbour comes                   its branch is open: blocks are pushed
//   a block from N that was news        N's branch is open
//   a block from N that we had          N's branch is closed, and N told so: prune
//   prune from N                        N's branch is closed
//   a stream moved                      100 ms later some with closed branches are told how far it came: have
//   have from N, further than we are    if it did not come by itself within 300 ms, N's branch is opened and N asked: graft
//   graft from N                        N's branch is open, and what it lacks is sent
import type { FrameOut } from './exchange.js';
import type { Random } from './core.js';
import type { RecordStore } from './gossip/store.js';
import { some } from './some.js';
import type { Millis, PeerId } from './types.js';
import { FrameType } from './wire/stream.js';
import {
  compareStreams,
  encodeVector,
  streamKey,
  type StreamName,
  type Vector,
  type VectorEntry,
} from './wire/vector.js';

interface Promised {
  readonly stream: StreamName;
  /** Who has it, in the order in which they said so. */
  readonly by: PeerId[];
  dueAt: Millis;
}

/** A push goes through a thousand routers in less: who has the block by then is not asked for anything. */
const HAVE_AFTER_MS = 100;
const GRAFT_AFTER_MS = 300;
/** Streams times neighbours told at once: of one change all are told, of very many a few each, for those tell others. */
const HAVE_ENTRIES = 64;
const HAVE_LEAST = 3;
/** What is promised beyond these is found by the digests. */
const MAX_PROMISED = 4_096;

/** Pure: owns which branches are closed, what moved, and what was promised. */
export class PushTree {
  readonly #store: RecordStore;
  readonly #random: Random;
  readonly #closed = new Set<PeerId>();
  readonly #moved = new Map<string, StreamName>();
  readonly #promised = new Map<string, Promised>();
  #haveAt: Millis | undefined;
  /** Nothing that is promised is due before. */
  #graftAt: Millis | undefined;

  constructor(store: RecordStore, random: Random) {
    this.#store = store;
    this.#random = random;
  }

  /** Those of `neighbours` that blocks are pushed to. */
  open(neighbours: readonly PeerId[]): readonly PeerId[] {
    return neighbours.filter((n) => !this.#closed.has(n));
  }

  /** A stream has come further: by our own doing, or by a block `from` a neighbour. */
  moved(stream: StreamName, from: PeerId | undefined, now: Millis): void {
    if (from !== undefined) this.#closed.delete(from);
    this.#promised.delete(streamKey(stream));
    this.#moved.set(streamKey(stream), stream);
    this.#haveAt ??= (now + HAVE_AFTER_MS) as Millis;
  }

  /** A neighbour pushed what we had: one push of each block is enough. */
  wasKnown(from: PeerId): readonly FrameOut[] {
    if (this.#closed.has(from)) return [];
    this.#closed.add(from);
    return [{ to: from, type: FrameType.prune, body: EMPTY }];
  }

  pruned(from: PeerId): void {
    this.#closed.add(from);
  }

  had(from: PeerId, vector: Vector, now: Millis): void {
    for (const entry of vector) if (this.#store.wants([entry])) this.#promise(entry, from, now);
  }

  /** @returns the blocks that it lacks */
  grafted(from: PeerId, vector: Vector): readonly Uint8Array[] {
    this.#closed.delete(from);
    return [...this.#store.following(vector)];
  }

  down(neighbour: PeerId): void {
    this.#closed.delete(neighbour);
  }

  tick(neighbours: readonly PeerId[], now: Millis): readonly FrameOut[] {
    return [...this.#haves(neighbours, now), ...this.#grafts(neighbours, now)];
  }

  nextDeadline(): Millis | undefined {
    if (this.#haveAt === undefined || this.#graftAt === undefined) return this.#haveAt ?? this.#graftAt;
    return Math.min(this.#haveAt, this.#graftAt) as Millis;
  }

  #promise({ owner, topic }: VectorEntry, by: PeerId, now: Millis): void {
    const key = streamKey({ owner, topic });
    const known = this.#promised.get(key);
    if (known?.by.includes(by) === false) known.by.push(by);
    if (known !== undefined || this.#promised.size >= MAX_PROMISED) return;
    const dueAt = (now + GRAFT_AFTER_MS) as Millis;
    this.#promised.set(key, { stream: { owner, topic }, by: [by], dueAt });
    this.#graftAt ??= dueAt;
  }

  #haves(neighbours: readonly PeerId[], now: Millis): readonly FrameOut[] {
    if (this.#haveAt === undefined || now < this.#haveAt) return [];
    this.#haveAt = undefined;
    const closed = neighbours.filter((n) => this.#closed.has(n));
    const told = some(closed, Math.max(HAVE_LEAST, Math.floor(HAVE_ENTRIES / this.#moved.size)), this.#random);
    const body = this.#heads([...this.#moved.values()]);
    this.#moved.clear();
    return told.map((to) => ({ to, type: FrameType.have, body }));
  }

  /** What did not come by itself. Each is asked of one who has it after the other. */
  #grafts(neighbours: readonly PeerId[], now: Millis): readonly FrameOut[] {
    if (this.#graftAt === undefined || now < this.#graftAt) return [];
    const streams = new Map<PeerId, StreamName[]>();
    for (const [key, p] of this.#promised) {
      if (now < p.dueAt) continue;
      const by = p.by.shift();
      if (by === undefined) this.#promised.delete(key);
      else streams.set(by, [...(streams.get(by) ?? []), p.stream]);
      p.dueAt = (now + GRAFT_AFTER_MS) as Millis;
    }
    this.#graftAt = earliest(this.#promised.values());
    const grafts = [...streams].filter(([to]) => neighbours.includes(to));
    for (const [to] of grafts) this.#closed.delete(to);
    return grafts.map(([to, list]) => ({ to, type: FrameType.graft, body: this.#heads(list) }));
  }

  /** How far we have come in some streams. */
  #heads(streams: readonly StreamName[]): Uint8Array {
    const heads = streams.map(({ owner, topic }) => {
      return { owner, topic, head: this.#store.head(owner, topic), partial: undefined };
    });
    return encodeVector(heads.sort(compareStreams));
  }
}

function earliest(all: Iterable<Promised>): Millis | undefined {
  let at: Millis | undefined;
  for (const { dueAt } of all) if (at === undefined || dueAt < at) at = dueAt;
  return at;
}

const EMPTY = new Uint8Array(0);
