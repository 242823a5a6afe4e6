// Over which connections blocks are pushed in a mesh where nobody is connected to all, so that each router gets each block about
// once: after Plumtree (Leitão, Pereira, Rodrigues: Epidemic Broadcast Trees, SRDS 2007), with one tree for all owners.
//
//   event                              what follows
//   a neighbour comes                   its branch is open: blocks are pushed
//   a block from N that was news        N's branch is open, unless it was closed just now
//   a block from N that we had          N's branch is closed, and N told so: prune. While few are open not at once, but when
//                                       it happens again up to a second later; of a closed branch again after a second
//   prune from N                        N's branch is closed; the only one that is open stays, and N is told so: graft, of nothing
//   a stream moved                      100 ms later some with closed branches are told how far it came: have
//   have from N, further than we are    if it did not come by itself within 300 to 600 ms, N's branch is opened and N asked for
//                                       all that it told of: graft
//   graft from N                        N's branch is open, and what it lacks is sent
//
// Blocks of several owners meet on a circle at several places. Were it cut at each of them at once, a part of the mesh would be
// cut off, and were all of that part to ask at once, it would be full of circles again, and so on for as long as blocks come.
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
/** As much longer by chance, so that one asks first, and what it gets goes along the tree to the others that lack it. */
const GRAFT_WITHIN_MS = 300;
/** With more open branches there are circles enough: they are cut at once. With fewer, each by one router that chance picks. */
const FEW_OPEN = 4;
const PRUNE_WITHIN_MS = 1_000;
/** After this a doubt is forgotten. */
const DOUBT_MS = 10_000;
/** What was sent before its sender heard that the branch is closed comes within this. */
const IN_FLIGHT_MS = 1_000;
/** Streams times neighbours told at once: of one change all are told, of very many a few each, for those tell others. */
const HAVE_ENTRIES = 64;
const HAVE_LEAST = 3;
/** What is promised beyond these is found by the digests. */
const MAX_PROMISED = 4_096;

/** Pure: owns which branches are closed, what moved, and what was promised. */
export class PushTree {
  readonly #store: RecordStore;
  readonly #random: Random;
  /** Since when. */
  readonly #closed = new Map<PeerId, Millis>();
  /** Of open branches that bring what we have: from when on they are closed for it. */
  readonly #doubted = new Map<PeerId, Millis>();
  readonly #moved = new Map<string, StreamName>();
  readonly #promised = new Map<string, Promised>();
  #haveAt: Millis | undefined;
  /** Nothing that is promised is due before. */
  #graftAt: Millis | undefined;
  /** How long that is waited for; drawn when something is promised after nothing was. */
  #patienceMs = GRAFT_AFTER_MS;

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
    if (from !== undefined && !this.#mayBeInFlight(from, now)) this.#closed.delete(from);
    this.#promised.delete(streamKey(stream));
    this.#moved.set(streamKey(stream), stream);
    this.#haveAt ??= (now + HAVE_AFTER_MS) as Millis;
  }

  /** A neighbour pushed what we had: one push of each block is enough. */
  wasKnown(from: PeerId, neighbours: readonly PeerId[], now: Millis): readonly FrameOut[] {
    const mayClose = this.#closed.has(from) ? !this.#mayBeInFlight(from, now) : this.#mayPrune(from, neighbours, now);
    if (!mayClose || this.#isLast(from, neighbours)) return [];
    this.#close(from, now);
    return [{ to: from, type: FrameType.prune, body: EMPTY }];
  }

  /** @returns what opens the branch again, if there is no other */
  pruned(from: PeerId, neighbours: readonly PeerId[], now: Millis): readonly FrameOut[] {
    if (this.#isLast(from, neighbours)) return [{ to: from, type: FrameType.graft, body: this.#heads([]) }];
    this.#close(from, now);
    return [];
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
    this.#doubted.delete(neighbour);
  }

  tick(neighbours: readonly PeerId[], now: Millis): readonly FrameOut[] {
    return [...this.#haves(neighbours, now), ...this.#grafts(neighbours, now)];
  }

  nextDeadline(): Millis | undefined {
    if (this.#haveAt === undefined || this.#graftAt === undefined) return this.#haveAt ?? this.#graftAt;
    return Math.min(this.#haveAt, this.#graftAt) as Millis;
  }

  /** While many are open at once; then after a while that is up to chance, if that is still so. */
  #mayPrune(from: PeerId, neighbours: readonly PeerId[], now: Millis): boolean {
    if (this.#areManyOpen(neighbours)) return true;
    const at = this.#doubted.get(from);
    if (at !== undefined && now < at) return false;
    if (at !== undefined && now < at + DOUBT_MS) return true;
    this.#doubted.set(from, (now + PRUNE_WITHIN_MS * this.#random()) as Millis);
    return false;
  }

  /** Asked at each block that we had: while a large mesh forms, of hundreds of neighbours. What is closed is among them. */
  #areManyOpen(neighbours: readonly PeerId[]): boolean {
    return neighbours.length - this.#closed.size > FEW_OPEN || this.open(neighbours).length > FEW_OPEN;
  }

  /** Is it the only one whose branch is open? No circle leads through it, and without it nothing would come. */
  #isLast(from: PeerId, neighbours: readonly PeerId[]): boolean {
    if (this.#closed.has(from) || this.#areManyOpen(neighbours)) return false;
    const open = this.open(neighbours);
    return open.length === 1 && open[0] === from;
  }

  /** What it sent before it heard that the branch is closed. */
  #mayBeInFlight(from: PeerId, now: Millis): boolean {
    return now < (this.#closed.get(from) ?? -Infinity) + IN_FLIGHT_MS;
  }

  #close(neighbour: PeerId, now: Millis): void {
    this.#closed.set(neighbour, now);
    this.#doubted.delete(neighbour);
  }

  #promise({ owner, topic }: VectorEntry, by: PeerId, now: Millis): void {
    const key = streamKey({ owner, topic });
    const known = this.#promised.get(key);
    if (known?.by.includes(by) === false) known.by.push(by);
    if (known !== undefined || this.#promised.size >= MAX_PROMISED) return;
    if (this.#promised.size === 0) this.#patienceMs = GRAFT_AFTER_MS + GRAFT_WITHIN_MS * this.#random();
    const dueAt = (now + this.#patienceMs) as Millis;
    this.#promised.set(key, { stream: { owner, topic }, by: [by], dueAt });
    if (this.#graftAt === undefined || dueAt < this.#graftAt) this.#graftAt = dueAt;
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

  /** What did not come by itself. Who has it is asked for all that it has, and the others in turn for the rest. */
  #grafts(neighbours: readonly PeerId[], now: Millis): readonly FrameOut[] {
    if (this.#graftAt === undefined || now < this.#graftAt) return [];
    const grafts = new Map<PeerId, StreamName[]>();
    for (const [key, p] of this.#promised) {
      if (now < p.dueAt) continue;
      const by = p.by.find((n) => neighbours.includes(n));
      if (by === undefined) this.#promised.delete(key);
      else grafts.set(by, this.#takePromised(by, now));
    }
    this.#graftAt = earliest(this.#promised.values());
    for (const to of grafts.keys()) this.#closed.delete(to);
    return [...grafts].map(([to, list]) => ({ to, type: FrameType.graft, body: this.#heads(list) }));
  }

  /** All that it promised, and as late as that may be it is not asked again. */
  #takePromised(by: PeerId, now: Millis): StreamName[] {
    const streams: StreamName[] = [];
    for (const p of this.#promised.values()) {
      const at = p.by.indexOf(by);
      if (at < 0) continue;
      p.by.splice(at, 1);
      p.dueAt = (now + this.#patienceMs) as Millis;
      streams.push(p.stream);
    }
    return streams;
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
