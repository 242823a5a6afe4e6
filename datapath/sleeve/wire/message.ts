// What is inside a sealed datagram. Big-endian but for the virtio header, which is as the TAP gave it: little-endian.

/** A segment: one piece of a super-frame on a segment border, or a whole frame.
 *    off len field
 *      0   1  kind    1
 *      1   3  vni     1 .. 2^24-1
 *      4   4  frame   the super-frame it is cut from; counts up, per sender
 *      8   2  index   0 .. 2047 within the super-frame; 0x8000 added in its last
 *     10  10  virtio  struct virtio_net_hdr of the super-frame, hdr_len being exact when it has segments
 *     20   n  frame   Ethernet, IP and TCP or UDP headers as they were, then this segment's payload               */
export const SEGMENT = { kind: 0, vni: 1, frame: 4, index: 8, virtio: 10, ethernet: 20 } as const;

/** A part of a segment message that does not fit one datagram.
 *    off len field
 *      0   1  kind      2
 *      1   3  reserved  0 when sent, ignored when read
 *      4   4  set       the message it is a part of; counts up, per sender
 *      8   2  offset    of the first byte in the message
 *     10   2  total     length of the message, 21 .. 65535
 *     12   n  bytes     at least 1                                                                                */
export const PART = { kind: 0, set: 4, offset: 8, total: 10, bytes: 12 } as const;

/** A probe, or the reply to one. The reply has the probe's first 20 bytes but for the kind, and no padding.
 *    off len field
 *      0   1  kind      3 probe, 4 reply
 *      1   3  reserved  0 when sent, ignored when read
 *      4   4  token     the prober's
 *      8   8  sent      the prober's clock, microseconds
 *     16   4  padded    length of the probe's whole IP packet, bytes
 *     20   n  padding   0 when sent, ignored when read                                                            */
export const PROBE = { kind: 0, token: 4, sent: 8, padded: 16, padding: 20 } as const;

export const KIND = { segment: 1, part: 2, probe: 3, reply: 4 } as const;

export const SEGMENT_HEADER_BYTES = 10;
export const VIRTIO_BYTES = 10;
export const PART_HEADER_BYTES = PART.bytes;
export const PROBE_BYTES = PROBE.padding;
export const MAX_MESSAGE_BYTES = 65_535;
/** How many segments a super-frame may have: 64 KB at a TCP segment size of 32. */
export const MAX_SEGMENTS = 2_048;
const LAST = 0x8000;
const ETHERNET_BYTES = 14;

export type MessageFault = 'message-short' | 'message-kind' | 'message-index' | 'message-part';

/** @returns why an authentic message makes no sense; undefined when its fixed fields are in order */
export function checkMessage(b: Uint8Array, v: DataView, at: number, length: number): MessageFault | undefined {
  if (length < 1) return 'message-short';
  switch (b[at]!) {
    case KIND.segment:
      if (length < SEGMENT.ethernet + ETHERNET_BYTES) return 'message-short';
      return indexAt(v, at) >= MAX_SEGMENTS ? 'message-index' : undefined;
    case KIND.part: {
      if (length <= PART_HEADER_BYTES) return 'message-short';
      const end = v.getUint16(at + PART.offset) + length - PART_HEADER_BYTES;
      const total = v.getUint16(at + PART.total);
      return end > total || total <= SEGMENT.ethernet ? 'message-part' : undefined;
    }
    case KIND.probe:
    case KIND.reply:
      return length < PROBE_BYTES ? 'message-short' : undefined;
    default:
      return 'message-kind';
  }
}

/** The 10 bytes before the virtio header. */
export function writeSegmentHeader(
  v: DataView,
  at: number,
  vni: number,
  frame: number,
  index: number,
  isLast: boolean,
): void {
  v.setUint32(at, (KIND.segment << 24) | vni);
  v.setUint32(at + SEGMENT.frame, frame);
  v.setUint16(at + SEGMENT.index, isLast ? index | LAST : index);
}

export const vniAt = (v: DataView, at: number): number => v.getUint32(at) & 0xffffff;
export const frameAt = (v: DataView, at: number): number => v.getUint32(at + SEGMENT.frame);
export const indexAt = (v: DataView, at: number): number => v.getUint16(at + SEGMENT.index) & ~LAST;
export const isLastAt = (v: DataView, at: number): boolean => (v.getUint16(at + SEGMENT.index) & LAST) !== 0;

export function writePartHeader(v: DataView, at: number, set: number, offset: number, total: number): void {
  v.setUint32(at, KIND.part << 24);
  v.setUint32(at + PART.set, set);
  v.setUint16(at + PART.offset, offset);
  v.setUint16(at + PART.total, total);
}

/** @param sentUs the prober's clock, microseconds below 2^53. The padding is the caller's. */
export function writeProbe(v: DataView, at: number, token: number, sentUs: number, padded: number): void {
  v.setUint32(at, KIND.probe << 24);
  v.setUint32(at + PROBE.token, token);
  v.setUint32(at + PROBE.sent, Math.floor(sentUs / 2 ** 32));
  v.setUint32(at + PROBE.sent + 4, sentUs >>> 0);
  v.setUint32(at + PROBE.padded, padded);
}

export const probeSentUs = (v: DataView, at: number): number =>
  v.getUint32(at + PROBE.sent) * 2 ** 32 + v.getUint32(at + PROBE.sent + 4);
