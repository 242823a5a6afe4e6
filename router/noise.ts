// Noise_XX_25519_ChaChaPoly_BLAKE2b by npm `noise-protocol`, on libsodium. Its own top module draws the ephemeral key and
// hides the handshake hash; its parts, put together here, let us give the one and read the other.
import createCipher from 'noise-protocol/cipher.js';
import createCipherState from 'noise-protocol/cipher-state.js';
import createDh from 'noise-protocol/dh.js';
import createHandshakes, { type HandshakeState, type Split } from 'noise-protocol/handshake-state.js';
import createHash from 'noise-protocol/hash.js';
import createSymmetricState from 'noise-protocol/symmetric-state.js';
import {
  HANDSHAKE_HASH_BYTES,
  KEY_BYTES,
  type KeyPair,
  type Noise,
  type NoiseOptions,
  type NoiseResult,
  type NoiseXx,
} from './session/noise-xx.js';

/** Two keys of 48 bytes with their tags, and more payload than any message of ours has. */
const OVERHEAD_BYTES = 2 * 48;

/** The key pair that the library asks for while a message is written. */
let ephemeral: KeyPair | undefined;

const curve = createDh();
const dh = {
  ...curve,
  generateKeypair(publicKey: Uint8Array, secretKey: Uint8Array): void {
    publicKey.set(ephemeral!.publicKey);
    secretKey.set(ephemeral!.secretKey);
  },
};
const hash = createHash({ dh });
const cipher = createCipher();
const cipherState = createCipherState({ cipher });
const symmetricState = createSymmetricState({ hash, cipherState });
const handshakes = createHandshakes({ dh, hash, cipher, cipherState, symmetricState });

class LibraryXx implements NoiseXx {
  readonly #ephemeral: KeyPair;
  #state: HandshakeState | undefined;
  #split: Split | undefined;

  constructor(o: NoiseOptions) {
    this.#ephemeral = o.ephemeral;
    this.#state = handshakes.initialize('XX', o.initiator, o.prologue, o.staticKey);
  }

  write(payload: Uint8Array): Uint8Array {
    const out = new Uint8Array(payload.length + OVERHEAD_BYTES);
    ephemeral = this.#ephemeral;
    this.#split = handshakes.writeMessage(this.#state!, payload, out);
    ephemeral = undefined;
    return out.subarray(0, handshakes.writeMessage.bytes);
  }

  read(message: Uint8Array): Uint8Array | undefined {
    const out = new Uint8Array(message.length);
    try {
      this.#split = handshakes.readMessage(this.#state!, message, out);
      return out.subarray(0, handshakes.readMessage.bytes);
    } catch {
      return undefined; // short, forged, or a key of low order: the library tells no more
    }
  }

  result(): NoiseResult | undefined {
    if (this.#split === undefined || this.#state === undefined) return undefined;
    const handshakeHash = new Uint8Array(HANDSHAKE_HASH_BYTES);
    symmetricState.getHandshakeHash(this.#state.symmetricState, handshakeHash);
    return {
      sendKey: Uint8Array.from(this.#split.tx.subarray(0, KEY_BYTES)),
      receiveKey: Uint8Array.from(this.#split.rx.subarray(0, KEY_BYTES)),
      hash: handshakeHash,
      remoteStatic: Uint8Array.from(this.#state.rs!),
    };
  }

  end(): void {
    if (this.#state !== undefined) handshakes.destroy(this.#state);
    // `destroy` forgets the split keys, and left to the collector each pair holds eight mappings of the 65,530 that a process
    // may have. It frees whatever stands where a handshake has its buffers.
    if (this.#split !== undefined) handshakes.destroy({ spk: this.#split.tx, ssk: this.#split.rx });
    this.#state = undefined;
    this.#split = undefined;
  }
}

/** Loading this file takes 40 ms and 8 MB, so a router that needs no sessions does not. */
export const noise: Noise = {
  keyPair(seed) {
    const pair = { publicKey: new Uint8Array(KEY_BYTES), secretKey: new Uint8Array(KEY_BYTES) };
    curve.generateSeedKeypair(pair.publicKey, pair.secretKey, seed);
    return pair;
  },
  begin: (options) => new LibraryXx(options),
};
