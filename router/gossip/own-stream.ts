// A stream of our own: takes puts, cuts them into blocks, and makes a new base when the log outgrows it.
import type { PeerId } from '../types.js';
import {
  encodeBlock,
  MAX_PARTS,
  MAX_SEQ,
  recordBytes,
  recordRoom,
  type BlockRecord,
  type Topic,
} from '../wire/block.js';
import { Chain, type RecordChange } from './chain.js';
import { recordsByKey } from './kept-block.js';
import type { Signatures } from './signatures.js';

const MAX_BLOCK_RECORDS = 0xffff;
const COMPACT_RECORDS = 256;
const COMPACT_BYTES = 65_536;

/** Asked before a tombstone of ours is dropped for good; true lets it go, and the asked one forgets it as well. */
export type MayDrop = (gone: RecordChange) => boolean;

/** Owns what we publish under one topic. */
export class OwnStream {
  readonly chain: Chain;
  readonly #signatures: Signatures;
  readonly #dirty = new Set<string>();
  /** Which version of the stream a tombstone was published in. */
  readonly #buriedAt = new Map<string, number>();
  #previousFloor = 0;
  #needsBase = true;

  constructor(owner: PeerId, topic: Topic, signatures: Signatures) {
    this.chain = new Chain(owner, topic);
    this.#signatures = signatures;
  }

  /**
   * What an earlier run of ours published. Until it is put again it is withdrawn: a claim that is not renewed leaves a
   * tombstone, so that the one it had outranked does not come back. Copies of shared records stay as they were.
   */
  inherit(earlier: Chain, isShared: (key: string) => boolean): void {
    // The blocks as they were, for a save before the first flush: a second restart must not forget what others still hold.
    const claims = [...earlier.records.values()].filter(({ seq }) => seq > 0);
    const kept = claims.map(({ key, seq, value }) => ({ key, seq, value: isShared(key) ? value : undefined }));
    const blocks = [...earlier.blocksAfter(0)];
    this.chain.rebase(earlier.head, { blocks, records: recordsByKey(kept), isShared: false });
  }

  /** A sequence never falls, whatever is asked for. @returns undefined if it changes nothing */
  put(key: string, value: Uint8Array | undefined, seq: number): RecordChange | undefined {
    const before = this.chain.records.get(key);
    if (before === undefined && value === undefined) return undefined;
    const change = this.chain.put({ key, seq: Math.min(Math.max(seq, before?.seq ?? 0), MAX_SEQ), value });
    if (change !== undefined) this.#dirty.add(before?.key ?? key);
    return change;
  }

  /** The next flush publishes everything anew. */
  rebase(): void {
    this.#needsBase = true;
  }

  /** @param first the lowest version a new base may have */
  flush(first: number, mayDrop: MayDrop): readonly Uint8Array[] {
    if (!this.#needsBase && this.#dirty.size === 0) return [];
    return this.#needsBase || this.#isOutgrown() ? this.#cutBase(first, mayDrop) : this.#cutIncrements();
  }

  #isOutgrown(): boolean {
    const { chain } = this;
    const logRecords = chain.head - chain.floor + this.#dirty.size;
    if (logRecords <= COMPACT_RECORDS && chain.logBytes <= COMPACT_BYTES) return false;
    const live = chain.records.size - this.#buriedAt.size;
    // Small blocks carry a signature each, so the log is weighed in bytes as well.
    return logRecords > 2 * live + COMPACT_RECORDS || chain.logBytes > 2 * chain.baseBytes + COMPACT_BYTES;
  }

  #cutIncrements(): Uint8Array[] {
    const { chain } = this;
    const records = [...this.#dirty].sort().map((key) => chain.records.get(key)!);
    this.#dirty.clear();
    const blocks: Uint8Array[] = [];
    for (const group of groupsThatFit(chain.topic, records)) {
      const prev = chain.head;
      const version = prev + group.length;
      const { owner, topic } = chain;
      const bytes = encodeBlock(
        { kind: 'increment', owner, topic, version, prev, records: group },
        this.#signatures.sign,
      );
      for (const r of group) this.#bury(r, version);
      chain.append(version, bytes);
      blocks.push(bytes);
    }
    return blocks;
  }

  #cutBase(first: number, mayDrop: MayDrop): readonly Uint8Array[] {
    const { chain } = this;
    this.#dropTombstones(mayDrop);
    const version = Math.max(chain.head + 1, first);
    const records = [...chain.records.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
    for (const r of records) if (!this.#buriedAt.has(r.key)) this.#bury(r, version);
    const groups = groupsThatFit(chain.topic, records);
    if (groups.length > MAX_PARTS) throw new RangeError(`a base of ${groups.length} parts`);
    const { owner, topic } = chain;
    const { publicKey, sign } = this.#signatures;
    const head = { kind: 'base', owner, topic, version, parts: groups.length, publicKey } as const;
    const blocks = groups.map((group, part) => encodeBlock({ ...head, part, records: group }, sign));
    this.#previousFloor = chain.floor;
    this.#dirty.clear();
    this.#needsBase = false;
    chain.rebase(version, { blocks, records: new Map(chain.records), isShared: false });
    return blocks;
  }

  #bury(record: BlockRecord, version: number): void {
    if (record.value === undefined) this.#buriedAt.set(record.key, version);
    else this.#buriedAt.delete(record.key);
  }

  /** Those of plain records (a base says by silence that they are gone), and of claims when two bases have passed. */
  #dropTombstones(mayDrop: MayDrop): void {
    const { chain } = this;
    for (const record of [...chain.records.values()]) {
      if (record.value !== undefined) continue;
      const buriedAt = this.#buriedAt.get(record.key) ?? Infinity;
      if (record.seq > 0 && buriedAt > this.#previousFloor) continue;
      if (!mayDrop(gone(chain, record))) continue;
      chain.drop(record.key);
      this.#buriedAt.delete(record.key);
    }
  }
}

const gone = ({ owner, topic }: Chain, { key, seq }: BlockRecord): RecordChange => ({
  owner,
  topic,
  key,
  seq,
  value: undefined,
  deleted: true,
  gone: true,
  previous: undefined,
});

/** @returns at least one group; a stream without records is a base of one empty part */
function groupsThatFit(topic: Topic, records: readonly BlockRecord[]): BlockRecord[][] {
  const room = recordRoom(topic);
  const groups: BlockRecord[][] = [[]];
  let used = 0;
  for (const record of records) {
    const bytes = recordBytes(record);
    if (used + bytes > room || groups.at(-1)!.length === MAX_BLOCK_RECORDS) {
      groups.push([]);
      used = 0;
    }
    groups.at(-1)!.push(record);
    used += bytes;
  }
  return groups;
}
