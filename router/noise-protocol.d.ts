// The parts of npm `noise-protocol` 3.0.2 that noise.ts puts together; it comes without types. What one part hands to
// another is no business of ours.
declare module 'noise-protocol/dh.js' {
  interface Dh {
    generateKeypair(publicKey: Uint8Array, secretKey: Uint8Array): void;
    generateSeedKeypair(publicKey: Uint8Array, secretKey: Uint8Array, seed: Uint8Array): void;
  }
  export default function createDh(): Dh;
}

declare module 'noise-protocol/hash.js' {
  export default function createHash(parts: { readonly dh: object }): object;
}

declare module 'noise-protocol/cipher.js' {
  export default function createCipher(): object;
}

declare module 'noise-protocol/cipher-state.js' {
  export default function createCipherState(parts: { readonly cipher: object }): object;
}

declare module 'noise-protocol/symmetric-state.js' {
  interface SymmetricState {
    getHandshakeHash(state: Uint8Array, out: Uint8Array): void;
  }
  export default function createSymmetricState(parts: {
    readonly hash: object;
    readonly cipherState: object;
  }): SymmetricState;
}

declare module 'noise-protocol/handshake-state.js' {
  export interface HandshakeState {
    readonly symmetricState: Uint8Array;
    /** The other side's static key, once it was read. */
    readonly rs: Uint8Array | null;
  }
  /** 32 bytes of key and 8 of nonce each, in locked memory of their own. */
  export interface Split {
    readonly tx: Uint8Array;
    readonly rx: Uint8Array;
  }
  /** Both write to `out`, put the count of bytes into their own property `bytes`, and throw on what is not genuine. */
  interface Step {
    (state: HandshakeState, input: Uint8Array, out: Uint8Array): Split | undefined;
    bytes: number;
  }
  interface Handshakes {
    initialize(
      pattern: 'XX',
      initiator: boolean,
      prologue: Uint8Array,
      s: { readonly publicKey: Uint8Array; readonly secretKey: Uint8Array },
    ): HandshakeState;
    readonly writeMessage: Step;
    readonly readMessage: Step;
    /** Overwrites and frees each of the buffers that is there. */
    destroy(state: HandshakeState | { spk: Uint8Array | null; ssk: Uint8Array | null }): void;
  }
  export default function createHandshakes(parts: {
    readonly dh: object;
    readonly hash: object;
    readonly cipher: object;
    readonly cipherState: object;
    readonly symmetricState: object;
  }): Handshakes;
}
