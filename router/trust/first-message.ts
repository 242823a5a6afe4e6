// What makes a handshake's first message cheap to judge, as WireGuard's mac1 and cookie do (whitepaper §5.3): a stamp that only
// who has the secret can make, and, while many ask, a proof that it was not recorded. Each is one HMAC and no curve operation.
import { createHmac, timingSafeEqual } from 'node:crypto';
import { joined } from '../wire/bytes.js';
import type { MeshKeys } from './mesh-keys.js';
import { clearOf, type Clear } from './noise-messages.js';

/** Of a stamp, of a challenge and of a proof. */
export const STAMP_BYTES = 16;

const STAMP = new TextEncoder().encode('mesh control stamp 1');
const PROOF = new TextEncoder().encode('mesh control proof 1');

/** @param dialler what it says in clear. @returns message 1 with its stamp behind it */
export const stamped = (keys: MeshKeys, dialler: Clear, message: Uint8Array): Uint8Array =>
  joined(message, stampOf(keys, dialler, message));

/** @param body of the frame that message 1 comes in. @returns message 1, if who sent it has the secret, or somebody recorded it */
export function unstamped(keys: MeshKeys, dialler: Clear, body: Uint8Array): Uint8Array | undefined {
  const [message, stamp] = [body.slice(0, -STAMP_BYTES), body.subarray(-STAMP_BYTES)];
  return isSame(stamp, stampOf(keys, dialler, message)) ? message : undefined;
}

/** The answer to a challenge, and to no other. @param message 1, without its stamp */
export const proofOf = (keys: MeshKeys, challenge: Uint8Array, message: Uint8Array): Uint8Array =>
  hmac(keys, PROOF, challenge, message);

export const isProof = (keys: MeshKeys, challenge: Uint8Array, message: Uint8Array, proof: Uint8Array): boolean =>
  isSame(proof, proofOf(keys, challenge, message));

const stampOf = (keys: MeshKeys, dialler: Clear, message: Uint8Array): Uint8Array =>
  hmac(keys, STAMP, ...clearOf(dialler), message);

/** HMAC-SHA256 (RFC 2104), its first 16 bytes. */
const hmac = ({ first }: MeshKeys, ...parts: readonly Uint8Array[]): Uint8Array =>
  new Uint8Array(
    createHmac('sha256', first)
      .update(joined(...parts))
      .digest(),
  ).slice(0, STAMP_BYTES);

const isSame = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && timingSafeEqual(a, b);
