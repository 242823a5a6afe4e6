// A password is made as hard to guess as we can afford: once at a launch, on another thread.
import { scrypt } from 'node:crypto';
import { ROOT_BYTES, rootOf } from '../trust/mesh-keys.js';
import type { Secret } from '../trust/secret.js';

/** RFC 7914: 128 MiB, and some 0.4 s a guess. */
export const SCRYPT = { N: 2 ** 17, r: 8, p: 1 } as const;
/** The same for all meshes: who is to join knows nothing but the password. */
const SALT = 'mesh password 1';
const MAX_MEMORY_BYTES = 2 * 128 * SCRYPT.N * SCRYPT.r;

/** @returns the root of a mesh's keys, 32 bytes. Words are taken as they are */
export function stretch(secret: Secret): Promise<Uint8Array> {
  if (secret.kind === 'words') return Promise.resolve(rootOf(secret.entropy));
  return new Promise((resolve, reject) =>
    scrypt(secret.text, SALT, ROOT_BYTES, { ...SCRYPT, maxmem: MAX_MEMORY_BYTES }, (e, root) =>
      e === null ? resolve(new Uint8Array(root)) : reject(e),
    ),
  );
}
