// A model of the wire: what the kernel makes of a super-frame when it must send it as frames of the network's MTU, each with its
// checksums made. Two super-frames are the same when this gives the same frames. Written without the code it judges.
import fc from 'fast-check';

/** A frame with its virtio header before it. */
export interface SuperFrame {
  readonly bytes: Uint8Array;
  /** Offsets from the virtio header. 0 for a frame that is no super-frame. */
  readonly ip: number;
  readonly transport: number;
  readonly payload: number;
  readonly gsoBytes: number;
  readonly isTcp: boolean;
  readonly isIpv6: boolean;
}

const VIRTIO = 10;

/** One's complement sum over bytes, an odd one padded. */
function sum(bytes: Uint8Array, seed = 0): number {
  let total = seed;
  for (let i = 0; i < bytes.length; i += 2) total += (bytes[i]! << 8) | (bytes[i + 1] ?? 0);
  while (total > 0xffff) total = (total & 0xffff) + Math.floor(total / 0x10000);
  return total;
}

const put16 = (b: Uint8Array, at: number, n: number): void => void b.set([(n >>> 8) & 255, n & 255], at);
const get16 = (b: Uint8Array, at: number): number => b[at]! * 256 + b[at + 1]!;

function pseudoSum(b: Uint8Array, f: Pick<SuperFrame, 'ip' | 'isIpv6' | 'isTcp'>, transportBytes: number): number {
  const addresses = f.isIpv6 ? b.subarray(f.ip + 8, f.ip + 40) : b.subarray(f.ip + 12, f.ip + 20);
  return sum(addresses, transportBytes + (f.isTcp ? 6 : 17));
}

/** What is on the wire in the end: complete frames without a virtio header. */
export function onTheWire(frame: Uint8Array, ip: number, transport: number, isIpv6: boolean): string[] {
  const gsoType = frame[1]! & 0x7f;
  const isTcp = gsoType === 1 || gsoType === 4 || (gsoType === 0 && frame[8] === 16);
  const needsChecksum = (frame[0]! & 1) === 1;
  if (!needsChecksum) return [hex(frame.subarray(VIRTIO))];
  const f = { ip, isIpv6, isTcp };
  const payload = isTcp ? transport + (frame[transport + 12]! >> 4) * 4 : transport + 8;
  const gso = gsoType === 0 ? Math.max(1, frame.length - payload) : frame[4]! + frame[5]! * 256;
  const count = Math.max(1, Math.ceil((frame.length - payload) / gso));
  return Array.from({ length: count }, (_, i) =>
    hex(withoutId(segment(frame, f, transport, payload, gso, i, count), ip, isIpv6)),
  );
}

function segment(
  frame: Uint8Array,
  f: Pick<SuperFrame, 'ip' | 'isIpv6' | 'isTcp'>,
  transport: number,
  payload: number,
  gso: number,
  i: number,
  count: number,
): Uint8Array {
  const body = frame.subarray(payload + i * gso, Math.min(frame.length, payload + (i + 1) * gso));
  const s = Uint8Array.from([...frame.subarray(0, payload), ...body]);
  const transportBytes = s.length - transport;
  if (f.isIpv6) put16(s, f.ip + 4, s.length - f.ip - 40);
  else {
    put16(s, f.ip + 2, s.length - f.ip);
    put16(s, f.ip + 4, get16(frame, f.ip + 4) + i);
    put16(s, f.ip + 10, 0);
    put16(s, f.ip + 10, ~sum(s.subarray(f.ip, transport)));
  }
  const checksum = transport + (f.isTcp ? 16 : 6);
  if (f.isTcp) {
    new DataView(s.buffer).setUint32(transport + 4, new DataView(s.buffer).getUint32(transport + 4) + i * gso);
    if (i < count - 1) s[transport + 13]! &= 0xf6;
    if (i > 0) s[transport + 13]! &= 0x7f;
  } else put16(s, transport + 4, transportBytes);
  // The partial checksum must be right, or the kernel's would be wrong as well.
  const partial = count === 1 ? get16(frame, checksum) : pseudoSum(s, f, transportBytes);
  put16(s, checksum, 0);
  put16(s, checksum, ~sum(s.subarray(transport), partial));
  return s.subarray(VIRTIO);
}

/** The identification of a datagram that is never fragmented means nothing (RFC 6864), and need not be kept. */
function withoutId(frame: Uint8Array, ip: number, isIpv6: boolean): Uint8Array {
  const b = frame.slice();
  const at = ip - VIRTIO;
  if (!isIpv6 && b[at + 9] === 17 && get16(b, at + 6) === 0x4000) {
    put16(b, at + 4, 0);
    put16(b, at + 10, 0);
  }
  return b;
}

const hex = (b: Uint8Array): string => Buffer.from(b).toString('hex');

const ETHER = { v4: [0x08, 0x00], v6: [0x86, 0xdd] } as const;

interface Shape {
  readonly isIpv6: boolean;
  readonly isTcp: boolean;
  readonly tags: number;
  readonly options: number;
  readonly extension: boolean;
  readonly gsoBytes: number;
  readonly payloadBytes: number;
  readonly flags: number;
  readonly seed: number;
}

/** A super-frame as a kernel hands it to a TAP. */
export function superFrame(s: Shape): SuperFrame {
  const ethernet = [
    2,
    0,
    0,
    0,
    0,
    1,
    2,
    0,
    0,
    0,
    0,
    2,
    ...Array.from({ length: s.tags }, () => [0x81, 0, 0, 7]).flat(),
  ];
  const ip = VIRTIO + ethernet.length + 2;
  const extension = s.isIpv6 && s.extension ? [s.isTcp ? 6 : 17, 0, 1, 4, 0, 0, 0, 0] : [];
  const optionBytes = s.isTcp ? s.options * 4 : 0;
  const transportBytes = (s.isTcp ? 20 + optionBytes : 8) + s.payloadBytes;
  const transport = ip + (s.isIpv6 ? 40 : 20) + extension.length;
  const bytes = new Uint8Array(transport + transportBytes);
  const v = new DataView(bytes.buffer);
  for (let i = ip; i < bytes.length; i++) bytes[i] = (i * 31 + s.seed * 7) & 255;
  const type = s.isTcp ? (s.isIpv6 ? 4 : 1) | (s.flags & 0x80 ? 0x80 : 0) : 5;
  bytes.set([1, type]);
  v.setUint16(2, transport, true); // skb_headlen, which is not always the headers
  v.setUint16(4, s.gsoBytes, true);
  v.setUint16(6, transport - VIRTIO, true);
  v.setUint16(8, s.isTcp ? 16 : 6, true);
  bytes.set([...ethernet, ...(s.isIpv6 ? ETHER.v6 : ETHER.v4)], VIRTIO);
  const isTcp = s.isTcp;
  const frame = {
    bytes,
    ip,
    transport,
    payload: bytes.length - s.payloadBytes,
    gsoBytes: s.gsoBytes,
    isTcp,
    isIpv6: s.isIpv6,
  };
  if (s.isIpv6) {
    bytes[ip] = 0x60;
    put16(bytes, ip + 4, bytes.length - ip - 40);
    bytes[ip + 6] = extension.length > 0 ? 60 : isTcp ? 6 : 17;
    bytes.set(extension, ip + 40);
  } else {
    bytes[ip] = 0x45;
    put16(bytes, ip + 2, bytes.length - ip);
    put16(bytes, ip + 6, 0x4000);
    bytes[ip + 9] = isTcp ? 6 : 17;
    put16(bytes, ip + 10, 0);
    put16(bytes, ip + 10, ~sum(bytes.subarray(ip, transport)));
  }
  if (isTcp) bytes.set([((20 + optionBytes) / 4) << 4, s.flags], transport + 12);
  else put16(bytes, transport + 4, transportBytes);
  put16(bytes, transport + (isTcp ? 16 : 6), pseudoSum(bytes, frame, transportBytes));
  return frame;
}

const plain = { noNullPrototype: true };

/** Any super-frame of TCP or UDP, IPv4 or IPv6, tagged or not. */
export const anySuperFrame: fc.Arbitrary<SuperFrame> = fc
  .record(
    {
      isIpv6: fc.boolean(),
      isTcp: fc.boolean(),
      tags: fc.nat(2),
      options: fc.nat(10),
      extension: fc.boolean(),
      gsoBytes: fc.integer({ min: 48, max: 1_400 }),
      segments: fc.integer({ min: 1, max: 12 }),
      tail: fc.nat(1_000),
      flags: fc.nat(255),
      seed: fc.nat(),
    },
    plain,
  )
  .map(({ segments, tail, ...s }) =>
    superFrame({ ...s, payloadBytes: Math.max(1, s.gsoBytes * segments - (tail % s.gsoBytes)) }),
  );

/** Lone UDP datagrams in a row, as a program sends them one by one: most of one size. */
export const anyDatagrams: fc.Arbitrary<SuperFrame[]> = fc
  .record(
    {
      isIpv6: fc.boolean(),
      bytes: fc.integer({ min: 1, max: 600 }),
      odd: fc.array(fc.nat(9), { maxLength: 12 }),
      seed: fc.nat(),
    },
    plain,
  )
  .map(({ isIpv6, bytes, odd, seed }) =>
    odd.map((n, i) => {
      const payloadBytes = n === 0 ? bytes + 1 : bytes;
      const shape = {
        isIpv6,
        isTcp: false,
        tags: 0,
        options: 0,
        extension: false,
        flags: 0,
        gsoBytes: 0,
        payloadBytes,
        seed: n === 1 ? seed + 1 : seed, // of another flow
      };
      const frame = superFrame(shape);
      frame.bytes[1] = 0;
      frame.bytes.fill(i, frame.payload); // each its own payload
      return frame;
    }),
  );

/** Any other frame: ARP, a small packet, one whose checksum is made. */
export const anyFrame: fc.Arbitrary<SuperFrame> = fc
  .uint8Array({ minLength: 14, maxLength: 1_500 })
  .map((ethernet) => ({
    bytes: Uint8Array.from([...new Uint8Array(VIRTIO), ...ethernet]),
    ip: 0,
    transport: 0,
    payload: 0,
    gsoBytes: 0,
    isTcp: false,
    isIpv6: false,
  }));
