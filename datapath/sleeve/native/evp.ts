// OpenSSL's EVP through the node binary, which exports it. A datagram is sealed in two calls by the TLS 1.2 record mode of GCM
// (providers/implementations/ciphers/ciphercommon_gcm.c): the additional data, then the record in place over
// [8-byte counter | message | tag]. OpenSSL writes the counter of what it seals and adds one.
//
// ChaCha20-Poly1305 has such a mode as well (ciphers/cipher_chacha20_poly1305_hw.c, RFC 7905), but for the counter: it takes the
// additional data's first 8 bytes for one and adds them to the nonce. So each datagram's nonce is given in a third call, with
// those bytes added beforehand, which takes them out again.
import { nativeCall, type NativeCall } from '../../syscalls.js';
import type { Memory } from './memory.js';

const KEY_BYTES = 32;
const SET_IV_FIXED = 0x12; // EVP_CTRL_GCM_SET_IV_FIXED
const WHOLE_IV = -1;
const OCTET_STRING = 5; // OSSL_PARAM_OCTET_STRING
const PARAM_BYTES = 40; // struct ossl_param_st: key, data_type, data, data_size, return_size

export interface Evp {
  readonly newContext: NativeCall;
  readonly freeContext: NativeCall;
  readonly aes256Gcm: NativeCall;
  readonly chacha20Poly1305: NativeCall;
  readonly encryptInit: NativeCall;
  readonly decryptInit: NativeCall;
  readonly control: NativeCall;
  readonly setParams: NativeCall;
  readonly cipher: NativeCall;
}

const PROTOTYPES: Readonly<Record<keyof Evp, string>> = {
  newContext: 'uintptr_t EVP_CIPHER_CTX_new()',
  freeContext: 'void EVP_CIPHER_CTX_free(uintptr_t context)',
  aes256Gcm: 'uintptr_t EVP_aes_256_gcm()',
  chacha20Poly1305: 'uintptr_t EVP_chacha20_poly1305()',
  encryptInit:
    'int EVP_EncryptInit_ex(uintptr_t context, uintptr_t type, uintptr_t engine, uintptr_t key, uintptr_t iv)',
  decryptInit:
    'int EVP_DecryptInit_ex(uintptr_t context, uintptr_t type, uintptr_t engine, uintptr_t key, uintptr_t iv)',
  control: 'int EVP_CIPHER_CTX_ctrl(uintptr_t context, int type, int arg, uintptr_t pointer)',
  setParams: 'int EVP_CIPHER_CTX_set_params(uintptr_t context, uintptr_t params)',
  cipher: 'int EVP_Cipher(uintptr_t context, uintptr_t out, uintptr_t in, uint length)',
};

/** @returns undefined where the node binary does not export all of it: then `node:crypto` does the work, six times slower */
export function loadEvp(): Evp | undefined {
  const entries = Object.entries(PROTOTYPES).map(([name, prototype]) => [name, nativeCall('node', prototype)] as const);
  return entries.every(([, call]) => call !== undefined) ? (Object.fromEntries(entries) as unknown as Evp) : undefined;
}

export type EvpCipher = 'aes-256-gcm' | 'chacha20-poly1305';

/** A key in OpenSSL's hands, for one direction. */
export interface AeadContext {
  readonly context: number;
  /** Offset of the 13 bytes of additional data; the last two are the caller's to set for each record. */
  readonly aad: number;
  /** Address of the parameters that hand them over. */
  readonly params: number;
  /** Offset of 12 bytes for a nonce. */
  readonly iv: number;
  /** Frees the context and makes its memory free for another. Call it once. */
  readonly close: () => void;
}

/** Places for contexts in a block of memory, used again when a session ends. */
export class AeadContexts {
  readonly #evp: Evp;
  readonly #memory: Memory;
  readonly #key: number;
  readonly #name: number;
  readonly #free: number[] = [];

  constructor(evp: Evp, memory: Memory) {
    this.#evp = evp;
    this.#memory = memory;
    this.#key = memory.take(KEY_BYTES);
    this.#name = memory.take(8);
    memory.bytes.set(Buffer.from('tlsaad\0', 'latin1'), this.#name); // OSSL_CIPHER_PARAM_AEAD_TLS1_AAD
  }

  /**
   * @param iv 12 bytes: 4 fixed ones, then the counter to begin with (which only sealing minds)
   * @throws Error when OpenSSL refuses
   */
  open(direction: 'seal' | 'open', cipher: EvpCipher, key: Uint8Array, iv: Uint8Array): AeadContext {
    const { bytes, base } = this.#memory;
    const evp = this.#evp;
    const at = this.#free.pop() ?? this.#memory.take(2 * PARAM_BYTES + 32);
    const aad = at + 2 * PARAM_BYTES;
    const ivAt = aad + 16;
    const context = evp.newContext();
    bytes.set(key, this.#key);
    bytes.set(iv, ivAt);
    const init = direction === 'seal' ? evp.encryptInit : evp.decryptInit;
    const type = cipher === 'aes-256-gcm' ? evp.aes256Gcm() : evp.chacha20Poly1305();
    const isReady =
      init(context, type, 0, base + this.#key, 0) === 1 &&
      (cipher !== 'aes-256-gcm' || evp.control(context, SET_IV_FIXED, WHOLE_IV, base + ivAt) === 1);
    bytes.fill(0, this.#key, this.#key + KEY_BYTES);
    if (!isReady) throw new Error(`OpenSSL takes no key for ${cipher}`);
    this.#writeParams(at, aad);
    const close = (): void => {
      evp.freeContext(context);
      this.#free.push(at);
    };
    return { context, aad, params: base + at, iv: ivAt, close };
  }

  #writeParams(at: number, aad: number): void {
    const { bytes, view } = this.#memory;
    bytes.fill(0, at, at + 2 * PARAM_BYTES); // the second one, all zeros, ends the list
    this.#memory.point(at, this.#name);
    view.setUint32(at + 8, OCTET_STRING, true);
    this.#memory.point(at + 16, aad);
    this.#memory.size(at + 24, 13);
  }
}
