// Signatures by Ed25519 (RFC 8032) of node:crypto, the one place that makes keys of bytes.
import { createPublicKey, sign, verify, type KeyObject } from 'node:crypto';

/** @returns 64 bytes */
export const signEd25519 = (privateKey: KeyObject, message: Uint8Array): Uint8Array =>
  new Uint8Array(sign(null, message, privateKey));

/**
 * Never throws: what is no key signed nothing. 80 us, of which the key is 10; by DER in place of a JWK it would be 80 more.
 * @param publicKey 32 bytes
 * @param signature 64 bytes
 */
export function verifyEd25519(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  try {
    return verify(null, message, keyOf(publicKey), signature);
  } catch {
    return false;
  }
}

/** Made anew each time: those of a thousand peers would be a megabyte. */
const keyOf = (publicKey: Uint8Array): KeyObject =>
  createPublicKey({
    key: { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(publicKey).toString('base64url') },
    format: 'jwk',
  });
