// Who else has a secret: what neighbours show on their streams, and what all say in their records. Pure.
import { createHmac } from 'node:crypto';
import type { PeerId } from '../types.js';
import { joined, sameBytes } from '../wire/bytes.js';
import type { RotationFrame } from '../wire/rotation.js';
import type { MeshKeys } from './mesh-keys.js';
import type { HeldSecret } from './secrets.js';

/** A stream in use, as its handshake left it. */
export interface SealedStream {
  readonly hash: Uint8Array;
  /** Of the secret that it is under. */
  readonly keyId: string;
  /** Did we dial it? */
  readonly outbound: boolean;
}

export type Have = RotationFrame & { readonly kind: 'have' };

const NAME = new TextEncoder().encode('mesh secret held 1');

/** HMAC-SHA256 (RFC 2104). @param dialled did who shows it? So neither side can show the other's */
const proofOf = ({ id, held }: MeshKeys, hash: Uint8Array, dialled: boolean): Uint8Array =>
  new Uint8Array(
    createHmac('sha256', held)
      .update(joined(NAME, Uint8Array.of(dialled ? 1 : 0), hash, Buffer.from(id, 'hex')))
      .digest(),
  );

/** What shows to the other end of the stream that we have the secret. */
export const haveOf = ({ keys, number }: HeldSecret, stream: SealedStream): Have => ({
  kind: 'have',
  number,
  keyId: keys.id,
  proof: proofOf(keys, stream.hash, stream.outbound),
});

export class Holders {
  readonly #streamOf: (neighbour: PeerId) => SealedStream | undefined;
  /** What each neighbour said last on its stream: true or not, it may be of a secret that we are yet to be told. */
  readonly #haves = new Map<PeerId, Have>();
  readonly #published = new Map<PeerId, string>();

  constructor(streamOf: (neighbour: PeerId) => SealedStream | undefined) {
    this.#streamOf = streamOf;
  }

  heard(neighbour: PeerId, have: Have): void {
    this.#haves.set(neighbour, have);
  }

  /** What it said last on its stream. */
  last(neighbour: PeerId): Have | undefined {
    return this.#haves.get(neighbour);
  }

  /** Its stream ended, or is another. */
  down(neighbour: PeerId): void {
    this.#haves.delete(neighbour);
  }

  published(peer: PeerId, keyId: string | undefined): void {
    if (keyId === undefined) this.#published.delete(peer);
    else this.#published.set(peer, keyId);
  }

  /** By its own word, which nobody can check. */
  says(peer: PeerId, keyId: string): boolean {
    return this.#published.get(peer) === keyId;
  }

  /** Its stream is under the secret, or it has proven on it that it has it. */
  hasShown(neighbour: PeerId, keys: MeshKeys): boolean {
    const [stream, have] = [this.#streamOf(neighbour), this.#haves.get(neighbour)];
    if (stream === undefined) return false;
    if (stream.keyId === keys.id) return true;
    return have?.keyId === keys.id && sameBytes(have.proof, proofOf(keys, stream.hash, !stream.outbound));
  }
}
