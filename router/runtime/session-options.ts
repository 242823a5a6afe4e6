// What sessions take from the machine: chance, a key for this launch, and the Noise implementation.
import { randomBytes } from 'node:crypto';
import type { SessionOptions } from '../session/sessions.js';

const random = (bytes: number): Uint8Array => new Uint8Array(randomBytes(bytes));

/**
 * For `RouterOptions.sessions` of a router with a sleeve; one without does not call this, as it loads libsodium (40 ms, 8 MB).
 * The static key is new: nothing binds it to the router's identity.
 * @param aes does the sleeve seal AES in hardware?
 * @param secret of the mesh, now: `MeshKeys.session`
 * @throws Error where the package has no binary for the machine: it has them for linux-x64 and linux-arm64
 */
export async function loadSessionOptions(aes: boolean, secret: () => Uint8Array): Promise<SessionOptions> {
  const { noise } = await import('../noise.js');
  return { noise, staticKey: noise.keyPair(random(32)), secret, entropy: random, aes };
}
