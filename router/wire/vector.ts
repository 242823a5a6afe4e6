// A vector: how far a router has come in every stream it knows. Exchanged only when the digests differ.
import type { PeerId } from '../types.js';
import { MAX_PARTS, MAX_TOPIC_BYTES, parseTopic, type Topic } from './block.js';
import { Reader, Writer } from './bytes.js';

export const VECTOR_FORMAT = 1;
export const MAX_VECTOR_BYTES = 1_040_000; // fits one frame of the control stream, 1 MiB
export const MAX_VECTOR_STREAMS = 16_384; // at most 16384 * (18 + 42 + 10) bytes if all were at their largest

const OWNER_BYTES = 18;
const ENTRY_FIXED_BYTES = 10;
const FLAG_PARTIAL = 0x01;
const MAX_PARTIALS = 4_096; // the rest are left out: their base is sent from its beginning

/** A base that is still coming: its version, and how many parts from part 0 on are there without a hole. */
export interface PartialBase {
  readonly version: number;
  readonly parts: number;
}

export interface StreamName {
  readonly owner: PeerId;
  readonly topic: Topic;
}

export interface VectorEntry extends StreamName {
  /** 0 while nothing of the stream is applied. */
  readonly head: number;
  readonly partial: PartialBase | undefined;
}

/** Sorted by (owner, topic), each pair once. A stream that is not in it is unknown to the sender. */
export type Vector = readonly VectorEntry[];

export type VectorDrop =
  'oversize' | 'short' | 'range' | 'text' | 'format' | 'count' | 'topic' | 'partial' | 'order' | 'trailing';

/** Vector, big-endian.
 *    off len field
 *     0   1  format   1
 *     1   4  owners   0 .. 16384, ascending by id, each:
 *              0  16  owner    peer id
 *             16   2  streams  1 .. 16384, ascending by topic, each:
 *                       0   1  topicLen  1 .. 32
 *                       1   8  head      version applied; 0 for none
 *                       9   1  flags     0x01 a base is partly here; other bits 0
 *                      10   t  topic
 *                       .   8  version   of that base, only with flag 0x01
 *                       .   2  parts     of it held from part 0 on, 0 .. 4096, only with flag 0x01
 * @param vector sorted, at most MAX_VECTOR_STREAMS entries */
export function encodeVector(vector: Vector): Uint8Array {
  const w = new Writer(MAX_VECTOR_BYTES);
  const owners = groupByOwner(vector);
  let partials = 0;
  w.u8(VECTOR_FORMAT);
  w.u32(owners.length);
  for (const entries of owners) {
    w.peerId(entries[0]!.owner);
    w.u16(entries.length);
    for (const e of entries) {
      const partial = partials < MAX_PARTIALS ? e.partial : undefined;
      w.u8(e.topic.length);
      w.u64(e.head);
      w.u8(partial ? FLAG_PARTIAL : 0);
      w.text(e.topic);
      if (partial === undefined) continue;
      partials++;
      w.u64(partial.version);
      w.u16(partial.parts);
    }
  }
  return w.finish();
}

export function decodeVector(bytes: Uint8Array): Vector | VectorDrop {
  if (bytes.length > MAX_VECTOR_BYTES) return 'oversize';
  const r = new Reader(bytes);
  if (r.u8() !== VECTOR_FORMAT) return r.fault ?? 'format';
  const owners = r.u32();
  if (r.fault !== undefined) return r.fault;
  if (owners > MAX_VECTOR_STREAMS || owners * (OWNER_BYTES + ENTRY_FIXED_BYTES + 1) > r.remaining) return 'count';
  const vector: VectorEntry[] = [];
  for (let i = 0, before = ''; i < owners; i++) {
    const owner = r.peerId();
    if (owner <= before) return r.fault ?? 'order';
    const drop = decodeStreams(r, owner, vector);
    if (drop !== undefined) return drop;
    before = owner;
  }
  return r.remaining === 0 ? vector : 'trailing';
}

function decodeStreams(r: Reader, owner: PeerId, into: VectorEntry[]): VectorDrop | undefined {
  const count = r.u16();
  if (count < 1 || into.length + count > MAX_VECTOR_STREAMS) return r.fault ?? 'count';
  for (let i = 0, before = ''; i < count; i++) {
    const [length, head, flags] = [r.u8(), r.u64(), r.u8()];
    if (length < 1 || length > MAX_TOPIC_BYTES) return r.fault ?? 'topic';
    const topic = parseTopic(r.text(length));
    const partial = flags === FLAG_PARTIAL ? { version: r.u64(), parts: r.u16() } : undefined;
    if (r.fault !== undefined) return r.fault;
    if (topic === undefined) return 'topic';
    if (flags > FLAG_PARTIAL || (partial && (partial.version <= head || partial.parts > MAX_PARTS))) return 'partial';
    if (topic <= before) return 'order';
    into.push({ owner, topic, head, partial });
    before = topic;
  }
  return undefined;
}

function groupByOwner(vector: Vector): VectorEntry[][] {
  const groups: VectorEntry[][] = [];
  for (const e of vector) {
    const last = groups.at(-1);
    if (last?.[0]?.owner === e.owner) last.push(e);
    else groups.push([e]);
  }
  return groups;
}

/** Ascending by (owner, topic): the order in which a vector is encoded. */
export function compareStreams(a: StreamName, b: StreamName): number {
  if (a.owner !== b.owner) return a.owner < b.owner ? -1 : 1;
  return a.topic === b.topic ? 0 : a.topic < b.topic ? -1 : 1;
}

/** For a map of streams; different for different ones, since neither part has a slash. */
export const streamKey = ({ owner, topic }: StreamName): string => `${owner}/${topic}`;
