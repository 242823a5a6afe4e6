// The key of what one launch of a router sends by datagrams, under one secret.
//
// 40 bytes of HKDF-SHA256 (RFC 5869): the input is the secret's key `datagram`, the salt the 16 random bytes of the launch, the info
// `mesh datagram 1` and the sender's id. The first 32 are the key (ChaCha20-Poly1305, RFC 8439), the last 8 are what datagrams call the
// launch by. So one look into a table tells sender, launch and secret; and who has not the secret learns from it nothing at all.
import { hkdfSync } from 'node:crypto';
import type { PeerId } from '../types.js';
import { joined } from '../wire/bytes.js';
import {
  authenticatedHeader,
  counterBytes,
  LAUNCH_NAME_BYTES,
  launchNameAt,
  sealedPart,
  tagPart,
  type LaunchName,
} from '../wire/datagram.js';
import { peerIdBytes } from '../wire/peer-id.js';
import { openChaCha, sealChaCha, type Sealable } from './chacha.js';
import type { DatagramKey } from './trust.js';

const INFO = new TextEncoder().encode('mesh datagram 1');
const KEY_BYTES = 32;
const COUNTER_AT = 4; // in a nonce of 12

class ChaChaDatagramKey implements DatagramKey {
  readonly launch: Uint8Array;
  readonly name: LaunchName;
  readonly #key: Uint8Array;

  constructor(launch: Uint8Array, derived: Uint8Array) {
    this.launch = launch;
    this.#key = derived.subarray(0, KEY_BYTES);
    this.name = launchNameAt(derived, KEY_BYTES);
  }

  seal(b: Uint8Array): void {
    sealChaCha(this.#key, nonceOf(b), sealedPart(b), partsOf(b));
  }

  open(b: Uint8Array): Uint8Array | undefined {
    return openChaCha(this.#key, nonceOf(b), partsOf(b));
  }
}

const partsOf = (b: Uint8Array): Sealable => ({
  header: authenticatedHeader(b),
  part: sealedPart(b),
  tag: tagPart(b),
});

/** @param secret `MeshKeys.datagram`. @param launch 16 bytes of the sender's */
export function deriveDatagramKey(secret: Uint8Array, sender: PeerId, launch: Uint8Array): DatagramKey {
  const info = joined(INFO, peerIdBytes(sender));
  return new ChaChaDatagramKey(
    launch,
    new Uint8Array(hkdfSync('sha256', secret, launch, info, KEY_BYTES + LAUNCH_NAME_BYTES)),
  );
}

function nonceOf(b: Uint8Array): Uint8Array {
  const nonce = new Uint8Array(12);
  nonce.set(counterBytes(b), COUNTER_AT);
  return nonce;
}
