// Makes the headers of a super-frame fit a part of it: what the kernel's own segmentation would have written there
// (net/ipv4/tcp_offload.c tcp_gso_segment, udp_offload.c __udp_gso_segment, af_inet.c inet_gso_segment).
import { GSO, VIRTIO, type Layout } from './layout.js';

const FIN_PSH = 0x09;
const CWR = 0x80;
const IPV6_BYTES = 40;

/** A run of consecutive segments of one super-frame. */
export interface Run {
  /** Index of its first segment. */
  readonly first: number;
  /** Payload of all, bytes. */
  readonly payloadBytes: number;
  /** Does it hold the super-frame's last segment? */
  readonly hasLast: boolean;
}

/** @param at of the virtio header of the run's first segment, which is rewritten with all headers behind it */
export function mend(b: Uint8Array, v: DataView, at: number, layout: Layout, run: Run): void {
  const { ip, transport, payload, gsoBytes, isTcp } = layout;
  const bytesBefore = layout.isIpv6
    ? v.getUint16(ip + 4) + ip + IPV6_BYTES - transport
    : v.getUint16(ip + 2) + ip - transport;
  const bytesNow = payload - transport + run.payloadBytes;
  if (layout.isIpv6) v.setUint16(ip + 4, transport - ip - IPV6_BYTES + bytesNow);
  else mendIpv4(v, ip, transport - ip, bytesNow, run.first);
  if (isTcp) mendTcp(b, v, at, transport, run, gsoBytes);
  else v.setUint16(transport + 4, bytesNow);
  // A partial checksum is the sum of the pseudo header, in which only the length changes: RFC 1624.
  const checksum = transport + (isTcp ? 16 : 6);
  v.setUint16(checksum, fold(v.getUint16(checksum) + (~bytesBefore & 0xffff) + bytesNow));
  if (run.payloadBytes > gsoBytes) return;
  b[at + VIRTIO.gsoType] = GSO.none;
  v.setUint32(at + VIRTIO.headerBytes, 0, true);
}

function mendIpv4(v: DataView, ip: number, headerBytes: number, transportBytes: number, first: number): void {
  v.setUint16(ip + 2, headerBytes + transportBytes);
  v.setUint16(ip + 4, v.getUint16(ip + 4) + first);
  v.setUint16(ip + 10, 0);
  v.setUint16(ip + 10, ~fold(sum16(v, ip, headerBytes)));
}

function mendTcp(b: Uint8Array, v: DataView, at: number, tcp: number, run: Run, gsoBytes: number): void {
  v.setUint32(tcp + 4, v.getUint32(tcp + 4) + run.first * gsoBytes);
  if (!run.hasLast) b[tcp + 13]! &= ~FIN_PSH;
  if (run.first === 0) return;
  b[tcp + 13]! &= ~CWR;
  b[at + VIRTIO.gsoType]! &= ~GSO.ecn;
}

/** The sum of 16-bit words, RFC 1071; `length` is even. */
function sum16(v: DataView, at: number, length: number): number {
  let sum = 0;
  for (let i = 0; i < length; i += 2) sum += v.getUint16(at + i);
  return sum;
}

const fold = (sum: number): number => {
  const once = (sum & 0xffff) + (sum >>> 16);
  return (once & 0xffff) + (once >>> 16);
};
