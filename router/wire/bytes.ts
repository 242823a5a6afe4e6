// Bounded reading and writing of big-endian bytes. Nothing here throws on what came from the network.
import type { PeerId } from '../types.js';
import { PEER_ID_BYTES, peerIdAt, peerIdBytes } from './peer-id.js';

const PRINTABLE_FIRST = 0x21;
const PRINTABLE_LAST = 0x7e;

/** Why a read failed: the bytes ended, or a number is beyond 2^53-1, or text is not printable ASCII. */
export type ReadFault = 'short' | 'range' | 'text';

/**
 * Reads from the front of `bytes`. A fault sticks: every later read returns zeros, so a decoder reads straight through
 * and looks at `fault` once, before it uses a count to loop or allocate.
 */
export class Reader {
  readonly #bytes: Uint8Array;
  #at = 0;
  #fault: ReadFault | undefined;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get fault(): ReadFault | undefined {
    return this.#fault;
  }

  get remaining(): number {
    return this.#bytes.length - this.#at;
  }

  u8(): number {
    const at = this.#take(1);
    return at < 0 ? 0 : this.#bytes[at]!;
  }

  u16(): number {
    const at = this.#take(2);
    return at < 0 ? 0 : (this.#bytes[at]! << 8) | this.#bytes[at + 1]!;
  }

  u32(): number {
    const at = this.#take(4);
    if (at < 0) return 0;
    const b = this.#bytes;
    return ((b[at]! << 24) | (b[at + 1]! << 16) | (b[at + 2]! << 8) | b[at + 3]!) >>> 0;
  }

  /** Eight bytes that must hold a safe integer. */
  u64(): number {
    const high = this.u32();
    const low = this.u32();
    if (high === 0) return low; // a small integer to V8, which keeps what was computed as a double in 16 bytes of its own
    if (high <= 0x1fffff) return high * 2 ** 32 + low;
    this.#fault ??= 'range';
    return 0;
  }

  /** @returns a view into the input, or an empty one after a fault */
  bytes(length: number): Uint8Array {
    const at = this.#take(length);
    return at < 0 ? new Uint8Array(0) : this.#bytes.subarray(at, at + length);
  }

  /** Printable ASCII without the space, `length` bytes, at most a few hundred. */
  text(length: number): string {
    const b = this.bytes(length);
    for (let i = 0; i < b.length; i++) {
      if (b[i]! < PRINTABLE_FIRST || b[i]! > PRINTABLE_LAST) this.#fault ??= 'text';
    }
    // One flat string: appending character by character would keep a chain of halves in memory. A third of a TextDecoder's time.
    return this.#fault === undefined ? String.fromCharCode.apply(null, b as unknown as number[]) : '';
  }

  peerId(): PeerId {
    const at = this.#take(PEER_ID_BYTES);
    return at < 0 ? ('' as PeerId) : peerIdAt(this.#bytes, at);
  }

  #take(length: number): number {
    if (this.#fault === undefined && length > this.remaining) this.#fault = 'short';
    if (this.#fault !== undefined) return -1;
    this.#at += length;
    return this.#at - length;
  }
}

/** Writes at most `maxBytes`, of which `expectedBytes` at first. @throws RangeError beyond that: the caller must have counted. */
export class Writer {
  readonly #maxBytes: number;
  #bytes: Uint8Array;
  #at = 0;

  constructor(maxBytes: number, expectedBytes = 256) {
    this.#maxBytes = maxBytes;
    this.#bytes = new Uint8Array(Math.min(maxBytes, expectedBytes));
  }

  u8(n: number): void {
    const at = this.#room(1); // may replace #bytes, so it comes first
    this.#bytes[at] = n;
  }

  u16(n: number): void {
    const at = this.#room(2);
    this.#bytes[at] = n >>> 8;
    this.#bytes[at + 1] = n;
  }

  u32(n: number): void {
    const at = this.#room(4);
    for (let i = 0; i < 4; i++) this.#bytes[at + i] = n >>> (24 - i * 8);
  }

  /** @throws RangeError unless `n` is a safe integer, not negative */
  u64(n: number): void {
    if (!Number.isSafeInteger(n) || n < 0) throw new RangeError(`${n} does not fit 53 bits`);
    this.u32(Math.floor(n / 2 ** 32));
    this.u32(n % 2 ** 32);
  }

  bytes(b: Uint8Array): void {
    const at = this.#room(b.length);
    this.#bytes.set(b, at);
  }

  /** Printable ASCII, not checked. */
  text(s: string): void {
    const at = this.#room(s.length);
    for (let i = 0; i < s.length; i++) this.#bytes[at + i] = s.charCodeAt(i);
  }

  peerId(id: PeerId): void {
    this.bytes(peerIdBytes(id));
  }

  /** @returns exactly what was written, in a buffer of its own. The last call: when it was as much as expected that is ours. */
  finish(): Uint8Array {
    return this.#at === this.#bytes.length ? this.#bytes : this.#bytes.slice(0, this.#at);
  }

  #room(length: number): number {
    const end = this.#at + length;
    if (end > this.#maxBytes) throw new RangeError(`more than ${this.#maxBytes} bytes`);
    if (end > this.#bytes.length) {
      const grown = new Uint8Array(Math.min(this.#maxBytes, Math.max(end, this.#bytes.length * 2)));
      grown.set(this.#bytes);
      this.#bytes = grown;
    }
    this.#at = end;
    return end - length;
  }
}

/** Same length and same bytes. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** One after the other, in memory of their own. */
export function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** The same memory, not as a Buffer: `slice` of that, which is to be a copy, is a view. */
export const plainBytes = (b: Uint8Array): Uint8Array => new Uint8Array(b.buffer, b.byteOffset, b.length);
