// One way to seal and open for the whole data path, whichever library does it. All are in place, over the datagram:
//
//   | clear header, 12 bytes | counter, 8 | message | tag, 16 |
//                            ^ at          '-length-'
import { createCipheriv, createDecipheriv } from 'node:crypto';
import { AAD_BYTES, TAG_BYTES, writeAad, writeCounter, type Lane } from '../wire/datagram.js';
import { AeadContexts, loadEvp, type AeadContext, type Evp } from './evp.js';
import type { Memory } from './memory.js';

/** `plain` seals nothing and authenticates nobody: for the benchmark. */
export type Cipher = 'aes-256-gcm' | 'chacha20-poly1305' | 'plain';

const COUNTER_BYTES = 8;

export interface Sealer {
  readonly tagBytes: number;
  /** Writes the next counter at `at`, seals the `length` bytes behind it and adds the tag. */
  seal(at: number, length: number): void;
  close(): void;
}

export interface Opener {
  readonly tagBytes: number;
  /** @returns was the tag right? Then the `length` bytes behind the counter are the message; else they are lost */
  open(at: number, length: number): boolean;
  close(): void;
}

export interface KeyUse {
  readonly cipher: Cipher;
  /** 32 bytes. */
  readonly key: Uint8Array;
  readonly lane: Lane;
  /** Of the session, as it is in the clear header. */
  readonly receiver: number;
}

/** Makes sealers and openers over one block of memory. */
export class Sealing {
  readonly #memory: Memory;
  readonly #evp: Evp | undefined;
  readonly #contexts: AeadContexts | undefined;

  /** @param withEvp false: `node:crypto` alone */
  constructor(memory: Memory, withEvp = true) {
    this.#memory = memory;
    this.#evp = withEvp ? loadEvp() : undefined;
    this.#contexts = this.#evp && new AeadContexts(this.#evp, memory);
  }

  get usesEvp(): boolean {
    return this.#evp !== undefined;
  }

  /** @param counter of the first datagram; none may ever be used twice with one key and lane */
  sealer(use: KeyUse, counter: number): Sealer {
    if (use.cipher === 'plain') return plainSealer(this.#memory, counter);
    if (this.#contexts && this.#evp) {
      const make = use.cipher === 'aes-256-gcm' ? gcmSealer : chachaSealer;
      return make(this.#memory, this.#evp, this.#contexts, use, counter);
    }
    return nodeSealer(this.#memory, use, use.cipher, counter);
  }

  opener(use: KeyUse): Opener {
    if (use.cipher === 'plain') return { tagBytes: 0, open: () => true, close: () => undefined };
    if (this.#contexts && this.#evp) {
      const make = use.cipher === 'aes-256-gcm' ? gcmOpener : chachaOpener;
      return make(this.#memory, this.#evp, this.#contexts, use);
    }
    return nodeOpener(this.#memory, use, use.cipher);
  }
}

/** The nonce of a lane's first datagram: the lane in 4 bytes, then the counter. */
function firstIv(lane: Lane, counter: number): Uint8Array {
  const iv = new Uint8Array(12);
  iv[3] = lane;
  writeCounter(new DataView(iv.buffer), 4, counter);
  return iv;
}

function gcmSealer(memory: Memory, evp: Evp, contexts: AeadContexts, use: KeyUse, counter: number): Sealer {
  const { context, aad, params, close } = contexts.open('seal', 'aes-256-gcm', use.key, firstIv(use.lane, counter));
  const { view, base } = memory;
  const { setParams, cipher } = evp;
  writeAad(memory.bytes, aad, use.lane, use.receiver, 0);
  return {
    tagBytes: TAG_BYTES,
    seal(at, length) {
      view.setUint16(aad + AAD_BYTES - 2, length + COUNTER_BYTES); // OpenSSL takes the counter off
      const record = base + at;
      const recordBytes = COUNTER_BYTES + length + TAG_BYTES;
      const isSealed = setParams(context, params) === 1 && cipher(context, record, record, recordBytes) === recordBytes;
      if (!isSealed) throw new Error('OpenSSL did not seal'); // or the message would leave in clear
    },
    close,
  };
}

function gcmOpener(memory: Memory, evp: Evp, contexts: AeadContexts, use: KeyUse): Opener {
  const { context, aad, params, close } = contexts.open('open', 'aes-256-gcm', use.key, firstIv(use.lane, 0));
  const { view, base } = memory;
  const { setParams, cipher } = evp;
  writeAad(memory.bytes, aad, use.lane, use.receiver, 0);
  return {
    tagBytes: TAG_BYTES,
    open(at, length) {
      const recordBytes = COUNTER_BYTES + length + TAG_BYTES;
      view.setUint16(aad + AAD_BYTES - 2, recordBytes); // OpenSSL takes the counter and the tag off
      const record = base + at;
      // Without the additional data in place EVP_Cipher would decrypt and check no tag.
      return setParams(context, params) === 1 && cipher(context, record, record, recordBytes) === recordBytes;
    },
    close,
  };
}

/** Writes the nonce of the datagram whose counter is at `at`, so that OpenSSL comes to the right one (`evp.ts`). */
function writeChachaNonce(bytes: Uint8Array, { iv, aad }: AeadContext, at: number): void {
  for (let i = 0; i < COUNTER_BYTES; i++) bytes[iv + 4 + i] = bytes[at + i]! ^ bytes[aad + i]!;
}

function chachaSealer(memory: Memory, evp: Evp, contexts: AeadContexts, use: KeyUse, counter: number): Sealer {
  const held = contexts.open('seal', 'chacha20-poly1305', use.key, firstIv(use.lane, 0));
  const { bytes, view, base } = memory;
  const { encryptInit, setParams, cipher } = evp;
  const { context, aad, params, iv, close } = held;
  writeAad(bytes, aad, use.lane, use.receiver, 0);
  let next = counter;
  return {
    tagBytes: TAG_BYTES,
    seal(at, length) {
      writeCounter(view, at, next++);
      writeChachaNonce(bytes, held, at);
      view.setUint16(aad + AAD_BYTES - 2, length);
      const message = base + at + COUNTER_BYTES;
      const sealedBytes = length + TAG_BYTES;
      const isSealed =
        encryptInit(context, 0, 0, 0, base + iv) === 1 &&
        setParams(context, params) === 1 &&
        cipher(context, message, message, sealedBytes) === sealedBytes;
      if (!isSealed) throw new Error('OpenSSL did not seal'); // or the message would leave in clear
    },
    close,
  };
}

function chachaOpener(memory: Memory, evp: Evp, contexts: AeadContexts, use: KeyUse): Opener {
  const held = contexts.open('open', 'chacha20-poly1305', use.key, firstIv(use.lane, 0));
  const { bytes, view, base } = memory;
  const { decryptInit, setParams, cipher } = evp;
  const { context, aad, params, iv, close } = held;
  writeAad(bytes, aad, use.lane, use.receiver, 0);
  return {
    tagBytes: TAG_BYTES,
    open(at, length) {
      writeChachaNonce(bytes, held, at);
      view.setUint16(aad + AAD_BYTES - 2, length + TAG_BYTES); // OpenSSL takes the tag off
      const message = base + at + COUNTER_BYTES;
      return (
        decryptInit(context, 0, 0, 0, base + iv) === 1 &&
        setParams(context, params) === 1 &&
        cipher(context, message, message, length + TAG_BYTES) === length
      );
    },
    close,
  };
}

function plainSealer({ view }: Memory, counter: number): Sealer {
  let next = counter;
  return { tagBytes: 0, seal: (at) => writeCounter(view, at, next++), close: () => undefined };
}

function additionalData(use: KeyUse, length: number): Uint8Array {
  const aad = new Uint8Array(AAD_BYTES);
  writeAad(aad, 0, use.lane, use.receiver, length);
  return aad;
}

const nonceAt = (bytes: Uint8Array, lane: Lane, at: number): Uint8Array =>
  Uint8Array.of(0, 0, 0, lane, ...bytes.subarray(at, at + COUNTER_BYTES));

type NodeCipher = Exclude<Cipher, 'plain'>;

function nodeSealer({ bytes, view }: Memory, use: KeyUse, cipher: NodeCipher, counter: number): Sealer {
  let next = counter;
  return {
    tagBytes: TAG_BYTES,
    seal(at, length) {
      writeCounter(view, at, next++);
      const options = { authTagLength: TAG_BYTES };
      // One overload for each family of ciphers; all take these arguments.
      const c = createCipheriv(cipher as 'chacha20-poly1305', use.key, nonceAt(bytes, use.lane, at), options);
      c.setAAD(additionalData(use, length), { plaintextLength: length });
      const message = at + COUNTER_BYTES;
      bytes.set(c.update(bytes.subarray(message, message + length)), message);
      c.final();
      bytes.set(c.getAuthTag(), message + length);
    },
    close: () => undefined,
  };
}

function nodeOpener({ bytes }: Memory, use: KeyUse, cipher: NodeCipher): Opener {
  return {
    tagBytes: TAG_BYTES,
    open(at, length) {
      const options = { authTagLength: TAG_BYTES };
      const c = createDecipheriv(cipher as 'chacha20-poly1305', use.key, nonceAt(bytes, use.lane, at), options);
      const message = at + COUNTER_BYTES;
      c.setAAD(additionalData(use, length), { plaintextLength: length });
      c.setAuthTag(bytes.subarray(message + length, message + length + TAG_BYTES));
      const clear = c.update(bytes.subarray(message, message + length));
      try {
        c.final();
      } catch {
        return false;
      }
      bytes.set(clear, message);
      return true;
    },
    close: () => undefined,
  };
}
