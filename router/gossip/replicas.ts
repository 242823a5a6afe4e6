// The streams of all other routers, within bounds whatever they send.
import type { PeerId } from '../types.js';
import type { Block, BlockPeek, Topic } from '../wire/block.js';
import { streamKey, type StreamName } from '../wire/vector.js';
import { goneChange, type Chain, type RecordChange } from './chain.js';
import type { KeptBlock } from './kept-block.js';
import { Stream, type StreamRefusal } from './stream.js';

/** Bounds on what others can make us hold. */
export interface StoreLimits {
  readonly streams: number;
  readonly streamsPerOwner: number;
  /** Live and tombstones together. */
  readonly recordsPerOwner: number;
  readonly bytesPerOwner: number;
  /** Of all owners together. */
  readonly records: number;
  readonly bytes: number;
  /** What blocks take that wait for a predecessor or for the rest of a base, over all streams. */
  readonly pendingBytes: number;
  /** Blocks received after which what still waits is given up; the next exchange brings it. */
  readonly pendingPatience: number;
}

/**
 *  - `news`: relay `blocks` (this one, and those it had kept waiting) to others.
 *  - `known`: nothing new in it.
 *  - `gap`: its predecessor is missing, or (`partial`) other parts of its base. It is kept while there is room.
 */
export type ReplicaOutcome =
  | {
      readonly kind: 'news';
      readonly owner: PeerId;
      readonly topic: Topic;
      /** To be read once. */
      readonly changes: Iterable<RecordChange>;
      readonly blocks: readonly Uint8Array[];
    }
  | { readonly kind: 'known' }
  | {
      readonly kind: 'gap';
      readonly owner: PeerId;
      readonly topic: Topic;
      readonly have: number;
      readonly partial: boolean;
    }
  | { readonly kind: 'dropped'; readonly reason: 'streams' | StreamRefusal };

/** Told of every step of a stream's version; 0 is no stream. */
export type OnMove = (owner: PeerId, topic: Topic, from: number, to: number) => void;

interface Owner {
  readonly streams: Map<Topic, Stream>;
  records: number;
  bytes: number;
}

interface Forgotten {
  readonly head: number;
  readonly publicKey: Uint8Array;
}

/** Owns the replicas, what waits in them, and the memory of the forgotten. */
export class Replicas {
  readonly #limits: StoreLimits;
  readonly #onMove: OnMove;
  readonly #owners = new Map<PeerId, Owner>();
  /** Streams with blocks that wait, least recently fed first, each with the count of receipts then. */
  readonly #waiting = new Map<Stream, number>();
  /** Forgotten streams: what is at or below the head comes only from those who have not forgotten yet. */
  readonly #forgotten = new Map<string, Forgotten>();
  #streamCount = 0;
  #records = 0;
  #bytes = 0;
  #pendingBytes = 0;
  #receipts = 0;

  constructor(limits: StoreLimits, onMove: OnMove) {
    this.#limits = limits;
    this.#onMove = onMove;
  }

  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  /** Of whom blocks wait; one with several streams may come several times. */
  *waiting(): Iterable<PeerId> {
    for (const { chain } of this.#waiting.keys()) yield chain.owner;
  }

  receive(kept: KeptBlock): ReplicaOutcome {
    const { block } = kept;
    this.#receipts++;
    this.#evict();
    if (block.version <= this.forgottenHead(block.owner, block.topic)) return { kind: 'known' };
    this.#forgotten.delete(streamKey(block));
    const owner = this.#owners.get(block.owner) ?? { streams: new Map<Topic, Stream>(), records: 0, bytes: 0 };
    const stream = owner.streams.get(block.topic) ?? this.#newStream(owner, block);
    if (stream === undefined) return { kind: 'dropped', reason: 'streams' };
    const outcome = this.#feed(owner, stream, kept);
    this.#evict();
    return outcome;
  }

  *streams(): Iterable<Stream> {
    for (const owner of this.#owners.values()) yield* owner.streams.values();
  }

  chain(owner: PeerId, topic: Topic): Chain | undefined {
    return this.#owners.get(owner)?.streams.get(topic)?.chain;
  }

  /** By which an owner signs; undefined before a base of any of its streams came. A view. */
  publicKeyOf({ owner, topic }: StreamName): Uint8Array | undefined {
    for (const stream of this.#owners.get(owner)?.streams.values() ?? [])
      if (stream.publicKey !== undefined) return stream.publicKey;
    return this.#forgotten.get(streamKey({ owner, topic }))?.publicKey;
  }

  /** What receiving it would come to, where that is plain before it is decoded: most of what comes in a mesh that is well connected. */
  seen(block: BlockPeek, bytes: Uint8Array): Extract<ReplicaOutcome, { kind: 'known' | 'gap' }> | undefined {
    const { owner, topic, version, isBase } = block;
    const stream = this.#owners.get(owner)?.streams.get(topic);
    if (version <= (stream?.chain.head ?? this.forgottenHead(owner, topic))) return { kind: 'known' };
    if (stream?.holds(block, bytes) !== true) return undefined;
    return isBase ? { kind: 'known' } : { kind: 'gap', owner, topic, have: stream.chain.head, partial: false };
  }

  owners(): Iterable<PeerId> {
    return this.#owners.keys();
  }

  get ownerCount(): number {
    return this.#owners.size;
  }

  topics(owner: PeerId): Iterable<Topic> {
    return this.#owners.get(owner)?.streams.keys() ?? [];
  }

  /** How far a stream had come when it was forgotten, 0 if it was not. */
  forgottenHead(owner: PeerId, topic: Topic): number {
    return this.#forgotten.get(streamKey({ owner, topic }))?.head ?? 0;
  }

  /** Purges a peer's streams that are below a version. @returns their records, as gone */
  forget(owner: PeerId, below: number): readonly RecordChange[] {
    const changes: RecordChange[] = [];
    for (const stream of [...(this.#owners.get(owner)?.streams.values() ?? [])]) {
      const { chain } = stream;
      if (chain.head >= below) continue;
      for (const record of chain.records.values()) changes.push(goneChange(chain, record));
      if (chain.publicKey !== undefined) this.#remember(chain, chain.publicKey);
      this.#onMove(owner, chain.topic, chain.head, 0);
      this.#abandon(stream);
      this.#count(this.#owners.get(owner)!, -chain.records.size, -chain.bytes);
      this.#remove(stream);
    }
    return changes;
  }

  #newStream(owner: Owner, block: Block): Stream | undefined {
    const isFull = this.#streamCount >= this.#limits.streams;
    if (isFull || owner.streams.size >= this.#limits.streamsPerOwner) return undefined;
    const stream = new Stream(block.owner, block.topic);
    owner.streams.set(block.topic, stream);
    this.#owners.set(block.owner, owner);
    this.#streamCount++;
    return stream;
  }

  #feed(owner: Owner, stream: Stream, kept: KeptBlock): ReplicaOutcome {
    const { chain } = stream;
    const before = { head: chain.head, records: chain.records.size, bytes: chain.bytes, pending: stream.pendingBytes };
    const limits = this.#limits;
    const outcome = stream.apply(kept, {
      records: before.records + Math.min(limits.recordsPerOwner - owner.records, limits.records - this.#records),
      bytes: before.bytes + Math.min(limits.bytesPerOwner - owner.bytes, limits.bytes - this.#bytes),
    });
    this.#count(owner, chain.records.size - before.records, chain.bytes - before.bytes);
    this.#pendingBytes += stream.pendingBytes - before.pending;
    this.#onMove(chain.owner, chain.topic, before.head, chain.head);
    this.#waiting.delete(stream);
    if (stream.pendingBytes > 0) this.#waiting.set(stream, this.#receipts);
    const { topic } = chain;
    switch (outcome.kind) {
      case 'applied':
        return { kind: 'news', owner: chain.owner, topic, changes: outcome.changes, blocks: outcome.blocks };
      case 'waiting':
        return { kind: 'gap', owner: chain.owner, topic, have: chain.head, partial: outcome.partial };
      case 'known':
        return outcome;
      case 'refused':
        if (chain.head === 0 && stream.pendingBytes === 0) this.#remove(stream);
        return { kind: 'dropped', reason: outcome.reason };
    }
  }

  #count(owner: Owner, records: number, bytes: number): void {
    owner.records += records;
    owner.bytes += bytes;
    this.#records += records;
    this.#bytes += bytes;
  }

  /** Gives up what has waited longest, by count of blocks received since or for lack of room. */
  #evict(): void {
    for (const [stream, at] of this.#waiting) {
      const isStale = this.#receipts - at > this.#limits.pendingPatience;
      if (!isStale && this.#pendingBytes <= this.#limits.pendingBytes) return;
      this.#abandon(stream);
      if (stream.chain.head === 0) this.#remove(stream);
    }
  }

  #abandon(stream: Stream): void {
    this.#pendingBytes -= stream.pendingBytes;
    stream.dropPending();
    this.#waiting.delete(stream);
  }

  #remove({ chain }: Stream): void {
    const owner = this.#owners.get(chain.owner);
    if (owner?.streams.delete(chain.topic) !== true) return;
    this.#streamCount--;
    if (owner.streams.size === 0) this.#owners.delete(chain.owner);
  }

  #remember(chain: Chain, publicKey: Uint8Array): void {
    const key = streamKey(chain);
    this.#forgotten.delete(key);
    this.#forgotten.set(key, { head: chain.head, publicKey: publicKey.slice() });
    if (this.#forgotten.size <= this.#limits.streams) return;
    for (const oldest of this.#forgotten.keys()) return void this.#forgotten.delete(oldest);
  }
}
