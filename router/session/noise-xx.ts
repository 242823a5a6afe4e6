// What the sessions ask of a Noise implementation: the XX pattern of revision 34, §7.5, and nothing that is random by itself.

export const KEY_BYTES = 32;
/** BLAKE2b. */
export const HANDSHAKE_HASH_BYTES = 64;

/** X25519, 32 bytes each. */
export interface KeyPair {
  readonly publicKey: Uint8Array;
  readonly secretKey: Uint8Array;
}

export interface NoiseOptions {
  readonly initiator: boolean;
  /** What both sides must hold alike; it is not sent. */
  readonly prologue: Uint8Array;
  readonly staticKey: KeyPair;
  /** For this handshake alone. Given twice it leads to the same messages, and with another payload to a broken secret. */
  readonly ephemeral: KeyPair;
}

/** What both sides share when the third message is through. */
export interface NoiseResult {
  readonly sendKey: Uint8Array;
  readonly receiveKey: Uint8Array;
  /** The same on both sides, and different for every handshake. */
  readonly hash: Uint8Array;
  readonly remoteStatic: Uint8Array;
}

/** One side of one handshake. Messages are written and read in turn, the initiator writing first. */
export interface NoiseXx {
  write(payload: Uint8Array): Uint8Array;
  /** @returns the payload, or undefined when the message is not genuine; then only `end` may follow */
  read(message: Uint8Array): Uint8Array | undefined;
  /** Undefined until the third message was written or read. */
  result(): NoiseResult | undefined;
  /** Gives its locked memory back. Idempotent. */
  end(): void;
}

export interface Noise {
  /** @param seed 32 random bytes */
  keyPair(seed: Uint8Array): KeyPair;
  begin(options: NoiseOptions): NoiseXx;
}
