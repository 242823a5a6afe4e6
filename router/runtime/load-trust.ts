// What the trust of a router takes from the machine: chance, a key for this launch, libsodium and OpenSSL.
import { randomBytes } from 'node:crypto';
import { signEd25519, verifyEd25519 } from '../wire/ed25519.js';
import { deriveDatagramKey } from '../trust/datagram-key.js';
import { OPEN_KEYS, type MeshKeys } from '../trust/mesh-keys.js';
import { RecordOpener, RecordSealer } from '../trust/records.js';
import type { Signer, Trust, TrustCrypto } from '../trust/trust.js';
import type { Identity } from './identity.js';

const random = (bytes: number): Uint8Array => new Uint8Array(randomBytes(bytes));

export const signerOf = ({ publicKey, privateKey }: Identity): Signer => ({
  publicKey,
  sign: (message) => signEd25519(privateKey, message),
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
