// Signatures that cost next to nothing, and that still only the holder of a key can make: a thousand routers verify what a thousand
// write. A key's secret is known here and to its host alone; who forges has others.
import { createHmac } from 'node:crypto';
import type { Signatures, Verify } from '../../../router/gossip/signatures.js';
import type { PeerId } from '../../../router/types.js';
import { SIGNATURE_BYTES, signatureOf, signedBytes } from '../../../router/wire/block.js';
import { sameBytes } from '../../../router/wire/bytes.js';
import { peerIdOf } from '../../../router/wire/peer-id.js';

export class SharedSignatures {
  /** How many were looked at, and not for the second time. */
  verified = 0;
  readonly #secrets = new Map<PeerId, string>();
  /** Of bytes that all routers share: the same array is the same block. */
  readonly #known = new WeakSet<Uint8Array>();

  readonly #believesAll: boolean;

  /** @param believesAll a planted bug: nothing is verified */
  constructor(believesAll: boolean) {
    this.#believesAll = believesAll;
  }

  /** @param secret what the key was made from */
  of(publicKey: Uint8Array, secret: string): Signatures {
    this.#secrets.set(peerIdOf(publicKey), secret);
    return { publicKey, sign: (signed) => sealOf(secret, signed), verify: this.verify };
  }

  readonly verify: Verify = (signed, owner, publicKey) => {
    if (this.#believesAll || this.#known.has(signed)) return true;
    const secret = this.#secrets.get(owner);
    this.verified++;
    if (secret === undefined || peerIdOf(publicKey) !== owner) return false;
    const isGenuine = sameBytes(sealOf(secret, signedBytes(signed)), signatureOf(signed));
    if (isGenuine) this.#known.add(signed);
    return isGenuine;
  };
}

const sealOf = (secret: string, signed: Uint8Array): Uint8Array =>
  new Uint8Array(createHmac('sha512', secret).update(signed).digest()).subarray(0, SIGNATURE_BYTES);
