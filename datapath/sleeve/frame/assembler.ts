// Puts messages together again that were split because the path is too small for them. Only authentic parts come here, and
// memory is bounded: each session has a few places, and the oldest gives way.
import { PART, PART_HEADER_BYTES } from '../wire/message.js';

/** Messages that may be incomplete at a time, for each sender. */
export const PLACES = 8;
/** Parts of one message: 65,535 bytes over a path of 576. */
const MAX_PARTS = 192;
/** Most messages are frames of a network with a common MTU. */
const FRAME_BYTES = 2_048;
const NONE = new Uint8Array(0);

interface Place {
  set: number;
  total: number;
  received: number;
  /** Offset → length of each part that is there. */
  readonly parts: Map<number, number>;
  readonly bytes: Uint8Array;
}

/** One sender's messages. */
export class Assembler {
  readonly #places: Place[] = [];
  #spare: Uint8Array = NONE;

  /**
   * Takes a part that `checkMessage` found in order.
   * @returns the whole message when this was its last missing part; the caller's until the next call
   */
  push(b: Uint8Array, v: DataView, at: number, length: number): Uint8Array | undefined {
    const set = v.getUint32(at + PART.set);
    const total = v.getUint16(at + PART.total);
    const offset = v.getUint16(at + PART.offset);
    const place = this.#place(set, total);
    const size = length - PART_HEADER_BYTES;
    if (place === undefined || place.parts.has(offset) || place.parts.size === MAX_PARTS) return undefined;
    place.bytes.set(b.subarray(at + PART_HEADER_BYTES, at + length), offset);
    place.parts.set(offset, size);
    place.received += size;
    if (place.received < total) return undefined;
    this.#places.splice(this.#places.indexOf(place), 1);
    this.#spare = place.bytes;
    return isGapless(place) ? place.bytes.subarray(0, total) : undefined;
  }

  #place(set: number, total: number): Place | undefined {
    const known = this.#places.find((p) => p.set === set);
    if (known) return known.total === total ? known : undefined;
    if (this.#places.length === PLACES) this.#spare = this.#places.shift()!.bytes;
    const bytes = this.#spare.length >= total ? this.#spare : new Uint8Array(Math.max(total, FRAME_BYTES));
    this.#spare = NONE;
    const place = { set, total, received: 0, parts: new Map<number, number>(), bytes };
    this.#places.push(place);
    return place;
  }
}

/** Do the parts follow one another? Parts that overlap could add up to the total and leave a hole. */
function isGapless(place: Place): boolean {
  let next = 0;
  for (const [offset, length] of [...place.parts].sort((x, y) => x[0] - y[0])) {
    if (offset !== next) return false;
    next += length;
  }
  return next === place.total;
}
