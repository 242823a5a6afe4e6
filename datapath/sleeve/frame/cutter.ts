// Super-frame → segments. A segment carries the super-frame's own virtio, Ethernet, IP and TCP or UDP headers, unchanged; it is
// the joiner that makes them fit what arrived. So a super-frame that arrives whole costs no rewriting on either side.
import { emptyLayout, GSO, readLayout, VIRTIO, type Layout, type LayoutFault } from './layout.js';
import { MAX_MESSAGE_BYTES, MAX_SEGMENTS, SEGMENT, VIRTIO_BYTES, writeSegmentHeader } from '../wire/message.js';

/** A TCP segment is not made smaller than this to fit a path: below, it is the path that is split. */
const MIN_TCP_BYTES = 256;

/** How a super-frame is to be cut; one object is used again and again. */
export interface Cut {
  readonly layout: Layout;
  /** Ethernet to TCP or UDP headers, copied into each segment; 0 for a frame that is no super-frame. */
  headerBytes: number;
  /** Payload of each segment but the last. */
  payloadBytes: number;
  lastPayloadBytes: number;
  /** 1 .. MAX_SEGMENTS */
  count: number;
  /** A full segment's message; more than the room when it must be split. */
  messageBytes: number;
}

export const emptyCut = (): Cut => ({
  layout: emptyLayout(),
  headerBytes: 0,
  payloadBytes: 0,
  lastPayloadBytes: 0,
  count: 0,
  messageBytes: 0,
});

export type CutFault = LayoutFault | 'segments' | 'frame-long';

/**
 * Decides how to cut the frame at `at` (its virtio header, which is made exact for the way) and says so in `cut`.
 * @param roomBytes the largest message that one datagram of the path holds
 */
export function planCut(
  b: Uint8Array,
  v: DataView,
  at: number,
  end: number,
  roomBytes: number,
  cut: Cut,
): CutFault | undefined {
  const { layout } = cut;
  const fault = readLayout(b, v, at, end, layout);
  if (fault !== undefined) return fault;
  const frame = at + VIRTIO_BYTES;
  if (layout.gsoType === GSO.none) return planWhole(v, at, end, cut);
  const headerBytes = layout.payload - frame;
  const payload = end - layout.payload;
  cut.headerBytes = headerBytes;
  cut.payloadBytes = Math.min(layout.gsoBytes, payload);
  const room = roomBytes - SEGMENT.ethernet - headerBytes;
  // TCP minds no other segment size; a UDP datagram's borders are its meaning.
  if (layout.isTcp && cut.payloadBytes > room && room >= MIN_TCP_BYTES) cut.payloadBytes = room;
  cut.count = Math.ceil(payload / cut.payloadBytes);
  cut.lastPayloadBytes = payload - (cut.count - 1) * cut.payloadBytes;
  cut.messageBytes = SEGMENT.ethernet + headerBytes + cut.payloadBytes;
  if (cut.messageBytes > MAX_MESSAGE_BYTES) return 'frame-long';
  if (cut.count > MAX_SEGMENTS) return 'segments';
  v.setUint16(at + VIRTIO.headerBytes, headerBytes, true);
  if (cut.count > 1) v.setUint16(at + VIRTIO.gsoBytes, cut.payloadBytes, true);
  return undefined;
}

function planWhole(v: DataView, at: number, end: number, cut: Cut): CutFault | undefined {
  v.setUint32(at + VIRTIO.headerBytes, 0, true); // header and gso size mean nothing here
  cut.headerBytes = 0;
  cut.payloadBytes = cut.lastPayloadBytes = end - at - VIRTIO_BYTES;
  cut.count = 1;
  cut.messageBytes = SEGMENT.ethernet + cut.payloadBytes;
  return cut.messageBytes > MAX_MESSAGE_BYTES ? 'frame-long' : undefined;
}

/** Length of segment `index`'s message, bytes. */
export const messageBytes = (cut: Cut, index: number): number =>
  index === cut.count - 1 ? SEGMENT.ethernet + cut.headerBytes + cut.lastPayloadBytes : cut.messageBytes;

/**
 * Writes a segment's message but for its payload.
 * @param source of the super-frame's virtio header. @param target of the message; nothing to copy where they already meet
 */
export function writeHeaders(
  b: Uint8Array,
  v: DataView,
  cut: Cut,
  source: number,
  target: number,
  vni: number,
  frame: number,
  index: number,
): void {
  writeSegmentHeader(v, target, vni, frame, index, index === cut.count - 1);
  const virtio = target + SEGMENT.virtio;
  if (virtio !== source) b.copyWithin(virtio, source, source + VIRTIO_BYTES + cut.headerBytes);
}

/** Copies a segment's payload to where its message wants it. */
export function copyPayload(b: Uint8Array, cut: Cut, source: number, target: number, index: number): void {
  const from = source + VIRTIO_BYTES + cut.headerBytes + index * cut.payloadBytes;
  const length = index === cut.count - 1 ? cut.lastPayloadBytes : cut.payloadBytes;
  b.copyWithin(target + SEGMENT.ethernet + cut.headerBytes, from, from + length);
}
