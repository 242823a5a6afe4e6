// Trust with the real cryptography, of an identity made up on the spot.
import { newIdentity } from '../../router/runtime/identity.js';
import { loadTrust } from '../../router/runtime/load-trust.js';
import { meshKeys, OPEN_KEYS, type MeshKeys } from '../../router/trust/mesh-keys.js';
import { noise } from '../../router/noise.js';
import { deriveDatagramKey } from '../../router/trust/datagram-key.js';
import { RecordOpener, RecordSealer } from '../../router/trust/records.js';
import type { Trust } from '../../router/trust/trust.js';
import { cheapTrust } from './cheap-trust.js';

export const realTrust = (keys: MeshKeys = OPEN_KEYS): Promise<Trust> => loadTrust(newIdentity(), keys);

/** The keys of a mesh whose root is this byte, 32 times. */
export const keysOf = (n: number): MeshKeys => meshKeys(new Uint8Array(32).fill(n));

/** For a simulation: all that is sealed is sealed in earnest, by a seed; signatures are cheap. */
export function realSealing(publicKey: Uint8Array, seed: string, keys: MeshKeys = keysOf(1)): Trust {
  const cheap = cheapTrust(publicKey, seed, keys);
  const sealer = (key: Uint8Array): RecordSealer => new RecordSealer(key);
  const opener = (key: Uint8Array): RecordOpener => new RecordOpener(key);
  const crypto = { ...cheap.crypto, noise, sealer, opener, datagramKey: deriveDatagramKey };
  return { ...cheap, crypto, staticKey: noise.keyPair(cheap.entropy(32)) };
}
