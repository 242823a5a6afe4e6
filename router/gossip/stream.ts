// A replica of another router's stream. Blocks may come late, twice, in any order or not at all; a gap is never jumped.
import type { PeerId } from '../types.js';
import type { BaseBlock, Block, BlockRecord, IncrementBlock, Topic } from '../wire/block.js';
import type { PartialBase } from '../wire/vector.js';
import { Chain, changeOf, goneChange, type RecordChange } from './chain.js';

const MAX_HELD_BLOCKS = 1_024;

/** What the owner may still add in this stream. */
export interface Room {
  readonly records: number;
  readonly bytes: number;
}

/**
 *  - `applied`: `blocks` are now part of the stream (the one that came, and those it had kept waiting).
 *  - `known`: nothing new in it.
 *  - `waiting`: kept, or not for lack of room; its predecessor is missing, or parts of a base are (`partial`).
 *  - `overlap`, `parts-differ`: it contradicts what the owner published before.
 *  - `records`, `bytes`: the owner is over its limit.
 */
export type StreamOutcome =
  | { readonly kind: 'applied'; readonly changes: readonly RecordChange[]; readonly blocks: readonly Uint8Array[] }
  | { readonly kind: 'known' }
  | { readonly kind: 'waiting'; readonly partial: boolean }
  | { readonly kind: 'refused'; readonly reason: StreamRefusal };

export type StreamRefusal = 'overlap' | 'parts-differ' | 'records' | 'bytes';

interface Kept<B extends Block> {
  readonly block: B;
  readonly bytes: Uint8Array;
}

interface PendingBase {
  readonly version: number;
  readonly parts: (Kept<BaseBlock> | undefined)[];
  have: number;
}

/** Owns the content of one remote stream and what is waiting to become part of it. */
export class Stream {
  readonly chain: Chain;
  #pending: PendingBase | undefined;
  readonly #held = new Map<number, Kept<IncrementBlock>>(); // by the version they follow
  #pendingBytes = 0;

  constructor(owner: PeerId, topic: Topic) {
    this.chain = new Chain(owner, topic);
  }

  /** Bytes of blocks that wait: parts of a base, and increments whose predecessor is missing. */
  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  get heldBlocks(): number {
    return this.#held.size + (this.#pending?.have ?? 0);
  }

  get partial(): PartialBase | undefined {
    if (this.#pending === undefined) return undefined;
    const hole = this.#pending.parts.indexOf(undefined);
    return { version: this.#pending.version, parts: hole };
  }

  /** `bytes` is kept: it must be a buffer of its own, and `block` what it decodes to. */
  apply(block: Block, bytes: Uint8Array, room: Room): StreamOutcome {
    if (block.version <= this.chain.head) return { kind: 'known' };
    return block.kind === 'base' ? this.#applyBase(block, bytes, room) : this.#applyIncrement(block, bytes, room);
  }

  /** Forgets what is waiting; the next exchange brings it again. */
  dropPending(): void {
    this.#pending = undefined;
    this.#held.clear();
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

  #append(block: IncrementBlock, bytes: Uint8Array, changes: RecordChange[]): void {
    for (const record of block.records) {
      const change = this.chain.put(record);
      if (change !== undefined) changes.push(change);
    }
    this.chain.append(block.version, bytes);
  }

  #hold(block: IncrementBlock, bytes: Uint8Array): StreamOutcome {
    if (!this.#held.has(block.prev) && this.#held.size < MAX_HELD_BLOCKS) {
      this.#held.set(block.prev, { block, bytes });
      this.#pendingBytes += bytes.length;
    }
    return { kind: 'waiting', partial: false };
  }

  #applyBase(block: BaseBlock, bytes: Uint8Array, room: Room): StreamOutcome {
    if (this.#pending !== undefined && block.version < this.#pending.version) return { kind: 'known' };
    if (this.#pending === undefined || block.version > this.#pending.version) this.#startBase(block);
    const pending = this.#pending!;
    if (pending.parts.length !== block.parts) return { kind: 'refused', reason: 'parts-differ' };
    if (pending.parts[block.part] !== undefined) return { kind: 'known' };
    pending.parts[block.part] = { block, bytes };
    pending.have++;
    this.#pendingBytes += bytes.length;
    return pending.have < block.parts ? { kind: 'waiting', partial: true } : this.#replace(pending, room);
  }

  #startBase(block: BaseBlock): void {
    this.#abandonBase();
    this.#pending = { version: block.version, parts: new Array<undefined>(block.parts).fill(undefined), have: 0 };
  }

  #abandonBase(): void {
    for (const part of this.#pending?.parts ?? []) this.#pendingBytes -= part?.bytes.length ?? 0;
    this.#pending = undefined;
  }

  /** All parts are there: old content out, new content in, in one step. */
  #replace(pending: PendingBase, room: Room): StreamOutcome {
    const parts = pending.parts.map((p) => p!);
    this.#abandonBase();
    const next = new Map<string, BlockRecord>();
    for (const part of parts) for (const record of part.block.records) next.set(record.key, record);
    const blocks = parts.map((p) => p.bytes);
    const size = blocks.reduce((sum, b) => sum + b.length, 0);
    if (next.size > room.records) return { kind: 'refused', reason: 'records' };
    if (size > room.bytes) return { kind: 'refused', reason: 'bytes' };
    const changes = this.#swap(next);
    this.chain.rebase(pending.version, blocks);
    return { kind: 'applied', changes, blocks: [...blocks, ...this.#drain(room, changes)] };
  }

  #swap(next: ReadonlyMap<string, BlockRecord>): RecordChange[] {
    const { records } = this.chain;
    const changes: RecordChange[] = [];
    for (const before of records.values()) if (!next.has(before.key)) changes.push(goneChange(this.chain, before));
    for (const record of next.values()) {
      const change = changeOf(this.chain, records.get(record.key), record);
      if (change !== undefined) changes.push(change);
    }
    records.clear();
    for (const record of next.values()) records.set(record.key, record);
    return changes;
  }

  /** Applies what waited for the present head, and forgets what it has overtaken. @returns the blocks applied */
  #drain(room: Room, changes: RecordChange[]): Uint8Array[] {
    const blocks: Uint8Array[] = [];
    for (let kept = this.#release(this.chain.head); kept !== undefined; kept = this.#release(this.chain.head)) {
      if (this.#overLimit(kept.block.records, kept.bytes.length, room) !== undefined) break;
      this.#append(kept.block, kept.bytes, changes);
      blocks.push(kept.bytes);
    }
    for (const prev of [...this.#held.keys()]) if (prev < this.chain.head) this.#release(prev);
    if (this.#pending !== undefined && this.#pending.version <= this.chain.head) this.#abandonBase();
    return blocks;
  }

  #release(prev: number): Kept<IncrementBlock> | undefined {
    const kept = this.#held.get(prev);
    if (kept === undefined) return undefined;
    this.#held.delete(prev);
    this.#pendingBytes -= kept.bytes.length;
    return kept;
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
