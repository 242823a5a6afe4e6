// A block: what an owner publishes of one of its streams, signed once and relayed as its exact bytes (docs/protocol.md).
// Nothing else that an owner's key signs may begin with a byte below 0x20: else it could be taken for a block.
import { parseNetworkName } from '../address.js';
import type { NetworkName, PeerId } from '../types.js';
import { Reader, sameBytes, Writer } from './bytes.js';

export const BLOCK_FORMAT = 2;
export const MAX_BLOCK_BYTES = 65_536;
export const MAX_KEY_BYTES = 128;
export const MAX_VALUE_BYTES = 1_024;
export const MAX_TOPIC_BYTES = 32;
export const MAX_PARTS = 4_096;
/** Far below 2^53, so that one more than what a hostile peer claims can still be written down. */
export const MAX_SEQ = 2 ** 48;
export const PUBLIC_KEY_BYTES = 32; // Ed25519, RFC 8032 §5.1.5
export const SIGNATURE_BYTES = 64; // Ed25519, RFC 8032 §5.1.6

const FIXED_BYTES = 41; // offsets 0..40 of the table below
const OWNER_AT = 2;
const KIND_AT = 1;
const TOPIC_AT = 40;
const RECORD_FIXED_BYTES = 12;
const KIND_INCREMENT = 1;
const KIND_BASE = 2;
const FLAG_TOMBSTONE = 0x01;

/** What a stream is about: `core`, or one network, so that a router without members in a network can skip it. */
export type Topic = 'core' | NetworkName;

/**
 * One record of a stream. `value` undefined is a tombstone: the key was there and is not any more.
 * `seq` is 0 for a record that only its owner writes; for a claim or a shared record it is the key's sequence, from 1.
 */
export interface BlockRecord {
  readonly key: string;
  readonly seq: number;
  readonly value: Uint8Array | undefined;
}

interface BlockHead {
  readonly owner: PeerId;
  readonly topic: Topic;
  /** The stream's version once the block is applied. Never falls, not even over restarts. */
  readonly version: number;
  readonly records: readonly BlockRecord[];
}

/** The changes `prev`+1 .. `version`, one record each. */
export type IncrementBlock = BlockHead & { readonly kind: 'increment'; readonly prev: number };
/** Part `part` of `parts` of everything the stream holds at `version`; all parts together replace the stream. */
export type BaseBlock = BlockHead & {
  readonly kind: 'base';
  readonly part: number;
  readonly parts: number;
  /** The owner's, 32 bytes, so that who has a stream can check what follows. */
  readonly publicKey: Uint8Array;
};
export type Block = IncrementBlock | BaseBlock;

/** Why bytes are not a block. */
export type BlockDrop =
  | 'oversize'
  | 'short'
  | 'range'
  | 'text'
  | 'format'
  | 'kind'
  | 'topic'
  | 'version'
  | 'parts'
  | 'count'
  | 'key'
  | 'seq'
  | 'value'
  | 'trailing';

/** @returns the topic, or undefined if `text` is neither `core` nor the name of a network */
export const parseTopic = (text: string): Topic | undefined => (text === 'core' ? 'core' : parseNetworkName(text));

/** Bytes a record takes in a block. */
export const recordBytes = (r: BlockRecord): number => RECORD_FIXED_BYTES + r.key.length + (r.value?.length ?? 0);

/** Bytes left for records in a block of this topic. */
export const recordRoom = (topic: Topic): number =>
  MAX_BLOCK_BYTES - FIXED_BYTES - topic.length - PUBLIC_KEY_BYTES - SIGNATURE_BYTES;

/** What the signature covers: all before it. A view. */
export const signedBytes = (block: Uint8Array): Uint8Array => block.subarray(0, block.length - SIGNATURE_BYTES);
export const signatureOf = (block: Uint8Array): Uint8Array => block.subarray(block.length - SIGNATURE_BYTES);
/** The key in the bytes of a base that was decoded before. A view. */
export const publicKeyIn = (base: Uint8Array): Uint8Array => {
  const at = TOPIC_AT + 1 + base[TOPIC_AT]!;
  return base.subarray(at, at + PUBLIC_KEY_BYTES);
};

/** Makes the 64 bytes that stand behind a block. Zeros without it, which nobody takes. */
export type Sign = (signed: Uint8Array) => Uint8Array;

/** Block, big-endian.
 *    off len field
 *      0   1  format    2
 *      1   1  kind      1 increment, 2 part of a base
 *      2  16  owner     peer id
 *     18   8  version   of the stream with this block in it, 1 .. 2^53-1
 *     26   8  prev      increment: the version before; base: 0
 *     34   2  part      base: 0 .. parts-1; increment: 0
 *     36   2  parts     base: 1 .. 4096; increment: 0
 *     38   2  count     records; in an increment version - prev
 *     40   1  topicLen  1 .. 32
 *     41   t  topic     `core` or the name of a network
 *      .  32  key       base: the owner's, Ed25519; increment: absent
 *      .   .  records   count of them:
 *               0  1  flags     0x01 tombstone; other bits 0
 *               1  1  keyLen    1 .. 128
 *               2  8  seq       0 .. 2^48
 *              10  2  valueLen  0 .. 1024; 0 in a tombstone
 *              12  k  key       printable ASCII without space
 *               .  v  value
 *    end-64 64 signature  Ed25519 by the owner over all before it
 * @throws RangeError if a limit is broken: the caller must have checked */
export function encodeBlock(block: Block, sign?: Sign): Uint8Array {
  const w = new Writer(MAX_BLOCK_BYTES);
  const base = block.kind === 'base' ? block : undefined;
  w.u8(BLOCK_FORMAT);
  w.u8(base ? KIND_BASE : KIND_INCREMENT);
  w.peerId(block.owner);
  w.u64(block.version);
  w.u64(block.kind === 'increment' ? block.prev : 0);
  w.u16(base?.part ?? 0);
  w.u16(base?.parts ?? 0);
  w.u16(block.records.length);
  w.u8(block.topic.length);
  w.text(block.topic);
  if (base !== undefined) w.bytes(base.publicKey);
  for (const r of block.records) {
    w.u8(r.value === undefined ? FLAG_TOMBSTONE : 0);
    w.u8(r.key.length);
    w.u64(r.seq);
    w.u16(r.value?.length ?? 0);
    w.text(r.key);
    if (r.value !== undefined) w.bytes(r.value);
  }
  w.bytes(new Uint8Array(SIGNATURE_BYTES));
  const bytes = w.finish();
  if (sign !== undefined) bytes.set(sign(signedBytes(bytes)), bytes.length - SIGNATURE_BYTES);
  return bytes;
}

/** What a block says of itself before anything about it is checked. */
export interface BlockPeek {
  readonly owner: PeerId;
  readonly topic: Topic;
  readonly version: number;
  readonly isBase: boolean;
  readonly prev: number;
  readonly part: number;
}

/** For a look before bytes are decoded; undefined if they cannot be a block. */
export function peekBlock(bytes: Uint8Array): BlockPeek | undefined {
  if (bytes.length < FIXED_BYTES + SIGNATURE_BYTES || bytes[0] !== BLOCK_FORMAT) return undefined;
  const r = new Reader(bytes);
  r.bytes(OWNER_AT);
  const [owner, version, prev, part] = [r.peerId(), r.u64(), r.u64(), r.u16()];
  r.bytes(4); // parts and count
  const topic = r.text(r.u8()) as Topic;
  return r.fault === undefined
    ? { owner, topic, version, isBase: bytes[KIND_AT] === KIND_BASE, prev, part }
    : undefined;
}

/** The values of the result are views into `bytes`. The signature is not looked at. */
export function decodeBlock(bytes: Uint8Array): Block | BlockDrop {
  if (bytes.length > MAX_BLOCK_BYTES) return 'oversize';
  if (bytes.length < FIXED_BYTES + SIGNATURE_BYTES) return 'short';
  const r = new Reader(signedBytes(bytes));
  if (r.u8() !== BLOCK_FORMAT) return 'format';
  const kind = r.u8();
  const owner = r.peerId();
  const [version, prev, part, parts, count] = [r.u64(), r.u64(), r.u16(), r.u16(), r.u16()];
  const topic = parseTopic(r.text(r.u8()));
  if (r.fault !== undefined) return r.fault;
  if (topic === undefined) return 'topic';
  if (version < 1) return 'version';
  if (kind === KIND_INCREMENT) {
    if (part !== 0 || parts !== 0) return 'parts';
    if (prev >= version) return 'version';
    if (count !== version - prev) return 'count';
    const records = decodeRecords(r, count);
    return typeof records === 'string' ? records : { kind: 'increment', owner, topic, version, prev, records };
  }
  if (kind !== KIND_BASE) return 'kind';
  if (parts < 1 || parts > MAX_PARTS || part >= parts) return 'parts';
  if (prev !== 0) return 'version';
  const publicKey = r.bytes(PUBLIC_KEY_BYTES);
  const records = decodeRecords(r, count);
  return typeof records === 'string'
    ? records
    : { kind: 'base', owner, topic, version, part, parts, publicKey, records };
}

function decodeRecords(r: Reader, count: number): readonly BlockRecord[] | BlockDrop {
  if (count * (RECORD_FIXED_BYTES + 1) > r.remaining) return 'count';
  const records: BlockRecord[] = [];
  let last: Uint8Array | undefined;
  for (let i = 0; i < count; i++) {
    const [flags, keyLength, seq, valueLength] = [r.u8(), r.u8(), r.u64(), r.u16()];
    if (r.fault !== undefined) return r.fault;
    if (keyLength < 1 || keyLength > MAX_KEY_BYTES) return 'key';
    if (seq > MAX_SEQ) return 'seq';
    if (flags > FLAG_TOMBSTONE || valueLength > MAX_VALUE_BYTES) return 'value';
    if (flags === FLAG_TOMBSTONE && valueLength !== 0) return 'value';
    const key = r.text(keyLength);
    const value = r.bytes(valueLength);
    if (last === undefined || !sameBytes(last, value)) last = value; // equal neighbours share one view
    if (r.fault !== undefined) return r.fault;
    records.push({ key, seq, value: flags === FLAG_TOMBSTONE ? undefined : last });
  }
  return r.remaining === 0 ? records : 'trailing';
}
