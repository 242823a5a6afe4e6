// How records travel: pushed when they are new, and compared by digest now and then, so that what a push missed is found.
//
//   a connection comes up   both ends send a digest (16 bytes)
//   a digest that differs   a vector, to one neighbour at a time (asking.ts); it answers with the blocks that we lack and its
//                           digest, and asks us if the vector says that we have more
//   own records change      blocks to all neighbours; in a sparse mesh along the push tree (push-tree.ts)
//   news from a neighbour   on to those that the owner itself cannot have told, and to one more by chance; sparse: along the tree
//   a large answer          is not pushed on; each other neighbour gets a digest
//   every 10 s              a digest to one random neighbour
//
// Blocks are verified a few at a time (inbox.ts). Who sent one that its owner did not sign is not listened to for a moment.
import { Asking } from './asking.js';
import type { Random } from './core.js';
import type { RecordChange } from './gossip/chain.js';
import type { LimitReason } from './gossip/replicas.js';
import { incarnationOf, type ReceiveDrop, type Received, type RecordStore } from './gossip/store.js';
import { Inbox } from './inbox.js';
import type { Offence } from './offences.js';
import { peekBlock, type Topic } from './wire/block.js';
import { sameBytes } from './wire/bytes.js';
import { PushTree } from './push-tree.js';
import { some } from './some.js';
import { encodeFrame, FrameType } from './wire/stream.js';
import { decodeVector, type Vector } from './wire/vector.js';
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
  /** What the neighbour did that no honest one does. */
  readonly offence?: Offence;
}

const DIGEST_INTERVAL_MS = 10_000;
const DEAF_MS = 100; // so a forger costs us at most ten signatures a second
const EXTRA_RELAYS = 1; // for an edge that is believed in and broken; the digests would find it later

type News = Extract<Received, { kind: 'news' }>;
const NOTHING: Exchanged = { out: [], changes: [], aheadOf: undefined, inStep: false, drops: [] };

export class Exchange {
  readonly #store: RecordStore;
  readonly #random: Random;
  /** Is there a connection between these two, as far as the topology tells? */
  readonly #adjacent: (a: PeerId, b: PeerId) => boolean;
  /** Are there more routers than can all be connected to all? */
  readonly #isSparse: () => boolean;
  readonly #tree: PushTree;
  readonly #asking: Asking;
  readonly #inbox = new Inbox();
  /** Who sent a forged block, and until when no other is taken from there. */
  readonly #deafUntil = new Map<PeerId, Millis>();
  #digestAt: Millis;
  /** Of the last event. */
  #now: Millis;

  constructor(
    store: RecordStore,
    random: Random,
    adjacent: (a: PeerId, b: PeerId) => boolean,
    now: Millis,
    isSparse: () => boolean = () => false,
  ) {
    this.#store = store;
    this.#random = random;
    this.#adjacent = adjacent;
    this.#isSparse = isSparse;
    this.#tree = new PushTree(store, random);
    this.#asking = new Asking(store);
    this.#now = now;
    this.#digestAt = (now + DIGEST_INTERVAL_MS * random()) as Millis;
  }

  up(peer: PeerId, now: Millis): readonly FrameOut[] {
    this.#now = now;
    return [this.#compare(peer)];
  }

  down(peer: PeerId): void {
    this.#asking.down(peer);
    this.#tree.down(peer);
    this.#inbox.down(peer);
    this.#deafUntil.delete(peer);
  }

  /** Now, or in a turn to come. */
  frame(from: PeerId, type: number, body: Uint8Array, neighbours: readonly PeerId[], now: Millis): Exchanged {
    this.#now = now;
    if (this.#inbox.isDue(from, type)) return this.#frame(from, type, body, neighbours, now);
    return this.#inbox.put(from, type, body) ? NOTHING : { ...NOTHING, drops: ['block-backlog'] };
  }

  /** A new turn: goes on with what waits. One thing after the other: what came of one is to be dealt with before the next. */
  *turn(neighbours: readonly PeerId[], now: Millis): Iterable<Exchanged> {
    this.#now = now;
    for (const { from, type, body } of this.#inbox.turn()) yield this.#frame(from, type, body, neighbours, now);
  }

  #frame(from: PeerId, type: number, body: Uint8Array, neighbours: readonly PeerId[], now: Millis): Exchanged {
    switch (type) {
      case FrameType.digest:
        return this.#digest(from, body, now);
      case FrameType.vector:
        return this.#decoded('vector', body, (vector) => this.#answer(from, vector, now));
      case FrameType.block:
        return this.#block(from, body, neighbours, now);
      case FrameType.prune:
        return { ...NOTHING, out: this.#tree.pruned(from, neighbours, now) };
      case FrameType.have:
        return this.#decoded('have', body, (vector) => {
          this.#tree.had(from, vector, now);
          return NOTHING;
        });
      case FrameType.graft:
        return this.#decoded('graft', body, (v) => ({
          ...NOTHING,
          out: blocksTo([from], this.#tree.grafted(from, v)),
        }));
      default:
        return { ...NOTHING, drops: ['frame-type'] };
    }
  }

  /** Cuts what was put since the last call into blocks and sends them on their way. */
  push(neighbours: readonly PeerId[], isWanted?: (topic: Topic) => boolean): readonly FrameOut[] {
    const blocks = this.#store.flush(isWanted);
    if (blocks.length === 0) return [];
    if (!this.#isSparse()) return blocksTo(neighbours, blocks);
    for (const block of blocks) this.#tree.moved(peekBlock(block)!, undefined, this.#now);
    return blocksTo(this.#tree.open(neighbours), blocks);
  }

  tick(neighbours: readonly PeerId[], now: Millis): readonly FrameOut[] {
    this.#now = now;
    const due = [...this.#asking.tick(now), ...this.#tree.tick(neighbours, now)];
    const teller = this.#asking.takeBulk();
    if (teller !== undefined) due.push(...neighbours.filter((n) => n !== teller).map((to) => this.#compare(to)));
    if (now < this.#digestAt) return due;
    this.#digestAt = (now + DIGEST_INTERVAL_MS * (0.75 + this.#random() / 2)) as Millis;
    return [...due, ...some(neighbours, 1, this.#random).map((to) => this.#compare(to))];
  }

  nextDeadline(): Millis {
    const all = [this.#tree.nextDeadline(), this.#asking.nextDeadline(), this.#inbox.isEmpty ? undefined : this.#now];
    return Math.min(this.#digestAt, ...all.filter((at) => at !== undefined)) as Millis;
  }

  #digest(from: PeerId, theirs: Uint8Array, now: Millis): Exchanged {
    const inStep = sameBytes(this.#store.digest(), theirs);
    return { ...NOTHING, out: this.#asking.heardDigest(from, theirs, inStep, now), inStep };
  }

  /** The digest behind the blocks ends the answer, and tells the other whether that was all. */
  #answer(from: PeerId, vector: Vector, now: Millis): Exchanged {
    const blocks = blocksTo([from], [...this.#store.missingFor(vector)]);
    const wants = this.#store.wants(vector);
    const out = [...blocks, this.#compare(from), ...(wants ? this.#asking.ask(from, now) : [])];
    return { ...NOTHING, out, inStep: !wants };
  }

  #block(from: PeerId, body: Uint8Array, neighbours: readonly PeerId[], now: Millis): Exchanged {
    if (now < (this.#deafUntil.get(from) ?? -Infinity)) return { ...NOTHING, drops: ['block-distrusted'] };
    const got = this.#store.receive(body);
    if (got.kind !== 'known') this.#inbox.verified(body.length);
    switch (got.kind) {
      case 'news':
        this.#asking.heardBlock(from, now);
        this.#asking.learnt(from, got, now);
        return { ...NOTHING, out: this.#relay(from, got, neighbours), changes: got.changes };
      case 'known':
        return { ...NOTHING, out: this.#known(from, body, neighbours, now) };
      case 'gap':
        return { ...NOTHING, out: this.#gap(from, body, got.partial, now) };
      case 'mine-ahead':
        return { ...NOTHING, aheadOf: incarnationOf(got.version) };
      case 'dropped':
        return this.#dropped(from, body, got.reason, now);
    }
  }

  /** Others would not have passed on what is forged: it is the neighbour's own doing. What is too much is its owner's. */
  #dropped(from: PeerId, body: Uint8Array, reason: ReceiveDrop, now: Millis): Exchanged {
    const drops = [`block-${reason}`];
    const owner = peekBlock(body)?.owner;
    if (owner === undefined) return { ...NOTHING, drops };
    if (reason === 'signature') {
      this.#deafUntil.set(from, (now + DEAF_MS) as Millis);
      return { ...NOTHING, drops, offence: { kind: 'forged', by: from, about: owner } };
    }
    if (!isLimit(reason)) return { ...NOTHING, drops };
    return { ...NOTHING, drops, offence: { kind: reason, by: owner, about: owner } };
  }

  /** A part of a base is all right; for an increment the one before is missing. In a sparse mesh that is on its way along the tree. */
  #gap(from: PeerId, body: Uint8Array, isPart: boolean, now: Millis): readonly FrameOut[] {
    if (isPart) this.#asking.heardBlock(from, now);
    if (isPart || this.#asking.isAsked(from)) return [];
    if (!this.#isSparse()) return this.#asking.ask(from, now);
    const { owner, topic, version } = peekBlock(body)!;
    this.#tree.had(from, [{ owner, topic, head: version, partial: undefined }], now);
    return [];
  }

  #relay(from: PeerId, { owner, topic, blocks }: News, neighbours: readonly PeerId[]): FrameOut[] {
    if (this.#asking.isBulk(from)) return [];
    const others = neighbours.filter((n) => n !== from && n !== owner);
    if (this.#isSparse()) {
      this.#tree.moved({ owner, topic }, from, this.#now);
      return blocksTo(this.#tree.open(others), blocks);
    }
    const untold = others.filter((n) => !this.#adjacent(n, owner) && !this.#adjacent(n, from));
    const told = others.filter((n) => !untold.includes(n));
    const extra = some(told, EXTRA_RELAYS, this.#random);
    return blocksTo([...untold, ...extra], blocks);
  }

  /** In a sparse mesh. What was asked for tells nothing of the tree: neither when it is known, nor when a push comes behind it. */
  #known(from: PeerId, body: Uint8Array, neighbours: readonly PeerId[], now: Millis): readonly FrameOut[] {
    if (!this.#isSparse() || this.#asking.mayHaveAsked(from, peekBlock(body)!, now)) return [];
    return this.#tree.wasKnown(from, neighbours, now);
  }

  #decoded(kind: string, body: Uint8Array, take: (vector: Vector) => Exchanged): Exchanged {
    const vector = decodeVector(body);
    return typeof vector === 'string' ? { ...NOTHING, drops: [`${kind}-${vector}`] } : take(vector);
  }

  #compare(to: PeerId): FrameOut {
    return { to, type: FrameType.digest, body: this.#store.digest() };
  }
}

const isLimit = (reason: ReceiveDrop): reason is LimitReason =>
  ['streams', 'records', 'bytes', 'full'].includes(reason);

/** Block by block, so that each is made a frame once for all. */
const blocksTo = (peers: readonly PeerId[], blocks: readonly Uint8Array[]): FrameOut[] =>
  blocks.flatMap((body) => peers.map((to) => ({ to, type: FrameType.block, body })));

/** A body that goes to many, one after the other, is made a frame once. */
export function* encoded(out: readonly FrameOut[]): Generator<{ readonly to: PeerId; readonly frame: Uint8Array }> {
  let before: (FrameOut & { readonly frame: Uint8Array }) | undefined;
  for (const f of out) {
    const isSame = f.body === before?.body && f.type === before.type;
    before = { ...f, frame: isSame ? before!.frame : encodeFrame(f.type, f.body) };
    yield before;
  }
}
