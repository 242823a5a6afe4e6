// The disk cache of all streams, so that a restarted router knows the mesh before it meets it.
import { createHash } from 'node:crypto';
import type { PeerId } from '../types.js';
import { MAX_BLOCK_BYTES, SIGNATURE_BYTES, signatureOf, signedBytes, type Sign } from './block.js';
import { Reader, Writer } from './bytes.js';

export const SNAPSHOT_FORMAT = 2;
export const MAX_SNAPSHOT_BYTES = 1 << 30;
/** What is signed is this and the file's hash, so that it is taken for nothing else that the key signs. */
const PURPOSE = new TextEncoder().encode('mesh cache ');

export interface Snapshot {
  readonly self: PeerId;
  /** Views into the file, in an order in which they can be applied. */
  readonly blocks: readonly Uint8Array[];
}

export type SnapshotDrop = 'oversize' | 'short' | 'range' | 'text' | 'format' | 'signature' | 'block-size';

/** Snapshot, big-endian.
 *    off len field
 *      0   1  format    2
 *      1  16  self      peer id of the router whose cache it is
 *     17   .  blocks    each:
 *               0  4  length  1 .. 65536
 *               4  n  block
 *    end-64 64 signature  by that router over `mesh cache ` and the SHA-256 of all before it
 * Each block was verified when it came; one signature for all is a launch that does not do so again. */
export function encodeSnapshot(snapshot: Snapshot, sign: Sign): Uint8Array {
  const size = snapshot.blocks.reduce((sum, b) => sum + 4 + b.length, 17 + SIGNATURE_BYTES);
  const w = new Writer(MAX_SNAPSHOT_BYTES, size);
  w.u8(SNAPSHOT_FORMAT);
  w.peerId(snapshot.self);
  for (const block of snapshot.blocks) {
    w.u32(block.length);
    w.bytes(block);
  }
  w.bytes(new Uint8Array(SIGNATURE_BYTES));
  const bytes = w.finish();
  bytes.set(sign(signedOf(bytes)), bytes.length - SIGNATURE_BYTES);
  return bytes;
}

/** @param isOurs is what the signature stands behind signed by the router whose state this is? */
export function decodeSnapshot(bytes: Uint8Array, isOurs: (signed: Uint8Array) => boolean): Snapshot | SnapshotDrop {
  if (bytes.length > MAX_SNAPSHOT_BYTES) return 'oversize';
  if (bytes.length < 17 + SIGNATURE_BYTES) return 'short';
  if (bytes[0] !== SNAPSHOT_FORMAT) return 'format';
  if (!isOurs(Buffer.concat([signedOf(bytes), signatureOf(bytes)]))) return 'signature';
  const r = new Reader(signedBytes(bytes).subarray(1));
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

const signedOf = (bytes: Uint8Array): Uint8Array =>
  Buffer.concat([PURPOSE, createHash('sha256').update(signedBytes(bytes)).digest()]);
