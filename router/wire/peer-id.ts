// A peer id in bytes, and how it follows from the key it names.
import { createHash } from 'node:crypto';
import type { PeerId } from '../types.js';

export const PEER_ID_BYTES = 16;

/** @param publicKey the 32 raw bytes of an Ed25519 public key (RFC 8032 §5.1.5) */
export const peerIdOf = (publicKey: Uint8Array): PeerId =>
  createHash('sha256')
    .update(publicKey)
    .digest('hex')
    .slice(0, PEER_ID_BYTES * 2) as PeerId;

export function peerIdBytes(id: PeerId): Uint8Array {
  const b = new Uint8Array(PEER_ID_BYTES);
  for (let i = 0; i < PEER_ID_BYTES; i++) b[i] = (digit(id.charCodeAt(2 * i)) << 4) | digit(id.charCodeAt(2 * i + 1));
  return b;
}

/** Of `0` .. `9` and `a` .. `f`. */
const digit = (code: number): number => (code < 0x40 ? code - 0x30 : code - 0x57);

const HEX = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, '0'));

/** The same ids are met again and again, in each datagram, block and vector: those met last are kept, one a slot. */
const SLOTS = 4_096;
const slotWords = new Int32Array(4 * SLOTS);
const slotIds = Array.from<PeerId | undefined>({ length: SLOTS });

/** @param b at least `at + 16` bytes */
export function peerIdAt(b: Uint8Array, at: number): PeerId {
  const [w0, w1, w2, w3] = [wordAt(b, at), wordAt(b, at + 4), wordAt(b, at + 8), wordAt(b, at + 12)];
  const slot = (w0 ^ w1 ^ w2 ^ w3) & (SLOTS - 1);
  const [w, k] = [slotWords, 4 * slot];
  const id = slotIds[slot];
  if (id !== undefined && w[k] === w0 && w[k + 1] === w1 && w[k + 2] === w2 && w[k + 3] === w3) return id;
  w.set([w0, w1, w2, w3], k);
  return (slotIds[slot] = textAt(b, at));
}

const wordAt = (b: Uint8Array, at: number): number =>
  (b[at]! << 24) | (b[at + 1]! << 16) | (b[at + 2]! << 8) | b[at + 3]!;

function textAt(b: Uint8Array, at: number): PeerId {
  let id = '';
  for (let i = at; i < at + PEER_ID_BYTES; i++) id += HEX[b[i]!]!;
  return id as PeerId;
}
