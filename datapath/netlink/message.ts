// Netlink messages and attributes, linux/netlink.h: host-endian, every message and attribute padded to 4 bytes. All padding
// is done here. What reads never throws: bytes that do not add up end the walk, and the walk says so.
//
//    off len field                        off len field
//     0   4  length  header included        0   2  length  header included, padding not
//     4   2  type                           2   2  type    the two top bits are flags
//     6   2  flags                          4   …  value
//     8   4  sequence
//    12   4  portid  0 from the kernel, or who asked
import { NLA_TYPE_MASK, NLM_F_ACK_TLVS, NLM_F_CAPPED, NLMSGERR_ATTR_MSG } from './constants.js';

export const HEADER_BYTES = 16;
const ATTR_HEADER_BYTES = 4;
/** Is the host little-endian? */
export const LE = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

export const align4 = (n: number): number => (n + 3) & ~3;

/** A message inside a buffer: its payload is `[at, end)`. Valid until the buffer is filled again. */
export interface NetlinkMessage {
  readonly type: number;
  readonly flags: number;
  readonly seq: number;
  readonly view: DataView;
  readonly at: number;
  readonly end: number;
}

export const viewOf = (b: Uint8Array): DataView => new DataView(b.buffer, b.byteOffset, b.byteLength);

/** Visits the messages in the first `length` bytes. @returns false if the last one was cut or garbled */
export function visitMessages(view: DataView, length: number, visit: (m: NetlinkMessage) => void): boolean {
  const limit = Math.min(length, view.byteLength);
  let at = 0;
  while (limit - at >= HEADER_BYTES) {
    const size = view.getUint32(at, LE);
    if (size < HEADER_BYTES || size > limit - at) return false;
    visit({
      type: view.getUint16(at + 4, LE),
      flags: view.getUint16(at + 6, LE),
      seq: view.getUint32(at + 8, LE),
      view,
      at: at + HEADER_BYTES,
      end: at + size,
    });
    at += align4(size);
  }
  return at >= limit;
}

/** Visits the attributes in `[at, end)`: the value is `[valueAt, valueAt + length)`. Stops at one that does not fit. */
export function visitAttrs(
  view: DataView,
  at: number,
  end: number,
  visit: (type: number, valueAt: number, length: number) => void,
): void {
  const limit = Math.min(end, view.byteLength);
  for (let a = at; limit - a >= ATTR_HEADER_BYTES;) {
    const size = view.getUint16(a, LE);
    if (size < ATTR_HEADER_BYTES || size > limit - a) return;
    visit(view.getUint16(a + 2, LE) & NLA_TYPE_MASK, a + ATTR_HEADER_BYTES, size - ATTR_HEADER_BYTES);
    a += align4(size);
  }
}

/** The bytes `[at, at + length)` of a view, not copied. */
export const bytesAt = (view: DataView, at: number, length: number): Uint8Array =>
  new Uint8Array(view.buffer, view.byteOffset + at, length);

const utf8 = new TextDecoder(); // replaces what is not UTF-8

/** A C string: ends at its NUL or at `length`. */
export function stringAt(view: DataView, at: number, length: number): string {
  const b = bytesAt(view, at, length);
  const nul = b.indexOf(0);
  return utf8.decode(nul < 0 ? b : b.subarray(0, nul));
}

export const u8At = (view: DataView, at: number, length: number): number | undefined =>
  length >= 1 ? view.getUint8(at) : undefined;

export const u32At = (view: DataView, at: number, length: number): number | undefined =>
  length >= 4 ? view.getUint32(at, LE) : undefined;

/** Network order, as ports are. */
export const be16At = (view: DataView, at: number, length: number): number | undefined =>
  length >= 2 ? view.getUint16(at, false) : undefined;

/** A whole message. @param payload is padded to 4 bytes if need be */
export function encodeMessage(type: number, flags: number, seq: number, payload: Uint8Array): Uint8Array {
  const b = new Uint8Array(HEADER_BYTES + align4(payload.length));
  const view = viewOf(b);
  view.setUint32(0, b.length, LE);
  view.setUint16(4, type, LE);
  view.setUint16(6, flags, LE);
  view.setUint32(8, seq, LE);
  b.set(payload, HEADER_BYTES);
  return b;
}

/** One attribute with its padding. */
export function encodeAttr(type: number, value: Uint8Array): Uint8Array {
  const b = new Uint8Array(align4(ATTR_HEADER_BYTES + value.length));
  const view = viewOf(b);
  view.setUint16(0, ATTR_HEADER_BYTES + value.length, LE);
  view.setUint16(2, type, LE);
  b.set(value, ATTR_HEADER_BYTES);
  return b;
}

export const u32Bytes = (n: number): Uint8Array => new Uint8Array(Uint32Array.of(n).buffer);

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const b = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    b.set(part, at);
    at += part.length;
  }
  return b;
}

/** What an NLMSG_ERROR or NLMSG_DONE says: `errno` 0 is an ACK, else positive; `sentence` is the kernel's own, or empty. */
export interface Outcome {
  readonly errno: number;
  readonly sentence: string;
}

/** struct nlmsgerr: s32 -errno, the request's header, its payload unless NLM_F_CAPPED, then attributes (NLM_F_ACK_TLVS). */
export function decodeError(m: NetlinkMessage): Outcome {
  if (m.end - m.at < 4) return { errno: 71, sentence: 'a reply too short to read' }; // EPROTO
  const errno = -m.view.getInt32(m.at, LE);
  let sentence = '';
  if ((m.flags & NLM_F_ACK_TLVS) !== 0 && m.end - m.at >= 4 + HEADER_BYTES) {
    const whole = Math.min(m.view.getUint32(m.at + 4, LE), m.end - m.at); // align4 is for 31 bits
    const request = (m.flags & NLM_F_CAPPED) !== 0 ? HEADER_BYTES : align4(whole);
    visitAttrs(m.view, m.at + 4 + request, m.end, (type, at, length) => {
      if (type === NLMSGERR_ATTR_MSG) sentence = stringAt(m.view, at, length);
    });
  }
  return { errno, sentence };
}

/** NLMSG_DONE: s32 -errno, then attributes. */
export function decodeDone(m: NetlinkMessage): Outcome {
  if (m.end - m.at < 4) return { errno: 0, sentence: '' };
  let sentence = '';
  visitAttrs(m.view, m.at + 4, m.end, (type, at, length) => {
    if (type === NLMSGERR_ATTR_MSG) sentence = stringAt(m.view, at, length);
  });
  return { errno: -m.view.getInt32(m.at, LE), sentence };
}
