// The control stream between two routers (6783/tcp): a preamble from both sides at once, then frames.

/** The version this router speaks best, and the oldest it still understands. */
export const STREAM_VERSION = 1;
export const OLDEST_STREAM_VERSION = 1;
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
} as const;

/** The end of a stream: after `bad`, or a preamble with no version in common, a reader gives nothing more. */
export type StreamItem =
  | { readonly kind: 'preamble'; readonly version: number; readonly oldest: number }
  | { readonly kind: 'frame'; readonly type: number; readonly body: Uint8Array }
  | { readonly kind: 'bad'; readonly reason: StreamFault };
export type StreamFault = 'not-mesh' | 'oversize';

const MAGIC = Uint8Array.of(0x6d, 0x65, 0x73, 0x68); // "mesh"
const PREAMBLE_BYTES = MAGIC.length + 2;
const FRAME_HEADER_BYTES = 5;

/** Preamble, ours: 6 bytes. This much stays the same for ever, so that routers of any two versions can say what is wrong.
 *    off len field
 *     0   4  magic    "mesh"
 *     4   1  version  the newest this side speaks, 1 .. 255
 *     5   1  oldest   the oldest it understands, 1 .. version                                                       */
export const encodePreamble = (): Uint8Array => Uint8Array.of(...MAGIC, STREAM_VERSION, OLDEST_STREAM_VERSION);

/** @returns the newest version that both sides speak, or undefined. Both sides come to the same one. */
export function commonVersion(theirs: { readonly version: number; readonly oldest: number }): number | undefined {
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

/** Cuts a byte stream into items, whatever its chunks. Holds at most twice what came of one unfinished frame. */
export class StreamReader {
  #held = new Uint8Array(0);
  #heldBytes = 0;
  #state: 'preamble' | 'frames' | 'over' = 'preamble';

  /** Never throws. Bodies are views into `chunk` or into memory that is not used again; keep one and `slice()` it. */
  push(chunk: Uint8Array): readonly StreamItem[] {
    if (this.#state === 'over') return [];
    const items: StreamItem[] = [];
    const bytes = this.#heldBytes === 0 ? chunk : this.#hold(chunk);
    let at = 0;
    for (let used = this.#next(bytes, items); used > 0; used = this.#next(bytes.subarray(at), items)) at += used;
    this.#keep(bytes.subarray(at), bytes !== chunk && at === 0);
    return items;
  }

  /** Adds the item at the start of `bytes`. @returns its length, 0 if there is no whole one */
  #next(bytes: Uint8Array, items: StreamItem[]): number {
    switch (this.#state) {
      case 'over':
        return 0;
      case 'preamble':
        return this.#preamble(bytes, items);
      case 'frames':
        return this.#frame(bytes, items);
    }
  }

  #preamble(b: Uint8Array, items: StreamItem[]): number {
    const known = Math.min(b.length, MAGIC.length); // one wrong byte is enough: do not wait for six
    for (let i = 0; i < known; i++) if (b[i] !== MAGIC[i]) return this.#end(items, 'not-mesh');
    if (b.length < PREAMBLE_BYTES) return 0;
    const preamble = { kind: 'preamble', version: b[4]!, oldest: b[5]! } as const;
    if (preamble.oldest < 1 || preamble.oldest > preamble.version) return this.#end(items, 'not-mesh');
    items.push(preamble);
    this.#state = commonVersion(preamble) === undefined ? 'over' : 'frames';
    return PREAMBLE_BYTES;
  }

  #frame(b: Uint8Array, items: StreamItem[]): number {
    if (b.length < FRAME_HEADER_BYTES) return 0;
    const length = new DataView(b.buffer, b.byteOffset).getUint32(0);
    if (length > MAX_FRAME_BYTES) return this.#end(items, 'oversize');
    const end = FRAME_HEADER_BYTES + length;
    if (b.length < end) return 0;
    items.push({ kind: 'frame', type: b[4]!, body: b.subarray(FRAME_HEADER_BYTES, end) });
    return end;
  }

  #end(items: StreamItem[], reason: StreamFault): 0 {
    items.push({ kind: 'bad', reason });
    this.#state = 'over';
    return 0;
  }

  /** Appends to what is held. Copies, since a view of one byte would keep the socket's whole buffer alive. */
  #hold(chunk: Uint8Array): Uint8Array {
    const need = this.#heldBytes + chunk.length;
    if (need > this.#held.length) {
      const grown = new Uint8Array(Math.max(need, 2 * this.#heldBytes));
      grown.set(this.#held.subarray(0, this.#heldBytes));
      this.#held = grown;
    }
    this.#held.set(chunk, this.#heldBytes);
    this.#heldBytes = need;
    return this.#held.subarray(0, need);
  }

  /** Holds the unfinished rest; in fresh memory, unless it is what was held before. */
  #keep(rest: Uint8Array, isHeld: boolean): void {
    if (isHeld && this.#state !== 'over') return;
    this.#held = this.#state === 'over' ? new Uint8Array(0) : rest.slice();
    this.#heldBytes = this.#held.length;
  }
}
