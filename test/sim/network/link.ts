// What one direction of a wire does to what is sent over it. Pure: chance and time come from outside.
import type { Random } from '../../../router/core.js';

export interface LinkSpec {
  /** The share of datagrams that vanish, and of a stream's segments that have to be sent again. 0 .. 1 */
  readonly loss: number;
  /** What everything takes at least, ms. */
  readonly latencyMs: number;
  /** The mean of what comes on top, exponentially distributed, ms: so datagrams overtake one another. */
  readonly jitterMs: number;
  /** The share of datagrams that arrive twice. 0 .. 1 */
  readonly duplicates: number;
  /** The share of datagrams that arrive with some bytes changed. UDP's checksum lets one in 65,536 of them pass; this all. */
  readonly corrupts: number;
  /** Bits a second; Infinity: nothing waits for the line. */
  readonly bitsPerS: number;
  /** Bytes that may wait for the line; a datagram beyond them is dropped. */
  readonly queueBytes: number;
  /** The largest IP packet, bytes. A larger datagram is dropped; a stream is cut to fit. */
  readonly mtu: number;
  /** Nothing passes, in this direction. A stream needs both. */
  readonly cut: boolean;
}

export const GOOD_LINK: LinkSpec = {
  loss: 0,
  latencyMs: 1,
  jitterMs: 0,
  duplicates: 0,
  corrupts: 0,
  bitsPerS: Infinity,
  queueBytes: 256 * 1024,
  mtu: 65_535,
  cut: false,
};

/** One copy of a datagram that arrives. */
export interface Arrival {
  readonly afterMs: number;
  readonly bytes: Uint8Array;
}

/** IPv6 and UDP, or IPv6 and TCP with its timestamps, bytes. */
const DATAGRAM_HEADER_BYTES = 48;
const SEGMENT_HEADER_BYTES = 72;
/** Linux sends a segment again after at least this beyond the round trip, `TCP_RTO_MIN` of `net/tcp.h`, then after twice as long. */
export const RETRANSMIT_MS = 200;
const MAX_CHANGED_BYTES = 4;

export class Link {
  readonly spec: LinkSpec;
  /** When the last bit that was taken will have left. */
  #freeAt = 0;

  constructor(spec: LinkSpec) {
    this.spec = spec;
  }

  /** @returns the copies that arrive, none when it is lost; their bytes belong to the caller */
  datagram(payload: Uint8Array, now: number, random: Random): readonly Arrival[] {
    const { loss, mtu, duplicates, cut } = this.spec;
    const size = payload.length + DATAGRAM_HEADER_BYTES;
    if (cut || size > mtu || chance(loss, random)) return [];
    const waitMs = this.#take(size, now, this.spec.queueBytes);
    if (waitMs === undefined) return [];
    const copy = (): Arrival => ({
      afterMs: waitMs + this.#delay(random),
      bytes: chance(this.spec.corrupts, random) ? damaged(payload, random) : new Uint8Array(payload),
    });
    return chance(duplicates, random) ? [copy(), copy()] : [copy()];
  }

  /** What so many bytes of a stream take, ms, while nothing is cut: what was lost of them is sent again, together. */
  stream(bytes: number, now: number, random: Random): number {
    const { loss, mtu } = this.spec;
    let segments = Math.max(1, Math.ceil(bytes / (mtu - SEGMENT_HEADER_BYTES)));
    let ms = this.#take(bytes + segments * SEGMENT_HEADER_BYTES, now, Infinity)! + this.#delay(random);
    if (loss === 0) return ms;
    for (let again = RETRANSMIT_MS; (segments = lostOf(segments, loss, random)) > 0; again *= 2) ms += again;
    return ms;
  }

  #delay(random: Random): number {
    const { latencyMs, jitterMs } = this.spec;
    return jitterMs === 0 ? latencyMs : latencyMs - jitterMs * Math.log(1 - random());
  }

  /** The line is busy until its bits are out. @returns until then, ms; undefined if too much waits already */
  #take(bytes: number, now: number, queueBytes: number): number | undefined {
    const { bitsPerS } = this.spec;
    if (bitsPerS === Infinity) return 0;
    const waitMs = Math.max(0, this.#freeAt - now);
    if ((waitMs * bitsPerS) / 8_000 + bytes > queueBytes) return undefined;
    this.#freeAt = now + waitMs + (bytes * 8_000) / bitsPerS;
    return this.#freeAt - now;
  }
}

/** Nothing is drawn for what cannot be, or must. */
export const chance = (share: number, random: Random): boolean => share > 0 && (share >= 1 || random() < share);

/** At most 99 in 100, or a stream would never arrive: who wants that says `cut`. */
function lostOf(segments: number, loss: number, random: Random): number {
  const share = Math.min(loss, 0.99);
  let lost = 0;
  for (let n = 0; n < segments; n++) if (random() < share) lost++;
  return lost;
}

function damaged(payload: Uint8Array, random: Random): Uint8Array {
  const bytes = new Uint8Array(payload);
  if (bytes.length === 0) return bytes;
  for (let n = 1 + Math.floor(random() * MAX_CHANGED_BYTES); n > 0; n--)
    bytes[Math.floor(random() * bytes.length)]! ^= 1 + Math.floor(random() * 255);
  return bytes;
}
