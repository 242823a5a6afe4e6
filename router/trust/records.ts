// A stream of bytes in sealed records, for one direction.
//
// Record, ours, big-endian:
//    off len field
//     0   2  length  of what follows, 17 .. 65535
//     2   n  sealed  ChaCha20-Poly1305 (RFC 8439) of 1 .. 65519 bytes, with its tag of 16
//
// The nonce is four zeros and the record's number, little-endian, from 0; the length is authenticated as well. So a record that was
// changed, left out, repeated or moved is noticed. After each 65,536 records the key is replaced by HKDF-SHA256 of itself: who comes
// to know it cannot open what was said before.
import { hkdfSync } from 'node:crypto';
import { HeldBytes } from '../wire/held-bytes.js';
import { openChaCha, sealChaCha, TAG_BYTES, type Sealable } from './chacha.js';
import { RECORDS_PER_KEY } from './limits.js';
import type { Opener, Sealer } from './trust.js';

export const RECORD_HEADER_BYTES = 2;
export const MAX_PLAIN_BYTES = 0xffff - TAG_BYTES;

/** The key in force, and how many records it and those before it have served. */
class RecordKey {
  #key: Uint8Array;
  #number = 0;
  readonly #nonce = new Uint8Array(12);

  constructor(key: Uint8Array) {
    this.#key = key;
  }

  /** For the next record. */
  next(): { readonly key: Uint8Array; readonly nonce: Uint8Array } {
    if (this.#number > 0 && this.#number % RECORDS_PER_KEY === 0)
      this.#key = new Uint8Array(hkdfSync('sha256', this.#key, '', 'mesh next key', 32));
    new DataView(this.#nonce.buffer).setBigUint64(4, BigInt(this.#number++), true);
    return { key: this.#key, nonce: this.#nonce };
  }
}

export class RecordSealer implements Sealer {
  readonly #key: RecordKey;

  constructor(key: Uint8Array) {
    this.#key = new RecordKey(key);
  }

  seal(plain: Uint8Array): Uint8Array {
    const records = Math.ceil(plain.length / MAX_PLAIN_BYTES);
    const out = new Uint8Array(plain.length + records * (RECORD_HEADER_BYTES + TAG_BYTES));
    let at = 0;
    for (let from = 0; from < plain.length; from += MAX_PLAIN_BYTES)
      at += this.#record(plain.subarray(from, from + MAX_PLAIN_BYTES), out.subarray(at));
    return out;
  }

  #record(plain: Uint8Array, out: Uint8Array): number {
    const length = plain.length + TAG_BYTES;
    out[0] = length >> 8;
    out[1] = length;
    const { key, nonce } = this.#key.next();
    sealChaCha(key, nonce, plain, partsOf(out.subarray(0, RECORD_HEADER_BYTES + length)));
    return RECORD_HEADER_BYTES + length;
  }
}

export class RecordOpener implements Opener {
  readonly #key: RecordKey;
  readonly #held = new HeldBytes();
  #isOver = false;

  constructor(key: Uint8Array) {
    this.#key = new RecordKey(key);
  }

  open(chunk: Uint8Array): readonly Uint8Array[] | 'forged' {
    if (this.#isOver) return 'forged';
    const bytes = this.#held.with(chunk);
    const opened: Uint8Array[] = [];
    let at = 0;
    while (bytes.length - at >= RECORD_HEADER_BYTES) {
      const end = at + RECORD_HEADER_BYTES + ((bytes[at]! << 8) | bytes[at + 1]!);
      if (end - at <= RECORD_HEADER_BYTES + TAG_BYTES) return this.#forged();
      if (end > bytes.length) break;
      const plain = this.#record(bytes.subarray(at, end));
      if (plain === undefined) return this.#forged();
      opened.push(plain);
      at = end;
    }
    this.#held.keep(bytes, at);
    return opened;
  }

  #record(record: Uint8Array): Uint8Array | undefined {
    const { key, nonce } = this.#key.next();
    return openChaCha(key, nonce, partsOf(record));
  }

  #forged(): 'forged' {
    this.#isOver = true;
    this.#held.clear();
    return 'forged';
  }
}

const partsOf = (record: Uint8Array): Sealable => ({
  header: record.subarray(0, RECORD_HEADER_BYTES),
  part: record.subarray(RECORD_HEADER_BYTES, -TAG_BYTES),
  tag: record.subarray(-TAG_BYTES),
});
