// The disk cache of all streams, so that a restarted router knows the mesh before it meets it.
import { createHash } from 'node:crypto';
import type { PeerId } from '../types.js';
import { MAX_BLOCK_BYTES } from './block.js';
import { Reader, Writer } from './bytes.js';

export const SNAPSHOT_FORMAT = 1;
export const MAX_SNAPSHOT_BYTES = 1 << 30;
const CHECK_BYTES = 16;

export interface Snapshot {
  readonly self: PeerId;
  /** Views into the file, in an order in which they can be applied. */
  readonly blocks: readonly Uint8Array[];
}

export type SnapshotDrop = 'oversize' | 'short' | 'range' | 'text' | 'format' | 'checksum' | 'block-size';

/** Snapshot, big-endian.
 *    off len field
 *      0   1  format    1
 *      1  16  self      peer id of the router whose cache it is
 *     17   .  blocks    each:
 *               0  4  length  1 .. 65536
 *               4  n  block
 *    end-16 16 check    first 16 bytes of SHA-256 over all before it                    */
export function encodeSnapshot(snapshot: Snapshot): Uint8Array {
  const size = snapshot.blocks.reduce((sum, b) => sum + 4 + b.length, 17 + CHECK_BYTES);
  const w = new Writer(MAX_SNAPSHOT_BYTES, size);
  w.u8(SNAPSHOT_FORMAT);
  w.peerId(snapshot.self);
  for (const block of snapshot.blocks) {
    w.u32(block.length);
    w.bytes(block);
  }
  w.bytes(new Uint8Array(CHECK_BYTES));
  const bytes = w.finish();
  bytes.set(check(bytes), bytes.length - CHECK_BYTES);
  return bytes;
}

export function decodeSnapshot(bytes: Uint8Array): Snapshot | SnapshotDrop {
  if (bytes.length > MAX_SNAPSHOT_BYTES) return 'oversize';
  if (bytes.length < 17 + CHECK_BYTES) return 'short';
  if (bytes[0] !== SNAPSHOT_FORMAT) return 'format';
  const stored = bytes.subarray(bytes.length - CHECK_BYTES);
  if (!check(bytes).every((b, i) => b === stored[i])) return 'checksum';
  const r = new Reader(bytes.subarray(1, bytes.length - CHECK_BYTES));
  const self = r.peerId();
  const blocks: Uint8Array[] = [];
  while (r.remaining > 0) {
    const length = r.u32();
    if (length < 1 || length > MAX_BLOCK_BYTES) return r.fault ?? 'block-size';
    blocks.push(r.bytes(length));
    if (r.fault !== undefined) return r.fault;
  }
  return { self, blocks };
}

const check = (bytes: Uint8Array): Uint8Array =>
  createHash('sha256')
    .update(bytes.subarray(0, bytes.length - CHECK_BYTES))
    .digest()
    .subarray(0, CHECK_BYTES);
