// Trust with the real cryptography, of an identity made up on the spot.
import { newIdentity } from '../../router/runtime/identity.js';
import { loadTrust } from '../../router/runtime/load-trust.js';
import { meshKeys, OPEN_KEYS, type MeshKeys } from '../../router/trust/mesh-keys.js';
import type { Trust } from '../../router/trust/trust.js';

export const realTrust = (keys: MeshKeys = OPEN_KEYS): Promise<Trust> => loadTrust(newIdentity(), keys);

/** The keys of a mesh whose root is this byte, 32 times. */
export const keysOf = (n: number): MeshKeys => meshKeys(new Uint8Array(32).fill(n));
