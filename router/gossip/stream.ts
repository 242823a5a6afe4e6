// A replica of another router's stream. Blocks may come late, twice, in any order or not at all; a gap is never jumped.
import type { PeerId } from '../types.js';
import {
  decodeBlock,
  publicKeyIn,
  type BaseBlock,
  type Block,
  type BlockPeek,
  type BlockRecord,
  type IncrementBlock,
  type Topic,
} from '../wire/block.js';
import { sameBytes } from '../wire/bytes.js';
import type { PartialBase } from '../wire/vector.js';
import { Chain, changeOf, goneChange, type RecordChange, type WholeBase } from './chain.js';
import { recordsByKey, type KeptBlock } from './kept-block.js';

const MAX_HELD_BLOCKS = 1_024;
// The owner's newest, and an older one that somebody has whole: the newest may have died with its owner.
const MAX_PENDING_BASES = 2;

/** What the owner may still add in this stream. */
export interface Room {
  readonly records: number;
  readonly bytes: number;
}

/**
 *  - `applied`: `blocks` are now part of the stream (the one that came, and those it had kept waiting). `changes` may be
 *    read once, at any time later: those of a large base are made as they are read.
 *  - `known`: nothing new in it.
 *  - `waiting`: kept, or not for lack of room; its predecessor is missing, or parts of a base are (`partial`).
 *  - `overlap`, `parts-differ`: it contradicts what the owner published before.
 *  - `records`, `bytes`: the owner is over its limit.
 */
export type StreamOutcome =
  | { readonly kind: 'applied'; readonly changes: Iterable<RecordChange>; readonly blocks: readonly Uint8Array[] }
  | { readonly kind: 'known' }
  | { readonly kind: 'waiting'; readonly partial: boolean }
  | { readonly kind: 'refused'; readonly reason: StreamRefusal };

export type StreamRefusal = 'overlap' | 'parts-differ' | 'records' | 'bytes';

/** About what a decoded record takes: object, key, view and its place in a map. */
const RECORD_BYTES = 200;

/** Increments that wait are kept as bytes alone, as decoded they would take some five times the room. */
interface PendingBase {
  readonly version: number;
  readonly count: number;
  readonly parts: Map<number, Uint8Array>;
  /**
   * What the parts hold, taken in as they come: 200 parts at the end would be half a second. Undefined when two records
   * have one key, as then not the order in which the parts came decides, but their own.
   */
  records: Map<string, BlockRecord> | undefined;
  /** Its share of `pendingBytes`. */
  costBytes: number;
}

/** Owns the content of one remote stream and what is waiting to become part of it. */
export class Stream {
  readonly chain: Chain;
  // Most streams wait for nothing: a map for each of thousands would be half of what they take.
  #bases: Map<number, PendingBase> | undefined; // by version, the one fed last at the end
  #held: Map<number, Uint8Array> | undefined; // increments by the version they follow
  #pendingBytes = 0;

  constructor(owner: PeerId, topic: Topic) {
    this.chain = new Chain(owner, topic);
  }

  /** What blocks that wait take: parts of a base, and increments whose predecessor is missing. */
  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  get heldBlocks(): number {
    let count = this.#held?.size ?? 0;
    for (const base of this.#bases?.values() ?? []) count += base.parts.size;
    return count;
  }

  /** Of the base that was fed last. */
  get partial(): PartialBase | undefined {
    if (this.#bases === undefined) return undefined;
    const base = [...this.#bases.values()].at(-1)!;
    let parts = 0;
    while (base.parts.has(parts)) parts++;
    return { version: base.version, parts };
  }

  /** The owner's, by a base or a part of one. A view. */
  get publicKey(): Uint8Array | undefined {
    if (this.chain.publicKey !== undefined) return this.chain.publicKey;
    for (const base of this.#bases?.values() ?? []) for (const part of base.parts.values()) return publicKeyIn(part);
    return undefined;
  }

  /** Is it kept already, byte for byte, and waits? */
  holds({ isBase, version, prev, part }: BlockPeek, bytes: Uint8Array): boolean {
    const held = isBase ? this.#bases?.get(version)?.parts.get(part) : this.#held?.get(prev);
    return held !== undefined && sameBytes(held, bytes);
  }

  apply(kept: KeptBlock, room: Room): StreamOutcome {
    const { block, bytes } = kept;
    if (block.version <= this.chain.head) return { kind: 'known' };
    return block.kind === 'base' ? this.#applyBase(block, kept, room) : this.#applyIncrement(block, bytes, room);
  }

  /** Forgets what is waiting; the next exchange brings it again. */
  dropPending(): void {
    this.#bases = undefined;
    this.#held = undefined;
    this.#pendingBytes = 0;
  }

  #applyIncrement(block: IncrementBlock, bytes: Uint8Array, room: Room): StreamOutcome {
    if (block.prev > this.chain.head || this.chain.head === 0) return this.#hold(block, bytes);
    if (block.prev < this.chain.head) return { kind: 'refused', reason: 'overlap' };
    const over = this.#overLimit(block.records, bytes.length, room);
    if (over !== undefined) return { kind: 'refused', reason: over };
    const changes: RecordChange[] = [];
    this.#append(block, bytes, changes);
    return { kind: 'applied', changes, blocks: [bytes, ...this.#drain(room, changes)] };
  }

  #append(block: Block, bytes: Uint8Array, changes: RecordChange[]): void {
    for (const record of block.records) {
      const change = this.chain.put(record);
      if (change !== undefined) changes.push(change);
    }
    this.chain.append(block.version, bytes);
  }

  #hold(block: IncrementBlock, bytes: Uint8Array): StreamOutcome {
    this.#held ??= new Map();
    if (!this.#held.has(block.prev) && this.#held.size < MAX_HELD_BLOCKS) {
      this.#held.set(block.prev, bytes);
      this.#pendingBytes += bytes.length;
    }
    return { kind: 'waiting', partial: false };
  }

  #applyBase(block: BaseBlock, kept: KeptBlock, room: Room): StreamOutcome {
    if (block.parts === 1 && this.#bases?.has(block.version) !== true)
      return this.#replace(block.version, wholeOf(block, kept), room);
    const base = this.#baseOf(block);
    if (base.count !== block.parts) return { kind: 'refused', reason: 'parts-differ' };
    if (base.parts.has(block.part)) return { kind: 'known' };
    this.#gather(base, block, kept.bytes);
    if (base.parts.size < base.count) return { kind: 'waiting', partial: true };
    const blocks = Array.from({ length: base.count }, (_, part) => base.parts.get(part)!);
    this.#abandon(base);
    return this.#replace(base.version, { blocks, records: base.records ?? recordsOf(blocks), isShared: false }, room);
  }

  #baseOf({ version, parts }: BaseBlock): PendingBase {
    const bases = (this.#bases ??= new Map<number, PendingBase>());
    const base = bases.get(version) ?? newBase(version, parts);
    bases.delete(version);
    bases.set(version, base);
    if (bases.size > MAX_PENDING_BASES) this.#abandon([...bases.values()][0]!);
    return base;
  }

  #gather(base: PendingBase, { part, records }: BaseBlock, bytes: Uint8Array): void {
    const cost = bytes.length + records.length * RECORD_BYTES;
    base.parts.set(part, bytes);
    base.costBytes += cost;
    this.#pendingBytes += cost;
    if (base.records === undefined) return;
    const before = base.records.size;
    for (const record of records) base.records.set(record.key, record);
    if (base.records.size !== before + records.length) base.records = undefined;
  }

  #abandon(base: PendingBase): void {
    this.#pendingBytes -= base.costBytes;
    this.#bases?.delete(base.version);
    if (this.#bases?.size === 0) this.#bases = undefined;
  }

  /** All parts are there: old content out, new content in, in one step. */
  #replace(version: number, whole: WholeBase, room: Room): StreamOutcome {
    const { blocks, records } = whole;
    const size = blocks.reduce((sum, b) => sum + b.length, 0);
    if (records.size > room.records) return { kind: 'refused', reason: 'records' };
    if (size > room.bytes) return { kind: 'refused', reason: 'bytes' };
    const swapped = swap(this.chain, this.chain.records, [...records.values()]);
    this.chain.rebase(version, whole);
    const after: RecordChange[] = [];
    const drained = this.#drain(room, after);
    return { kind: 'applied', changes: inTurn(swapped, after), blocks: [...blocks, ...drained] };
  }

  /** Applies what waited for the present head, and forgets what it has overtaken. @returns the blocks applied */
  #drain(room: Room, changes: RecordChange[]): Uint8Array[] {
    const blocks: Uint8Array[] = [];
    for (let bytes = this.#release(this.chain.head); bytes !== undefined; bytes = this.#release(this.chain.head)) {
      const block = decoded(bytes);
      if (this.#overLimit(block.records, bytes.length, room) !== undefined) break;
      this.#append(block, bytes, changes);
      blocks.push(bytes);
    }
    for (const prev of [...(this.#held?.keys() ?? [])]) if (prev < this.chain.head) this.#release(prev);
    for (const base of [...(this.#bases?.values() ?? [])]) if (base.version <= this.chain.head) this.#abandon(base);
    return blocks;
  }

  #release(prev: number): Uint8Array | undefined {
    const bytes = this.#held?.get(prev);
    if (bytes === undefined) return undefined;
    this.#held!.delete(prev);
    if (this.#held!.size === 0) this.#held = undefined;
    this.#pendingBytes -= bytes.length;
    return bytes;
  }

  #overLimit(records: readonly BlockRecord[], bytes: number, room: Room): 'records' | 'bytes' | undefined {
    if (this.chain.bytes + bytes > room.bytes) return 'bytes';
    const size = this.chain.records.size;
    if (size + records.length <= room.records) return undefined;
    // Near the limit it matters that updates and deletes add nothing.
    const added = new Set(records.filter((r) => !this.chain.records.has(r.key)).map((r) => r.key));
    return size + added.size > room.records ? 'records' : undefined;
  }
}

const wholeOf = ({ records }: BaseBlock, { bytes, byKey }: KeptBlock): WholeBase => ({
  blocks: [bytes],
  records: byKey ?? recordsByKey(records),
  isShared: byKey !== undefined,
});

/** What it changes to have the records `next` in place of those of `before`, which nobody may write to any more. */
function* swap(
  chain: Chain,
  before: ReadonlyMap<string, BlockRecord>,
  next: readonly BlockRecord[],
): Iterable<RecordChange> {
  if (before.size > 0) {
    const kept = new Set(next.map((record) => record.key));
    for (const record of before.values()) if (!kept.has(record.key)) yield goneChange(chain, record);
  }
  for (const record of next) {
    const change = changeOf(chain, before.get(record.key), record);
    if (change !== undefined) yield change;
  }
}

function* inTurn<T>(...lists: readonly Iterable<T>[]): Iterable<T> {
  for (const list of lists) yield* list;
}

const newBase = (version: number, count: number): PendingBase => ({
  version,
  count,
  parts: new Map(),
  records: new Map(),
  costBytes: 0,
});

function recordsOf(blocks: readonly Uint8Array[]): Map<string, BlockRecord> {
  const all = new Map<string, BlockRecord>();
  for (const bytes of blocks) for (const record of decoded(bytes).records) all.set(record.key, record);
  return all;
}

/** Of bytes that were decoded when they came. */
function decoded(bytes: Uint8Array): Block {
  const block = decodeBlock(bytes);
  if (typeof block === 'string') throw new TypeError(`a kept block does not decode: ${block}`);
  return block;
}
