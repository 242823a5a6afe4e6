// The envelope of every datagram on the control port (6783/udp).

export const DATAGRAM_VERSION = 2;
/** The whole envelope with its payload: with 48 (UDP in IPv6) it fits an underlay of 1500, and one that is narrower by a tunnel. */
export const MAX_DATAGRAM_BYTES = 1400;
export const DATAGRAM_HEADER_BYTES = 28;
export const DATAGRAM_TAG_BYTES = 16;
export const MAX_PAYLOAD_BYTES = MAX_DATAGRAM_BYTES - DATAGRAM_HEADER_BYTES - DATAGRAM_TAG_BYTES;
/** How many routers may handle a datagram, its destination included: a line of 9 hosts, and an end to any loop. */
export const MAX_HOPS = 8;
/** As many bytes as a launch is called by in a datagram. */
export const LAUNCH_NAME_BYTES = 8;

declare const brand: unique symbol;
/** What datagrams call one launch of a router: 8 bytes, each a character (latin1), so that a map finds it. */
export type LaunchName = string & { readonly [brand]: 'LaunchName' };

/** What a payload is. Numbers are append-only. */
const KIND_NUMBERS = { swim: 1 } as const;
export type DatagramKind = keyof typeof KIND_NUMBERS;

/** `hops` is 1 .. MAX_HOPS: 1 may be received, and is not sent on. */
export interface DatagramHeader {
  readonly kind: DatagramKind;
  readonly hops: number;
  readonly src: LaunchName;
  readonly dst: LaunchName;
  /** 0 .. 2^64-1; exact below 2^53, and none above is ever taken. */
  readonly counter: number;
}

export type DatagramDrop = 'short' | 'oversize' | 'version' | 'kind' | 'hops';

const KINDS: ReadonlyMap<number, DatagramKind> = new Map(
  Object.entries(KIND_NUMBERS).map(([kind, n]) => [n, kind as DatagramKind]),
);
export const HOPS_AT = 2;
const SRC_AT = 4;
const DST_AT = SRC_AT + LAUNCH_NAME_BYTES;
const COUNTER_AT = DST_AT + LAUNCH_NAME_BYTES;

/** Envelope, ours, big-endian.
 *    off len field
 *     0   1  version      2
 *     1   1  kind         1 = swim
 *     2   1  hops         1 .. 8, the only byte that a relay changes
 *     3   1  flags        0 when sent, ignored when read
 *     4   8  source       what the launch is called, see trust/datagram-key.ts
 *    12   8  destination  the same of the launch it is for
 *    20   8  counter      of the source's launch, from 0; the nonce's last 8 bytes
 *    28   n  sealed       0 .. 1356 bytes, opaque here
 * end-16 16  tag          over all of it, hops taken as 0
 * @returns the header and the payload, yet to be sealed, and room for the tag
 * @throws RangeError if the payload or the hop limit is out of range: a bug of the caller */
export function encodeDatagram(h: DatagramHeader, payload: Uint8Array): Uint8Array {
  if (payload.length > MAX_PAYLOAD_BYTES) throw new RangeError(`payload of ${payload.length} bytes`);
  if (!Number.isInteger(h.hops) || h.hops < 1 || h.hops > MAX_HOPS) throw new RangeError(`hop limit ${h.hops}`);
  const b = new Uint8Array(DATAGRAM_HEADER_BYTES + payload.length + DATAGRAM_TAG_BYTES);
  b.set([DATAGRAM_VERSION, KIND_NUMBERS[h.kind], h.hops, 0]);
  for (let i = 0; i < LAUNCH_NAME_BYTES; i++) {
    b[SRC_AT + i] = h.src.charCodeAt(i);
    b[DST_AT + i] = h.dst.charCodeAt(i);
  }
  const view = new DataView(b.buffer);
  view.setUint32(COUNTER_AT, Math.floor(h.counter / 2 ** 32));
  view.setUint32(COUNTER_AT + 4, h.counter % 2 ** 32);
  b.set(payload, DATAGRAM_HEADER_BYTES);
  return b;
}

/** @returns what the header says, nothing of it proven, or why it is dropped */
export function decodeDatagram(b: Uint8Array): DatagramHeader | DatagramDrop {
  if (b.length < 1) return 'short';
  if (b[0] !== DATAGRAM_VERSION) return 'version'; // before the length: another version may have another one
  if (b.length < DATAGRAM_HEADER_BYTES + DATAGRAM_TAG_BYTES) return 'short';
  if (b.length > MAX_DATAGRAM_BYTES) return 'oversize';
  const kind = KINDS.get(b[1]!);
  if (kind === undefined) return 'kind';
  const hops = b[HOPS_AT]!;
  if (hops < 1 || hops > MAX_HOPS) return 'hops';
  const view = new DataView(b.buffer, b.byteOffset, b.length);
  const counter = view.getUint32(COUNTER_AT) * 2 ** 32 + view.getUint32(COUNTER_AT + 4);
  return { kind, hops, src: launchNameAt(b, SRC_AT), dst: launchNameAt(b, DST_AT), counter };
}

/** @param b at least `at + 8` bytes */
export const launchNameAt = (b: Uint8Array, at: number): LaunchName =>
  // prettier-ignore
  String.fromCharCode(
    b[at]!, b[at + 1]!, b[at + 2]!, b[at + 3]!, b[at + 4]!, b[at + 5]!, b[at + 6]!, b[at + 7]!,
  ) as LaunchName;

/** The header as the tag is over it: on the way a relay changes its hops. */
export function authenticatedHeader(b: Uint8Array): Uint8Array {
  const header = new Uint8Array(b.subarray(0, DATAGRAM_HEADER_BYTES));
  header[HOPS_AT] = 0;
  return header;
}

/** The counter's bytes, a view. */
export const counterBytes = (b: Uint8Array): Uint8Array => b.subarray(COUNTER_AT, COUNTER_AT + 8);

/** What is between header and tag, a view. */
export const sealedPart = (b: Uint8Array): Uint8Array =>
  b.subarray(DATAGRAM_HEADER_BYTES, b.length - DATAGRAM_TAG_BYTES);

/** A view. */
export const tagPart = (b: Uint8Array): Uint8Array => b.subarray(b.length - DATAGRAM_TAG_BYTES);

/** For a relay. @param b what `decodeDatagram` accepted. @returns a copy with one hop less, the rest untouched. */
export function decrementHops(b: Uint8Array): Uint8Array | 'expired' {
  const hops = b[HOPS_AT]!;
  if (hops <= 1) return 'expired';
  const relayed = new Uint8Array(b);
  relayed[HOPS_AT] = hops - 1;
  return relayed;
}
