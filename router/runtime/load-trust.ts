// What the trust of a router takes from the machine: chance, a key for this launch, libsodium and OpenSSL.
import { createPublicKey, randomBytes, sign, verify } from 'node:crypto';
import { deriveDatagramKey } from '../trust/datagram-key.js';
import { OPEN_KEYS, type MeshKeys } from '../trust/mesh-keys.js';
import { RecordOpener, RecordSealer } from '../trust/records.js';
import type { Signer, Trust, TrustCrypto } from '../trust/trust.js';
import type { Identity } from './identity.js';

const random = (bytes: number): Uint8Array => new Uint8Array(randomBytes(bytes));

const SPKI_HEADER = Buffer.from('302a300506032b6570032100', 'hex'); // RFC 8410 §4: what comes before an Ed25519 key

export function verifyEd25519(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  try {
    const key = createPublicKey({ key: Buffer.concat([SPKI_HEADER, publicKey]), format: 'der', type: 'spki' });
    return verify(null, message, key, signature);
  } catch {
    return false; // no point of the curve
  }
}

export const signerOf = ({ publicKey, privateKey }: Identity): Signer => ({
  publicKey,
  sign: (message) => new Uint8Array(sign(null, message, privateKey)),
});

/**
 * @param keys left out: of an open mesh
 * @throws Error where the package has no libsodium for the machine: it has it for linux-x64 and linux-arm64
 */
export async function loadTrust(identity: Identity, keys: MeshKeys = OPEN_KEYS): Promise<Trust> {
  const { noise } = await import('../noise.js');
  const crypto: TrustCrypto = {
    noise,
    verify: verifyEd25519,
    sealer: (key) => new RecordSealer(key),
    opener: (key) => new RecordOpener(key),
    datagramKey: deriveDatagramKey,
  };
  return {
    keys,
    alsoAccepted: [],
    former: [],
    signer: signerOf(identity),
    crypto,
    staticKey: noise.keyPair(random(32)),
    entropy: random,
  };
}
