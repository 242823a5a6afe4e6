// Trust without cryptography, for a thousand routers in one process. It refuses what the real one refuses between honest parts:
// another secret, a changed byte of the handshake, a hello that another key signed. It hides nothing.
import { createHash } from 'node:crypto';
import { OPEN_KEYS, type MeshKeys } from '../../router/trust/mesh-keys.js';
import { RecordOpener, RecordSealer } from '../../router/trust/records.js';
import type { Trust, TrustCrypto } from '../../router/trust/trust.js';
import type { KeyPair, Noise, NoiseOptions, NoiseResult, NoiseXx } from '../../router/session/noise-xx.js';
import { joined, sameBytes } from '../../router/wire/bytes.js';

const hash = (...parts: readonly Uint8Array[]): Uint8Array =>
  new Uint8Array(
    createHash('sha512')
      .update(joined(...parts))
      .digest(),
  );

const KEY = 32;
const CHECK = 16;

/** The messages have the lengths of the real ones: a key, two keys and two checks, a key and two checks. */
class CheapXx implements NoiseXx {
  readonly #options: NoiseOptions;
  readonly #said: Uint8Array[];
  #remoteStatic: Uint8Array | undefined;

  constructor(options: NoiseOptions) {
    this.#options = options;
    this.#said = [options.prologue];
  }

  write(payload: Uint8Array): Uint8Array {
    const { ephemeral, staticKey } = this.#options;
    const n = this.#said.length;
    if (n === 1) return this.#say(joined(ephemeral.publicKey, payload));
    const clear = joined(...(n === 2 ? [ephemeral.publicKey] : []), staticKey.publicKey);
    return this.#say(joined(clear, this.#check(clear), new Uint8Array(CHECK), payload));
  }

  read(message: Uint8Array): Uint8Array | undefined {
    const n = this.#said.length;
    const clearBytes = n === 2 ? 2 * KEY : KEY;
    if (message.length < clearBytes + (n === 1 ? 0 : 2 * CHECK)) return undefined;
    const clear = message.subarray(0, clearBytes);
    if (n > 1 && !sameBytes(message.subarray(clearBytes, clearBytes + CHECK), this.#check(clear))) return undefined;
    if (n > 1) this.#remoteStatic = clear.slice(-KEY);
    this.#say(message);
    return message.slice(clearBytes + (n === 1 ? 0 : 2 * CHECK));
  }

  result(): NoiseResult | undefined {
    if (this.#said.length < 4) return undefined;
    const all = hash(...this.#said);
    const [one, two] = [all.slice(0, KEY), all.slice(KEY)];
    const [sendKey, receiveKey] = this.#options.initiator ? [one, two] : [two, one];
    return { sendKey, receiveKey, hash: all, remoteStatic: this.#remoteStatic! };
  }

  end(): void {
    this.#said.length = 1;
  }

  #check(clear: Uint8Array): Uint8Array {
    return hash(...this.#said, clear).subarray(0, CHECK);
  }

  #say(message: Uint8Array): Uint8Array {
    this.#said.push(message.slice());
    return message;
  }
}

const pairOf = (seed: Uint8Array): KeyPair => ({ publicKey: seed, secretKey: seed });

const noise: Noise = { keyPair: pairOf, begin: (options) => new CheapXx(options) };

const AS_IT_IS = { seal: (plain: Uint8Array) => plain, open: (chunk: Uint8Array) => [chunk] };

export const cheapCrypto: TrustCrypto = {
  noise,
  verify: (publicKey, message, signature) => sameBytes(hash(publicKey, message), signature),
  sealer: () => AS_IT_IS,
  opener: () => AS_IT_IS,
};

/** @param seed another one for each launch */
export function cheapTrust(publicKey: Uint8Array, seed: string, keys: MeshKeys = OPEN_KEYS): Trust {
  let drawn = 0;
  const entropy = (bytes: number): Uint8Array => hash(Buffer.from(`${seed} ${drawn++}`)).slice(0, bytes);
  return {
    keys,
    alsoAccepted: [],
    signer: { publicKey, sign: (message) => hash(publicKey, message) },
    crypto: cheapCrypto,
    staticKey: pairOf(entropy(KEY)),
    entropy,
  };
}

/** The same with real records: they are numbered, and none may be missed or come before another. */
export function withRecords(trust: Trust): Trust {
  const sealer = (key: Uint8Array): RecordSealer => new RecordSealer(key);
  const opener = (key: Uint8Array): RecordOpener => new RecordOpener(key);
  return { ...trust, crypto: { ...trust.crypto, sealer, opener } };
}
