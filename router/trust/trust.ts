// What a router brings to every stream: who it is, the keys of its mesh, and the cryptography itself, which a simulator has a
// cheaper one of.
import type { Entropy } from '../core.js';
import type { KeyPair, Noise } from '../session/noise-xx.js';
import type { PeerId } from '../types.js';
import type { LaunchName } from '../wire/datagram.js';
import type { MeshKeys } from './mesh-keys.js';

/** One direction of a stream, in the order of its bytes. */
export interface Sealer {
  /** @returns what is to be sent for `plain`, of any length; nothing of it is changed afterwards */
  seal(plain: Uint8Array): Uint8Array;
}

export interface Opener {
  /**
   * @param chunk as it came, cut anywhere. Not changed, and not needed afterwards
   * @returns what could be opened, in order, or that something was forged: then nothing more may be given to it
   */
  open(chunk: Uint8Array): readonly Uint8Array[] | 'forged';
}

/** Of what one launch of a router sends by datagrams, under one secret. @see wire/datagram.ts */
export interface DatagramKey {
  readonly launch: Uint8Array;
  readonly name: LaunchName;
  /** Seals in place. @param b header, payload and room for the tag; no two with one counter */
  seal(b: Uint8Array): void;
  /** @param b at least header and tag; not changed. @returns the payload, or undefined if the tag is wrong */
  open(b: Uint8Array): Uint8Array | undefined;
}

export interface TrustCrypto {
  readonly noise: Noise;
  /** Ed25519. Never throws, whatever the bytes. */
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;
  /** @param key 32 bytes, for one stream and direction alone */
  sealer(key: Uint8Array): Sealer;
  opener(key: Uint8Array): Opener;
  /** @param secret `MeshKeys.datagram`. @param launch 16 bytes of the sender's */
  datagramKey(secret: Uint8Array, sender: PeerId, launch: Uint8Array): DatagramKey;
}

/** The key that a peer's id is the hash of. */
export interface Signer {
  /** Ed25519, 32 bytes. */
  readonly publicKey: Uint8Array;
  /** @returns 64 bytes */
  sign(message: Uint8Array): Uint8Array;
}

export interface Trust {
  /** Of the mesh's secret: what is sealed and begun is under these. */
  readonly keys: MeshKeys;
  /** Of the other secrets that are accepted while the mesh changes from one to another; mostly none. @see keysNamed */
  readonly alsoAccepted: readonly MeshKeys[];
  /** Key ids of former secrets of the mesh: who has one is not let in, and told why. */
  readonly former: readonly string[];
  readonly signer: Signer;
  readonly crypto: TrustCrypto;
  /** X25519, new at each launch: what binds it to the identity is the signature in the hello. */
  readonly staticKey: KeyPair;
  readonly entropy: Entropy;
}
