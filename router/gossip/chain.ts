// What a router holds of one stream: its records, and the blocks that made them, ready to be handed on.
import type { PeerId } from '../types.js';
import { publicKeyIn, type BlockRecord, type Topic } from '../wire/block.js';
import { sameBytes } from '../wire/bytes.js';
import type { PartialBase } from '../wire/vector.js';

/** One change of one owner's record, as the rest of the router hears of it. */
export interface RecordChange {
  readonly owner: PeerId;
  readonly topic: Topic;
  readonly key: string;
  readonly seq: number;
  /** A view into the owner's block: do not write to it. Undefined when deleted. */
  readonly value: Uint8Array | undefined;
  readonly deleted: boolean;
  /** Not even a tombstone is left: the record no longer counts against another's claim. Implies `deleted`. */
  readonly gone: boolean;
  /** The value before; undefined if there was none. */
  readonly previous: Uint8Array | undefined;
}

/** A base with all its parts, in order. */
export interface WholeBase {
  readonly blocks: readonly Uint8Array[];
  readonly records: ReadonlyMap<string, BlockRecord>;
  /** Others hold the same map: it is copied before it is written to. */
  readonly isShared: boolean;
}

/**
 * A stream's records at version `head` = the base at version `floor`, and the increments since. Since all who reach a
 * version pass through the same blocks, the records are a function of (owner, topic, head).
 */
export class Chain {
  readonly owner: PeerId;
  readonly topic: Topic;
  head = 0;
  floor = 0;
  #records: ReadonlyMap<string, BlockRecord> = NO_RECORDS;
  #isShared = true;
  #base: readonly Uint8Array[] = [];
  #log: Uint8Array[] = [];
  #logVersions: number[] = [];
  #baseBytes = 0;
  #logBytes = 0;

  constructor(owner: PeerId, topic: Topic) {
    this.owner = owner;
    this.topic = topic;
  }

  get bytes(): number {
    return this.#baseBytes + this.#logBytes;
  }

  get baseBytes(): number {
    return this.#baseBytes;
  }

  get logBytes(): number {
    return this.#logBytes;
  }

  /** The owner's, once there is a base. A view. */
  get publicKey(): Uint8Array | undefined {
    return this.#base[0] && publicKeyIn(this.#base[0]);
  }

  get records(): ReadonlyMap<string, BlockRecord> {
    return this.#records;
  }

  /** The base takes the place of all there is. */
  rebase(version: number, { blocks, records, isShared }: WholeBase): void {
    this.#records = records;
    this.#isShared = isShared;
    this.head = this.floor = version;
    this.#base = blocks;
    this.#baseBytes = blocks.reduce((sum, b) => sum + b.length, 0);
    this.#log = [];
    this.#logVersions = [];
    this.#logBytes = 0;
  }

  append(version: number, block: Uint8Array): void {
    this.head = version;
    this.#log.push(block);
    this.#logVersions.push(version);
    this.#logBytes += block.length;
  }

  /** Takes one record into the content. @returns undefined if it changes nothing */
  put(record: BlockRecord): RecordChange | undefined {
    const before = this.#records.get(record.key);
    // The first spelling of the key stays, so that a stream of updates does not keep a stream of strings.
    this.#writable().set(record.key, before === undefined ? record : { ...record, key: before.key });
    return changeOf(this, before, record);
  }

  /** Removes a record without a trace. */
  drop(key: string): RecordChange | undefined {
    const before = this.#records.get(key);
    if (before === undefined) return undefined;
    this.#writable().delete(key);
    return goneChange(this, before);
  }

  /**
   * The blocks that bring a stream from version `head` to ours, in the order in which they apply.
   * `partial`: the parts of our base that the other has already are left out.
   */
  *blocksAfter(head: number, partial?: PartialBase): Iterable<Uint8Array> {
    if (head < this.floor) yield* this.#base.slice(partial?.version === this.floor ? partial.parts : 0);
    for (let i = firstAbove(this.#logVersions, head); i < this.#log.length; i++) yield this.#log[i]!;
  }

  #writable(): Map<string, BlockRecord> {
    if (this.#isShared) this.#records = new Map(this.#records);
    this.#isShared = false;
    return this.#records as Map<string, BlockRecord>;
  }
}

const NO_RECORDS: ReadonlyMap<string, BlockRecord> = new Map();

/** @returns undefined if `after` tells the same as `before` */
export function changeOf(
  stream: { readonly owner: PeerId; readonly topic: Topic },
  before: BlockRecord | undefined,
  after: BlockRecord,
): RecordChange | undefined {
  if (before !== undefined && isSameRecord(before, after)) return undefined;
  return {
    owner: stream.owner,
    topic: stream.topic,
    key: after.key,
    seq: after.seq,
    value: after.value,
    deleted: after.value === undefined,
    gone: false,
    previous: before?.value,
  };
}

export const goneChange = (
  stream: { readonly owner: PeerId; readonly topic: Topic },
  before: BlockRecord,
): RecordChange => ({
  owner: stream.owner,
  topic: stream.topic,
  key: before.key,
  seq: before.seq,
  value: undefined,
  deleted: true,
  gone: true,
  previous: before.value,
});

function isSameRecord(a: BlockRecord, b: BlockRecord): boolean {
  if (a.seq !== b.seq || a.value === undefined || b.value === undefined) return a.seq === b.seq && a.value === b.value;
  return sameBytes(a.value, b.value);
}

/** Index of the first of the ascending `versions` above `head`. */
function firstAbove(versions: readonly number[], head: number): number {
  let [low, high] = [0, versions.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (versions[middle]! > head) high = middle;
    else low = middle + 1;
  }
  return low;
}
