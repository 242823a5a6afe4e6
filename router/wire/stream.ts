// The control stream between two routers (6783/tcp): preambles and a handshake in clear, then frames in sealed records.
import { HeldBytes } from './held-bytes.js';

/** The version this router speaks best, and the oldest it still understands. */
export const STREAM_VERSION = 3;
export const OLDEST_STREAM_VERSION = 3;
/** The body of a frame. A block is at most 64 KiB; a vector of 1,000 routers is about 40 KB. */
export const MAX_FRAME_BYTES = 1024 * 1024;

/** What a frame's body is. Numbers are append-only; a reader skips a type that it does not know. */
export const FrameType = {
  hello: 1,
  refuse: 2,
  digest: 3,
  vector: 4,
  block: 5,
  ping: 6,
  pong: 7,
  session: 8,
  relay: 9,
  spare: 10,
  prune: 11,
  have: 12,
  graft: 13,
  knock: 14,
  noise: 15,
  challenge: 16,
  proof: 17,
  rotation: 18,
} as const;

export interface Preamble {
  readonly version: number;
  readonly oldest: number;
}

export interface Frame {
  readonly type: number;
  readonly body: Uint8Array;
}

const MAGIC = Uint8Array.of(0x6d, 0x65, 0x73, 0x68); // "mesh"
export const PREAMBLE_BYTES = MAGIC.length + 2;
export const FRAME_HEADER_BYTES = 5;

/** Preamble, ours: 6 bytes. This much stays the same for ever, so that routers of any two versions can say what is wrong.
 *    off len field
 *     0   4  magic    "mesh"
 *     4   1  version  the newest this side speaks, 1 .. 255
 *     5   1  oldest   the oldest it understands, 1 .. version                                                       */
export const encodePreamble = (): Uint8Array => Uint8Array.of(...MAGIC, STREAM_VERSION, OLDEST_STREAM_VERSION);

/** @returns the preamble at the start of `b`. One wrong byte is enough to know that it is none: nobody waits for six */
export function decodePreamble(b: Uint8Array): Preamble | 'short' | 'not-mesh' {
  const known = Math.min(b.length, MAGIC.length);
  for (let i = 0; i < known; i++) if (b[i] !== MAGIC[i]) return 'not-mesh';
  if (b.length < PREAMBLE_BYTES) return 'short';
  const [version, oldest] = [b[4]!, b[5]!];
  return oldest < 1 || oldest > version ? 'not-mesh' : { version, oldest };
}

/** @returns the newest version that both sides speak, or undefined. Both sides come to the same one. */
export function commonVersion(theirs: Preamble): number | undefined {
  const version = Math.min(STREAM_VERSION, theirs.version);
  return version >= Math.max(OLDEST_STREAM_VERSION, theirs.oldest) ? version : undefined;
}

/** Frame, ours: 5 bytes, then the body.
 *    off len field
 *     0   4  length  of the body, big-endian, 0 .. 2^20
 *     4   1  type    FrameType
 *     5   n  body  
 * @throws RangeError if the body is too long: a bug of the caller */
export function encodeFrame(type: number, body: Uint8Array): Uint8Array {
  if (body.length > MAX_FRAME_BYTES) throw new RangeError(`frame of ${body.length} bytes`);
  const b = new Uint8Array(FRAME_HEADER_BYTES + body.length);
  new DataView(b.buffer).setUint32(0, body.length);
  b[4] = type;
  b.set(body, FRAME_HEADER_BYTES);
  return b;
}

/** @returns the frame at the start of `b`, its body a view. @param maxBytes of the body */
export function decodeFrame(b: Uint8Array, maxBytes = MAX_FRAME_BYTES): Frame | 'short' | 'oversize' {
  if (b.length < FRAME_HEADER_BYTES) return 'short';
  const length = new DataView(b.buffer, b.byteOffset).getUint32(0);
  if (length > maxBytes) return 'oversize';
  const end = FRAME_HEADER_BYTES + length;
  return b.length < end ? 'short' : { type: b[4]!, body: b.subarray(FRAME_HEADER_BYTES, end) };
}

/** Cuts a byte stream into frames, whatever its chunks. Holds at most twice what came of one unfinished frame. */
export class FrameReader {
  readonly #held = new HeldBytes();
  #isOver = false;

  /**
   * Never throws. Bodies are views into `chunk` or into memory that is not used again; keep one and `slice()` it.
   * @returns `oversize` last when that is what follows: nothing more will be read
   */
  push(chunk: Uint8Array): readonly (Frame | 'oversize')[] {
    if (this.#isOver) return [];
    const frames: (Frame | 'oversize')[] = [];
    const bytes = this.#held.with(chunk);
    let at = 0;
    for (;;) {
      const frame = decodeFrame(bytes.subarray(at));
      if (frame === 'short') break;
      frames.push(frame);
      if (frame === 'oversize') return this.#end(frames);
      at += FRAME_HEADER_BYTES + frame.body.length;
    }
    this.#held.keep(bytes, at);
    return frames;
  }

  #end<T>(frames: T): T {
    this.#isOver = true;
    this.#held.clear();
    return frames;
  }
}
