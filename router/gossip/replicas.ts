// The streams of all other routers, within bounds whatever they send.
import type { PeerId } from '../types.js';
import type { Block, BlockPeek, Topic } from '../wire/block.js';
import { streamKey, type StreamName } from '../wire/vector.js';
import { goneChange, type Chain, type RecordChange } from './chain.js';
import type { KeptBlock } from './kept-block.js';
import type { StoreLimits } from './limits.js';
import { Stream, type StreamRefusal } from './stream.js';

/**
 *  - `news`: relay `blocks` (this one, and those it had kept waiting) to others.
 *  - `known`: nothing new in it.
 *  - `gap`: its predecessor is missing, or (`partial`) other parts of its base. It is kept while there is room.
 *  - `streams`, `records`, `bytes`: its owner has as much as an owner may; `full`: all owners together have. So it is for what
 *    follows in that stream, until there is a base of it that fits.
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
  | { readonly kind: 'dropped'; readonly reason: LimitReason | StreamRefusal };

export type LimitReason = 'streams' | 'records' | 'bytes' | 'full';

/** Told of every step of a stream's version; 0 is no stream. */
export type OnMove = (owner: PeerId, topic: Topic, from: number, to: number) => void;

interface Owner {
  readonly streams: Map<Topic, Stream>;
  records: number;
  bytes: number;
  pendingBytes: number;
}

/** A stream beyond a limit, and the highest version that was refused of it. */
interface Refused extends StreamName {
  readonly version: number;
  readonly reason: LimitReason;
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
  /** By stream, the one that was refused last at the end. */
  readonly #refused = new Map<string, Refused>();
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
    // What follows on what was refused is no gap: nobody is asked for that again.
    const before = block.kind === 'increment' ? this.#refused.get(streamKey(block)) : undefined;
    if (before !== undefined) return this.#refuse(block, before.reason);
    const owner = this.#owners.get(block.owner) ?? newOwner();
    const stream = owner.streams.get(block.topic) ?? this.#newStream(owner, block);
    if (typeof stream === 'string') return this.#refuse(block, stream);
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
    if (version <= this.shownHead(owner, topic)) return { kind: 'known' };
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

  /** How far others need not tell us of a stream: we have it, had it, or refused it. */
  shownHead(owner: PeerId, topic: Topic): number {
    const refused = this.#refused.get(streamKey({ owner, topic }))?.version ?? 0;
    return Math.max(refused, this.chain(owner, topic)?.head ?? this.forgottenHead(owner, topic));
  }

  /** Streams of which we hold nothing, for lack of room. */
  *refused(): Iterable<Refused> {
    for (const refused of this.#refused.values())
      if (this.chain(refused.owner, refused.topic) === undefined) yield refused;
  }

  /** Purges a peer's streams that are below a version. @returns their records, as gone */
  forget(owner: PeerId, below: number): readonly RecordChange[] {
    const changes: RecordChange[] = [];
    for (const [key, refused] of this.#refused)
      if (refused.owner === owner || refused.reason === 'full') this.#refused.delete(key); // there is room now
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

  #refuse({ owner, topic, version }: StreamName & { readonly version: number }, reason: LimitReason): ReplicaOutcome {
    const key = streamKey({ owner, topic });
    this.#refused.delete(key);
    this.#refused.set(key, { owner, topic, version, reason });
    for (const oldest of this.#refused.keys())
      if (this.#refused.size > this.#limits.streams) this.#refused.delete(oldest);
    return { kind: 'dropped', reason };
  }

  #newStream(owner: Owner, block: Block): Stream | LimitReason {
    if (owner.streams.size >= this.#limits.streamsPerOwner) return 'streams';
    if (this.#streamCount >= this.#limits.streams) return 'full';
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
    owner.pendingBytes += stream.pendingBytes - before.pending;
    this.#onMove(chain.owner, chain.topic, before.head, chain.head);
    this.#waiting.delete(stream);
    if (stream.pendingBytes > 0) this.#waiting.set(stream, this.#receipts);
    if (owner.pendingBytes > limits.pendingBytesPerOwner) this.#abandon(stream);
    const { topic } = chain;
    switch (outcome.kind) {
      case 'applied':
        this.#refused.delete(streamKey(chain));
        return { kind: 'news', owner: chain.owner, topic, changes: outcome.changes, blocks: outcome.blocks };
      case 'waiting':
        return { kind: 'gap', owner: chain.owner, topic, have: chain.head, partial: outcome.partial };
      case 'known':
        return outcome;
      case 'refused': {
        if (chain.head === 0 && stream.pendingBytes === 0) this.#remove(stream);
        const { reason } = outcome;
        if (reason === 'overlap' || reason === 'parts-differ') return { kind: 'dropped', reason };
        return this.#refuse(kept.block, this.#isOwnersFault(owner, reason) ? reason : 'full');
      }
    }
  }

  /** Or is it that all together have too much? */
  #isOwnersFault(owner: Owner, reason: 'records' | 'bytes'): boolean {
    const limits = this.#limits;
    if (reason === 'bytes') return limits.bytesPerOwner - owner.bytes <= limits.bytes - this.#bytes;
    return limits.recordsPerOwner - owner.records <= limits.records - this.#records;
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
    const owner = this.#owners.get(stream.chain.owner);
    if (owner !== undefined) owner.pendingBytes -= stream.pendingBytes;
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

const newOwner = (): Owner => ({ streams: new Map(), records: 0, bytes: 0, pendingBytes: 0 });
