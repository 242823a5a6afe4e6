// Trust without cryptography, for a thousand routers in one process. It refuses what the real one refuses between honest parts:
// another secret, a changed byte of the handshake, a hello that another key signed, a record that is not the next of its stream. It
// hides nothing.
import { createHash } from 'node:crypto';
import { OPEN_KEYS, type MeshKeys } from '../../router/trust/mesh-keys.js';
import { TAG_BYTES } from '../../router/trust/chacha.js';
import { MAX_PLAIN_BYTES, RECORD_HEADER_BYTES } from '../../router/trust/records.js';
import type { Opener, Sealer, Trust, TrustCrypto } from '../../router/trust/trust.js';
import type { KeyPair, Noise, NoiseOptions, NoiseResult, NoiseXx } from '../../router/session/noise-xx.js';
import { joined, sameBytes } from '../../router/wire/bytes.js';
import { cheapDatagramKey } from './cheap-datagrams.js';
import { HeldBytes } from '../../router/wire/held-bytes.js';

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

/** The tag of each record in turn: its number, and the beginning of the stream's key. */
class Tags {
  readonly #tag: Uint8Array;
  #number = 0;

  constructor(key: Uint8Array) {
    this.#tag = key.slice(0, TAG_BYTES);
  }

  /** @returns a view, good until the next call */
  next(): Uint8Array {
    const n = this.#number++;
    for (let i = 0; i < 4; i++) this.#tag[i] = n >>> (8 * i);
    return this.#tag;
  }
}

/** As long as the real ones: a length, what is sealed, a tag. */
class CheapSealer implements Sealer {
  readonly #tags: Tags;

  constructor(key: Uint8Array) {
    this.#tags = new Tags(key);
  }

  seal(plain: Uint8Array): Uint8Array {
    const records = Math.ceil(plain.length / MAX_PLAIN_BYTES);
    const out = new Uint8Array(plain.length + records * (RECORD_HEADER_BYTES + TAG_BYTES));
    let at = 0;
    for (let from = 0; from < plain.length; from += MAX_PLAIN_BYTES) {
      const part = records === 1 ? plain : plain.subarray(from, from + MAX_PLAIN_BYTES);
      const length = part.length + TAG_BYTES;
      out[at] = length >> 8;
      out[at + 1] = length;
      out.set(part, at + RECORD_HEADER_BYTES);
      at += RECORD_HEADER_BYTES + length;
      out.set(this.#tags.next(), at - TAG_BYTES);
    }
    return out;
  }
}

class CheapOpener implements Opener {
  readonly #tags: Tags;
  readonly #held = new HeldBytes();

  constructor(key: Uint8Array) {
    this.#tags = new Tags(key);
  }

  open(chunk: Uint8Array): readonly Uint8Array[] | 'forged' {
    const bytes = this.#held.with(chunk);
    const opened: Uint8Array[] = [];
    let at = 0;
    while (bytes.length - at >= RECORD_HEADER_BYTES) {
      const end = at + RECORD_HEADER_BYTES + ((bytes[at]! << 8) | bytes[at + 1]!);
      if (end > bytes.length) break;
      if (!sameBytes(bytes.subarray(end - TAG_BYTES, end), this.#tags.next())) return 'forged';
      opened.push(bytes.subarray(at + RECORD_HEADER_BYTES, end - TAG_BYTES));
      at = end;
    }
    this.#held.keep(bytes, at);
    return opened;
  }
}

export const cheapCrypto: TrustCrypto = {
  noise,
  verify: (publicKey, message, signature) => sameBytes(hash(publicKey, message), signature),
  sealer: (key) => new CheapSealer(key),
  opener: (key) => new CheapOpener(key),
  datagramKey: cheapDatagramKey,
};

/** @param seed another one for each launch */
export function cheapTrust(publicKey: Uint8Array, seed: string, keys: MeshKeys = OPEN_KEYS): Trust {
  let drawn = 0;
  const entropy = (bytes: number): Uint8Array => hash(Buffer.from(`${seed} ${drawn++}`)).slice(0, bytes);
  return {
    keys,
    alsoAccepted: [],
    former: [],
    signer: { publicKey, sign: (message) => hash(publicKey, message) },
    crypto: cheapCrypto,
    staticKey: pairOf(entropy(KEY)),
    entropy,
  };
}
