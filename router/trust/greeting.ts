// Who is at the other end of a sealed stream: each side signs its hello together with the hash of the handshake (Noise, revision
// 34, §11.2), so that it is said on this stream alone, and by whoever has the key that the id is the hash of.
import { joined } from '../wire/bytes.js';
import { encodeHello, encodeSignedHello, type Hello } from '../wire/hello.js';
import { peerIdOf } from '../wire/peer-id.js';
import type { Signer, Trust } from './trust.js';

const NAME = new TextEncoder().encode('mesh control hello 1');

/** @param hash of the handshake. @param dialled by who signs: neither side's hello is the other's */
const signedText = (hash: Uint8Array, dialled: boolean, hello: Uint8Array): Uint8Array =>
  joined(NAME, Uint8Array.of(dialled ? 1 : 0), hash, hello);

/** @returns the body of a hello frame */
export function signHello(signer: Signer, hash: Uint8Array, dialled: boolean, hello: Hello): Uint8Array {
  const bytes = encodeHello(hello);
  return encodeSignedHello(signer.sign(signedText(hash, dialled, bytes)), bytes);
}

/** @returns what is wrong with it */
export function isOfKey(
  { crypto }: Trust,
  hash: Uint8Array,
  dialled: boolean,
  { id, publicKey }: Hello,
  signed: { readonly signature: Uint8Array; readonly hello: Uint8Array },
): 'id' | 'signature' | undefined {
  if (peerIdOf(publicKey) !== id) return 'id';
  return crypto.verify(publicKey, signedText(hash, dialled, signed.hello), signed.signature) ? undefined : 'signature';
}
