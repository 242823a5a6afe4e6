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
  for (let i = 0; i < PEER_ID_BYTES; i++) b[i] = parseInt(id.slice(i * 2, i * 2 + 2), 16);
  return b;
}

const HEX = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, '0'));

/** @param b at least `at + 16` bytes */
export function peerIdAt(b: Uint8Array, at: number): PeerId {
  let id = '';
  for (let i = at; i < at + PEER_ID_BYTES; i++) id += HEX[b[i]!]!;
  return id as PeerId;
}
