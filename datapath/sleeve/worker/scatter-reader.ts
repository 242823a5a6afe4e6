// Reads a super-frame to where its segments will be sealed: readv(2) with pieces as far apart as the datagrams will be, if headers
// and segments are of the size that was expected. If not, the frame is gathered with one copy.
//
//   out ──┬ slot 0: outer, message header │ virtio, headers, payload │ tag   ◄─ first piece: where a small frame fits whole
//         ├ slot 1: outer, message header,  virtio, headers │ payload │ tag   ◄─ second piece
//         └ …
import type { Cut } from '../frame/cutter.js';
import { readv } from '../native/io.js';
import type { Memory } from '../native/memory.js';
import { OUTER_BYTES } from '../wire/datagram.js';
import { SEGMENT, SEGMENT_HEADER_BYTES, VIRTIO_BYTES } from '../wire/message.js';

/** A frame with its virtio header: an IP packet of 65,535 bytes behind Ethernet and two VLAN tags. */
export const FRAME_BYTES = 65_535 + 22 + VIRTIO_BYTES;
/** From a slot's beginning to where the TAP's bytes go. */
export const READ_AT = OUTER_BYTES + SEGMENT_HEADER_BYTES;
const IOV_BYTES = 16;
const MAX_SLOTS = 160;
/** Below this payload too many slots would be needed. */
const MIN_PAYLOAD_BYTES = 512;

export class ScatterReader {
  readonly #memory: Memory;
  readonly #out: number;
  readonly #outBytes: number;
  readonly #gathered: number;
  readonly #iov: number;
  #headerBytes = 0;
  #payloadBytes = 0;
  #stride = 0;
  #slots = 0;

  /** @param out offset of `outBytes` bytes for slots */
  constructor(memory: Memory, out: number, outBytes: number) {
    this.#memory = memory;
    this.#out = out;
    this.#outBytes = outBytes;
    this.#gathered = memory.take(FRAME_BYTES);
    this.#iov = memory.take(MAX_SLOTS * IOV_BYTES);
  }

  /** Is a super-frame expected? */
  get isReady(): boolean {
    return this.#slots > 0;
  }

  /** Expects segments like these, `stride` apart, from now on. */
  expect(cut: Cut, stride: number): void {
    const slots = Math.min(MAX_SLOTS, Math.ceil(FRAME_BYTES / cut.payloadBytes) + 1);
    if (cut.payloadBytes < MIN_PAYLOAD_BYTES || slots * stride + READ_AT > this.#outBytes) return;
    const { view } = this.#memory;
    this.#headerBytes = cut.headerBytes;
    this.#payloadBytes = cut.payloadBytes;
    this.#stride = stride;
    this.#slots = slots;
    for (let i = 0; i < slots; i++) {
      const at = this.#iov + i * IOV_BYTES;
      this.#memory.point(at, i === 0 ? this.#out + READ_AT : this.#payloadAt(i));
      view.setUint32(at + 8, i === 0 ? this.#firstBytes : cut.payloadBytes, true);
      view.setUint32(at + 12, 0, true);
    }
  }

  /** Expects small frames from now on. */
  forget(): void {
    this.#slots = 0;
  }

  /** @returns the bytes read, or -1. */
  read(fd: number): number {
    return readv(fd, this.#memory.base + this.#iov, this.#slots);
  }

  /** Does a frame of `n` bytes lie in one piece? */
  isWhole(n: number): boolean {
    return n <= this.#firstBytes;
  }

  /** Are these the segments that were expected? Then each payload lies in its slot. */
  fits(cut: Cut, stride: number): boolean {
    return (
      cut.headerBytes === this.#headerBytes &&
      cut.payloadBytes === this.#payloadBytes &&
      stride === this.#stride &&
      cut.count <= this.#slots
    );
  }

  /** Brings the `n` bytes that were read into one piece. @returns their offset */
  gather(n: number): number {
    const { bytes } = this.#memory;
    const firstBytes = this.#firstBytes;
    bytes.copyWithin(this.#gathered, this.#out + READ_AT, this.#out + READ_AT + firstBytes);
    for (let at = firstBytes, slot = 1; at < n; at += this.#payloadBytes, slot++) {
      const from = this.#payloadAt(slot);
      bytes.copyWithin(this.#gathered + at, from, from + Math.min(this.#payloadBytes, n - at));
    }
    return this.#gathered;
  }

  get #firstBytes(): number {
    return VIRTIO_BYTES + this.#headerBytes + this.#payloadBytes;
  }

  #payloadAt(slot: number): number {
    return this.#out + slot * this.#stride + OUTER_BYTES + SEGMENT.ethernet + this.#headerBytes;
  }
}
