// The envelope of every datagram on the control port (6783/udp).
import type { PeerId } from '../types.js';
import { PEER_ID_BYTES, peerIdAt, peerIdBytes } from './peer-id.js';

export const DATAGRAM_VERSION = 1;
/** The whole envelope with its payload. With 48 (UDP in IPv6) and up to 52 for sealing it fits an underlay of 1500. */
export const MAX_DATAGRAM_BYTES = 1400;
export const DATAGRAM_HEADER_BYTES = 36;
export const MAX_PAYLOAD_BYTES = MAX_DATAGRAM_BYTES - DATAGRAM_HEADER_BYTES;
/** How many routers may handle a datagram, its destination included: a line of 9 hosts, and an end to any loop. */
export const MAX_HOPS = 8;

/** What a payload is. Numbers are append-only. */
const KIND_NUMBERS = { swim: 1 } as const;
export type DatagramKind = keyof typeof KIND_NUMBERS;

/** `hops` is 1 .. MAX_HOPS: 1 may be received, and is not sent on. */
export interface Datagram {
  readonly kind: DatagramKind;
  readonly hops: number;
  readonly src: PeerId;
  readonly dst: PeerId;
  readonly payload: Uint8Array;
}

export type DatagramDrop = 'short' | 'oversize' | 'version' | 'kind' | 'hops';

const KINDS: ReadonlyMap<number, DatagramKind> = new Map(
  Object.entries(KIND_NUMBERS).map(([kind, n]) => [n, kind as DatagramKind]),
);
const HOPS_AT = 3;

/** Envelope, ours: 36 bytes, then the payload to the end of the datagram.
 *    off len field
 *     0   1  version      1
 *     1   1  kind         1 = swim
 *     2   1  flags        0 when sent, ignored when read
 *     3   1  hops         1 .. 8, the only byte that a relay changes
 *     4  16  source       peer id
 *    20  16  destination  peer id
 *    36   n  payload      0 .. 1364 bytes, opaque here
 * @throws RangeError if the payload or the hop limit is out of range: a bug of the caller */
export function encodeDatagram(d: Datagram): Uint8Array {
  if (d.payload.length > MAX_PAYLOAD_BYTES) throw new RangeError(`payload of ${d.payload.length} bytes`);
  if (!Number.isInteger(d.hops) || d.hops < 1 || d.hops > MAX_HOPS) throw new RangeError(`hop limit ${d.hops}`);
  const b = new Uint8Array(DATAGRAM_HEADER_BYTES + d.payload.length);
  b.set([DATAGRAM_VERSION, KIND_NUMBERS[d.kind], 0, d.hops]);
  b.set(peerIdBytes(d.src), 4);
  b.set(peerIdBytes(d.dst), 4 + PEER_ID_BYTES);
  b.set(d.payload, DATAGRAM_HEADER_BYTES);
  return b;
}

/** @returns the datagram, its payload a view into `b`, or why it is dropped. */
export function decodeDatagram(b: Uint8Array): Datagram | DatagramDrop {
  if (b.length < 1) return 'short';
  if (b[0] !== DATAGRAM_VERSION) return 'version'; // before the length: another version may have another one
  if (b.length < DATAGRAM_HEADER_BYTES) return 'short';
  if (b.length > MAX_DATAGRAM_BYTES) return 'oversize';
  const kind = KINDS.get(b[1]!);
  if (kind === undefined) return 'kind';
  const hops = b[HOPS_AT]!;
  if (hops < 1 || hops > MAX_HOPS) return 'hops';
  const [src, dst] = [peerIdAt(b, 4), peerIdAt(b, 4 + PEER_ID_BYTES)];
  return { kind, hops, src, dst, payload: b.subarray(DATAGRAM_HEADER_BYTES) };
}

/** For a relay. @param b what `decodeDatagram` accepted. @returns a copy with one hop less, the payload untouched. */
export function decrementHops(b: Uint8Array): Uint8Array | 'expired' {
  const hops = b[HOPS_AT]!;
  if (hops <= 1) return 'expired';
  const relayed = b.slice();
  relayed[HOPS_AT] = hops - 1;
  return relayed;
}
