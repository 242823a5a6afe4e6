// What the sleeve sends over UDP: a clear header, then a sealed message (`message.ts`).

/** Sleeve datagram, big-endian. Bytes 2 and 4..7 are the relays' and not authenticated; the rest is.
 *    off len field
 *      0   1  version   1
 *      1   1  lane      0 or 1: which of the sender's counters
 *      2   1  hops      0 = from its sender itself; over relays 8, one less behind each, and never 0
 *      3   1  reserved  0
 *      4   4  label     0 = for the receiver of the datagram; else an index agreed with the relay
 *      8   4  receiver  session index, chosen by who opens it
 *     12   8  counter   of the lane, from 0; the nonce's last 8 bytes
 *     20   n  sealed    a message
 * end-16  16  tag       AES-256-GCM or ChaCha20-Poly1305
 *
 * The nonce is 0, 0, 0, lane and the counter. The additional data are 13 bytes, as TLS 1.2 has them, so that OpenSSL seals a
 * datagram in two calls: version, lane, receiver, five zeros, and the length of the message in two bytes.              */
export const OUTER = {
  version: 0,
  lane: 1,
  hops: 2,
  reserved: 3,
  label: 4,
  receiver: 8,
  counter: 12,
  sealed: 20,
} as const;

export const OUTER_BYTES = OUTER.sealed;
export const TAG_BYTES = 16;
export const SLEEVE_VERSION = 1;
/** Of a datagram with a label when it sets out. A relay drops what it would have to pass on with 0: at most 7 are on the way. */
export const MAX_HOPS = 8;
/** The largest UDP payload over IPv4, and what UDP_SEGMENT takes in one call: 65535 - 20 - 8. */
export const MAX_DATAGRAM_BYTES = 65_507;

/** Lane 0 is the sending worker's, lane 1 the receiving one's: two threads share a key and never a nonce. */
export type Lane = 0 | 1;

export type DatagramFault = 'short' | 'version' | 'lane' | 'reserved' | 'hops';

/** @returns why these bytes are no sleeve datagram; undefined when the clear header is in order */
export function checkDatagram(b: Uint8Array, at: number, length: number): DatagramFault | undefined {
  if (length < OUTER_BYTES) return 'short';
  if (b[at] !== SLEEVE_VERSION) return 'version';
  if (b[at + OUTER.lane]! > 1) return 'lane';
  if (b[at + OUTER.hops]! > MAX_HOPS) return 'hops';
  if (b[at + OUTER.reserved] !== 0) return 'reserved';
  return undefined;
}

/** Writes the clear header but for the counter, which sealing adds. */
export function writeOuter(view: DataView, at: number, lane: Lane, label: number, receiver: number): void {
  view.setUint32(at, (SLEEVE_VERSION << 24) | (lane << 16) | (label === 0 ? 0 : MAX_HOPS << 8));
  view.setUint32(at + OUTER.label, label);
  view.setUint32(at + OUTER.receiver, receiver);
}

/** The 13 bytes of additional data, of which the last two are `length`: of the message, 0 .. 65535. */
export function writeAad(b: Uint8Array, at: number, lane: Lane, receiver: number, length: number): void {
  b.fill(0, at, at + AAD_BYTES);
  b[at] = SLEEVE_VERSION;
  b[at + 1] = lane;
  for (let i = 0; i < 4; i++) b[at + 2 + i] = receiver >>> (24 - i * 8);
  b[at + AAD_BYTES - 2] = length >>> 8;
  b[at + AAD_BYTES - 1] = length;
}

export const AAD_BYTES = 13;

/** A counter as a number, 0 .. 2^53-1; beyond that it is Infinity, which no window takes. */
export function counterAt(view: DataView, at: number): number {
  const high = view.getUint32(at);
  return high > 0x1fffff ? Infinity : high * 2 ** 32 + view.getUint32(at + 4);
}

/** @param counter 0 .. 2^53-1 */
export function writeCounter(view: DataView, at: number, counter: number): void {
  view.setUint32(at, Math.floor(counter / 2 ** 32));
  view.setUint32(at + 4, counter >>> 0);
}
