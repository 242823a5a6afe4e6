// Routers' identities as they are made at a first launch, without a disk.
import { generateKeyPairSync } from 'node:crypto';
import { ed25519, type Signatures } from '../../router/gossip/signatures.js';
import type { PeerId } from '../../router/types.js';
import { peerIdOf } from '../../router/wire/peer-id.js';

export interface TestIdentity {
  /** The hash of the key. */
  readonly id: PeerId;
  readonly signatures: Signatures;
}

/** Another one each time. */
export function newIdentity(): TestIdentity {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const raw = new Uint8Array(Buffer.from(publicKey.export({ format: 'jwk' }).x!, 'base64url'));
  return { id: peerIdOf(raw), signatures: ed25519(privateKey, raw) };
}
