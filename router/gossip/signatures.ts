// Who wrote a block, beyond doubt: Ed25519 (RFC 8032) by the key whose hash is the owner's id.
import type { KeyObject } from 'node:crypto';
import { signEd25519, verifyEd25519 } from '../wire/ed25519.js';
import type { PeerId } from '../types.js';
import { signatureOf, signedBytes, type Sign } from '../wire/block.js';
import { peerIdOf } from '../wire/peer-id.js';

/**
 * Is the id the hash of this key, and did the key's holder sign these bytes, of which the last 64 are the signature? Asked once
 * for what is kept: the answer must not change.
 */
export type Verify = (signed: Uint8Array, owner: PeerId, publicKey: Uint8Array) => boolean;

/** Makes a router's own signatures, and checks those of others. */
export interface Signatures {
  /** Ours, 32 bytes. */
  readonly publicKey: Uint8Array;
  readonly sign: Sign;
  readonly verify: Verify;
}

/** 30 us to sign a small block and 80 to verify it; of 64 KiB 150 and 140. @param privateKey Ed25519 */
export const ed25519 = (privateKey: KeyObject, publicKey: Uint8Array): Signatures => ({
  publicKey,
  sign: (signed) => signEd25519(privateKey, signed),
  verify: (signed, owner, key) =>
    peerIdOf(key) === owner && verifyEd25519(key, signedBytes(signed), signatureOf(signed)),
});
