// All streams of all routers, ours among them: what is gossiped, merged, asked for and kept on disk.
import type { PeerId } from '../types.js';
import {
  MAX_KEY_BYTES,
  MAX_VALUE_BYTES,
  parseTopic,
  peekBlock,
  type Block,
  type BlockDrop,
  type BlockRecord,
  type Topic,
} from '../wire/block.js';
import { decodeSnapshot, encodeSnapshot, type SnapshotDrop } from '../wire/snapshot.js';
import { compareStreams, encodeVector, streamKey, type Vector } from '../wire/vector.js';
import { changeOf, type Chain, type RecordChange } from './chain.js';
import { Digest } from './digest.js';
import { keepBlock, type KeptBlock } from './kept-block.js';
import { OwnStream, type MayDrop } from './own-stream.js';
import { DEFAULT_LIMITS, type StoreLimits } from './limits.js';
import { Replicas, type ReplicaOutcome } from './replicas.js';
import type { Signatures } from './signatures.js';
import type { Stream } from './stream.js';

export const MAX_INCARNATION = 2 ** 21 - 1; // so that incarnation * 2^32 stays a safe integer
const DEFAULT_EXCHANGE_BYTES = 4 << 20;

export interface StoreOptions {
  readonly self: PeerId;
  /** How often this router was launched, 1 .. 2^21-1, on disk before the first flush. */
  readonly incarnation: number;
  readonly limits?: Partial<StoreLimits>;
  /**
   * Where in an incarnation's versions ours begin, 0 .. 2^30-1, drawn at launch. A state directory set back to a backup may
   * use an incarnation twice; two runs then do not write different things under one version.
   */
  readonly salt?: number;
  /** Copies and decodes what came. Stores of one process may share what one of them kept. `keepBlock` without it. */
  readonly keep?: (bytes: Uint8Array) => KeptBlock | BlockDrop;
  readonly signatures: Signatures;
  /** Did this peer leave, or was it forgotten, after it wrote this version? What it wrote before is not taken any more. */
  readonly isGone?: (owner: PeerId, version: number) => boolean;
  /** Is this a record that any router may write and all keep a copy of? Those of ours outlive a restart by themselves. */
  readonly isShared?: (key: string) => boolean;
  /** Wire it to `Claims.release`: a tombstone that still outranks somebody's live claim must stay. */
  readonly mayDrop?: MayDrop;
}

/** A record that is not a tombstone. `value` is the store's: do not write to it. */
export interface LiveRecord extends BlockRecord {
  readonly value: Uint8Array;
}

export type ReceiveDrop = BlockDrop | 'signature' | Extract<ReplicaOutcome, { kind: 'dropped' }>['reason'];

/**
 * As `ReplicaOutcome`, and `mine-ahead`: somebody has our own stream at a version that we never wrote, so our disk is
 * older than the mesh. Raise the incarnation above `incarnationOf(version)`.
 */
export type Received =
  | Exclude<ReplicaOutcome, { kind: 'dropped' }>
  | { readonly kind: 'mine-ahead'; readonly version: number }
  | { readonly kind: 'dropped'; readonly reason: ReceiveDrop };

export interface StoreStats {
  readonly owners: number;
  readonly streams: number;
  /** Live and tombstones, ours included. */
  readonly records: number;
  readonly bytes: number;
  readonly heldBlocks: number;
  readonly pendingBytes: number;
}

/** The incarnation in which a version was written. */
export const incarnationOf = (version: number): number => Math.floor(version / 2 ** 32);

/**
 * Pure: no clock, no socket. Two stores that have seen the same blocks, in whatever order and however often, hold the
 * same records and have the same digest; one exchange (`vector`, `missingFor`, `receive`) mends any loss.
 */
export class RecordStore {
  readonly #options: StoreOptions;
  readonly #limits: StoreLimits;
  readonly #own = new Map<Topic, OwnStream>();
  readonly #replicas: Replicas;
  readonly #digest = new Digest();
  #incarnation: number;

  /** @throws RangeError for an incarnation outside 1 .. 2^21-1 */
  constructor(options: StoreOptions) {
    checkIncarnation(options.incarnation);
    this.#options = options;
    this.#incarnation = options.incarnation;
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.#replicas = new Replicas(this.#limits, (owner, topic, from, to) => this.#digest.move(owner, topic, from, to));
  }

  /** Fills a store from what `save` made. Our own earlier records are withdrawn unless put again before the first flush. */
  static load(options: StoreOptions, bytes: Uint8Array): RecordStore | SnapshotDrop | 'other-peer' {
    const { self, signatures } = options;
    const snapshot = decodeSnapshot(bytes, (signed) => signatures.verify(signed, self, signatures.publicKey));
    if (typeof snapshot === 'string') return snapshot;
    if (snapshot.self !== self) return 'other-peer';
    const store = new RecordStore(options);
    store.#restore(snapshot.blocks);
    return store;
  }

  /**
   * Writes a record of ours; `value` undefined withdraws it. It is seen at once by `records`, by others after `flush`.
   * Keeps `value`. The sequence never falls: withdrawing needs none, renewing a claim keeps the one it had.
   * @param seq 0 for a plain record; for a claim or shared record 1 + the highest seen for the key
   * @returns what changed, for whoever follows the records; undefined if nothing did
   * @throws RangeError beyond the limits of a block: our bug
   */
  put(topic: Topic, key: string, value: Uint8Array | undefined, seq = 0): RecordChange | undefined {
    if (parseTopic(topic) === undefined) throw new RangeError(`"${topic}" is not a topic`);
    if (!/^[!-~]+$/.test(key) || key.length > MAX_KEY_BYTES) throw new RangeError(`"${key}" is not a record key`);
    if ((value?.length ?? 0) > MAX_VALUE_BYTES) throw new RangeError(`value of "${key}" is ${value?.length} bytes`);
    if (!Number.isSafeInteger(seq) || seq < 0) throw new RangeError(`${seq} is not a sequence`);
    return this.#ownStream(topic).put(key, value, seq);
  }

  /** Cuts what was put since into blocks. @param isWanted the others wait for a later call. @returns the new ones, to be pushed to a few peers */
  flush(isWanted: (topic: Topic) => boolean = () => true): readonly Uint8Array[] {
    const blocks: Uint8Array[] = [];
    const mayDrop = this.#options.mayDrop ?? ((): boolean => true);
    for (const stream of [...this.#own.values()].sort((a, b) => compareStreams(a.chain, b.chain))) {
      const { owner, topic, head } = stream.chain;
      if (!isWanted(topic)) continue;
      blocks.push(...stream.flush(this.#firstVersion(), mayDrop));
      this.#digest.move(owner, topic, head, stream.chain.head);
    }
    return blocks;
  }

  /** Publishes all our streams anew under a higher incarnation, at the next flush. @throws RangeError if it is not higher */
  raise(incarnation: number): void {
    checkIncarnation(incarnation);
    if (incarnation <= this.#incarnation) throw new RangeError(`incarnation ${incarnation} is not a raise`);
    this.#incarnation = incarnation;
    for (const stream of this.#own.values()) stream.rebase();
  }

  /** Takes a block from another router. Never throws, whatever the bytes; keeps a copy of what it needs. */
  receive(bytes: Uint8Array): Received {
    const seen = this.#seen(bytes);
    if (seen !== undefined) return seen;
    const kept = this.#keep(bytes);
    if (typeof kept === 'string') return { kind: 'dropped', reason: kept };
    const { owner, topic, version } = kept.block;
    if (this.#isGone(owner, version)) return { kind: 'known' };
    const publicKey = this.#keyFor(kept.block);
    // Nothing of it can be believed before its base comes, which brings the key.
    if (publicKey === undefined) return { kind: 'gap', owner, topic, have: 0, partial: false };
    if (!this.#options.signatures.verify(kept.bytes, owner, publicKey)) return { kind: 'dropped', reason: 'signature' };
    return owner === this.#options.self ? this.#receiveOwn(kept.block) : this.#replicas.receive(kept);
  }

  /** 16 bytes. Equal where all heads are equal. */
  digest(): Uint8Array {
    return this.#digest.value();
  }

  /** @returns encoded, at most MAX_VECTOR_BYTES */
  vector(): Uint8Array {
    const entries: Vector = [
      ...[...this.#own.values()].map(({ chain: { owner, topic, head } }) => ({
        owner,
        topic,
        head,
        partial: undefined,
      })),
      ...this.#replicaList().map(({ chain: { owner, topic }, partial }) => ({
        owner,
        topic,
        head: this.#replicas.shownHead(owner, topic),
        partial,
      })),
      ...[...this.#replicas.refused()].map(({ owner, topic, version }) => ({
        owner,
        topic,
        head: version,
        partial: undefined,
      })),
    ];
    return encodeVector(entries.filter((e) => e.head > 0 || e.partial !== undefined).sort(compareStreams));
  }

  /**
   * The blocks that the sender of `vector` lacks: topic `core` first, a base before its log, at most `maxBytes` or one
   * block. What did not fit follows at the next exchange: the vector of then says how far the other has come. Take them
   * all before the store is changed.
   */
  *missingFor(vector: Vector, maxBytes = DEFAULT_EXCHANGE_BYTES): Iterable<Uint8Array> {
    const theirs = new Map(vector.map((e) => [streamKey(e), e]));
    const chains = this.#chains();
    let left = maxBytes;
    for (const core of [true, false]) {
      for (const chain of chains) {
        if ((chain.topic === 'core') !== core) continue;
        const has = theirs.get(streamKey(chain));
        for (const block of chain.blocksAfter(has?.head ?? 0, has?.partial)) {
          if (left < block.length && left < maxBytes) return;
          left -= block.length;
          yield block;
        }
      }
    }
  }

  /** What follows the heads of `vector` in the streams that it names, and in no other; at most `maxBytes` or one block. */
  *following(vector: Vector, maxBytes = DEFAULT_EXCHANGE_BYTES): Iterable<Uint8Array> {
    let left = maxBytes;
    for (const { owner, topic, head, partial } of vector)
      for (const block of this.#chain(owner, topic)?.blocksAfter(head, partial) ?? []) {
        if (left < block.length && left < maxBytes) return;
        left -= block.length;
        yield block;
      }
  }

  /** Has the sender of `vector` something that we lack? */
  wants(vector: Vector): boolean {
    const has = (owner: PeerId, topic: Topic): number =>
      owner === this.#options.self ? this.head(owner, topic) : this.#replicas.shownHead(owner, topic);
    return vector.some((e) => e.head > has(e.owner, e.topic) && !this.#isGone(e.owner, e.head));
  }

  /** @returns undefined for what is not there or deleted */
  get(owner: PeerId, topic: Topic, key: string): LiveRecord | undefined {
    const record = this.#chain(owner, topic)?.records.get(key);
    return record !== undefined && isLive(record) ? record : undefined;
  }

  /** The live records of one stream, in no particular order. */
  *records(owner: PeerId, topic: Topic): Iterable<LiveRecord> {
    for (const r of this.#chain(owner, topic)?.records.values() ?? []) if (isLive(r)) yield r;
  }

  /** All there is, tombstones too, as if it had just been heard: for those who follow the changes and start now. */
  *everything(): Iterable<RecordChange> {
    for (const chain of this.#chains()) {
      for (const record of chain.records.values()) yield changeOf(chain, undefined, record)!;
    }
  }

  /** All peers with a stream, ourselves included if we have one. */
  owners(): readonly PeerId[] {
    return [...(this.#own.size > 0 ? [this.#options.self] : []), ...this.#replicas.owners()];
  }

  /** How many `owners` there are. */
  get ownerCount(): number {
    return Number(this.#own.size > 0) + this.#replicas.ownerCount;
  }

  topics(owner: PeerId): readonly Topic[] {
    return [...(owner === this.#options.self ? this.#own.keys() : this.#replicas.topics(owner))];
  }

  /** The version of a stream, 0 if there is none. */
  head(owner: PeerId, topic: Topic): number {
    return this.#chain(owner, topic)?.head ?? 0;
  }

  /**
   * Purges what a peer wrote in this incarnation and before. It comes back by itself if it writes anything after this.
   * Never us. @returns the records, as gone
   */
  forget(owner: PeerId, incarnation: number): readonly RecordChange[] {
    return this.#replicas.forget(owner, (incarnation + 1) * 2 ** 32);
  }

  /** For the disk: all streams as blocks, signed by us as a whole. */
  save(): Uint8Array {
    const chains = this.#chains().sort(compareStreams);
    const blocks = chains.flatMap((c) => [...c.blocksAfter(0)]);
    return encodeSnapshot({ self: this.#options.self, blocks }, this.#options.signatures.sign);
  }

  /** Of whom blocks wait for others that have not come. */
  waitingOf(): ReadonlySet<PeerId> {
    return new Set(this.#replicas.waiting());
  }

  stats(): StoreStats {
    const chains = this.#chains();
    return {
      owners: this.owners().length,
      streams: chains.length,
      records: chains.reduce((sum, c) => sum + c.records.size, 0),
      bytes: chains.reduce((sum, c) => sum + c.bytes, 0),
      heldBlocks: this.#replicaList().reduce((sum, s) => sum + s.heldBlocks, 0),
      pendingBytes: this.#replicas.pendingBytes,
    };
  }

  /** By its own words it is of a version that we have or have had, or it waits here. */
  #seen(bytes: Uint8Array): Received | undefined {
    const head = peekBlock(bytes);
    if (head === undefined) return undefined;
    if (head.owner !== this.#options.self) return this.#replicas.seen(head, bytes);
    return head.version <= (this.#own.get(head.topic)?.chain.head ?? 0) ? { kind: 'known' } : undefined;
  }

  #keep(bytes: Uint8Array): KeptBlock | BlockDrop {
    return (this.#options.keep ?? keepBlock)(bytes);
  }

  /** By what the owner signs. A base brings it, and proves itself that it is the owner's. */
  #keyFor(block: Block): Uint8Array | undefined {
    if (block.kind === 'base') return block.publicKey;
    const { self, signatures } = this.#options;
    return block.owner === self ? signatures.publicKey : this.#replicas.publicKeyOf(block);
  }

  #receiveOwn(block: Block): Received {
    // Not even the last incarnation would be above it: not a version that a router of ours ever wrote.
    if (incarnationOf(block.version) >= MAX_INCARNATION) return { kind: 'dropped', reason: 'version' };
    const first = this.#firstVersion();
    if (block.version > this.head(block.owner, block.topic) && block.version >= first) {
      return { kind: 'mine-ahead', version: block.version };
    }
    // A topic that an earlier run of ours wrote and this one does not: the next flush replaces it by an empty base.
    if (this.#own.size < this.#limits.streamsPerOwner) this.#ownStream(block.topic);
    return { kind: 'known' };
  }

  /** Blocks of a cache, which we have signed. What an earlier run of ours wrote is put together apart, then inherited. */
  #restore(blocks: readonly Uint8Array[]): void {
    const earlier = new Replicas(this.#limits, () => {});
    for (const bytes of blocks) {
      const kept = this.#keep(bytes);
      if (typeof kept === 'string') continue;
      (kept.block.owner === this.#options.self ? earlier : this.#replicas).receive(kept);
    }
    for (const { chain } of earlier.streams()) {
      this.#ownStream(chain.topic).inherit(chain, this.#options.isShared ?? (() => false));
      this.#digest.move(chain.owner, chain.topic, 0, chain.head);
    }
  }

  #isGone(owner: PeerId, version: number): boolean {
    return this.#options.isGone?.(owner, version) === true;
  }

  #firstVersion(): number {
    return this.#incarnation * 2 ** 32 + (this.#options.salt ?? 0);
  }

  #ownStream(topic: Topic): OwnStream {
    const stream = this.#own.get(topic) ?? new OwnStream(this.#options.self, topic, this.#options.signatures);
    this.#own.set(topic, stream);
    return stream;
  }

  #chain(owner: PeerId, topic: Topic): Chain | undefined {
    return owner === this.#options.self ? this.#own.get(topic)?.chain : this.#replicas.chain(owner, topic);
  }

  #chains(): Chain[] {
    return [...[...this.#own.values()].map((s) => s.chain), ...this.#replicaList().map((s) => s.chain)];
  }

  #replicaList(): Stream[] {
    return [...this.#replicas.streams()];
  }
}

const isLive = (r: BlockRecord): r is LiveRecord => r.value !== undefined;

function checkIncarnation(n: number): void {
  if (!Number.isInteger(n) || n < 1 || n > MAX_INCARNATION) throw new RangeError(`incarnation ${n} is out of range`);
}
