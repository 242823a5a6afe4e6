// Where the headers of a super-frame lie. The virtio header says so too, but it may be a container's invention (AF_PACKET
// takes one from its user), so everything is read from the frame and held against it.
import { VIRTIO_BYTES } from '../wire/message.js';

/** struct virtio_net_hdr, linux/virtio_net.h; little-endian here (TUNSETVNETLE). */
export const VIRTIO = { flags: 0, gsoType: 1, headerBytes: 2, gsoBytes: 4, csumStart: 6, csumOffset: 8 } as const;
export const NEEDS_CSUM = 1;
export const GSO = { none: 0, tcp4: 1, tcp6: 4, udp: 5, ecn: 0x80 } as const;

const MAC_BYTES = 12;
const VLAN_BYTES = 4;
const MAX_TAGS = 2; // IEEE 802.1ad
const ETHERTYPE = { ipv4: 0x0800, ipv6: 0x86dd, vlan: 0x8100, serviceVlan: 0x88a8 } as const;
const PROTOCOL = { tcp: 6, udp: 17 } as const;
const IPV6_BYTES = 40;
const DONT_FRAGMENT = 0x4000;
/** Hop-by-hop, routing, destination options: RFC 8200 §4.1. A fragment is never a super-frame. */
const IPV6_EXTENSIONS: ReadonlySet<number> = new Set([0, 43, 60]);
const MAX_EXTENSIONS = 8;
const UDP_BYTES = 8;
const TCP_MIN_BYTES = 20;

/** Offsets into the memory that the frame lies in; one object is used again and again. */
export interface Layout {
  /** gso_type without the ECN bit. */
  gsoType: number;
  isIpv6: boolean;
  isTcp: boolean;
  /** Of the IP header, the TCP or UDP header, and the payload. */
  ip: number;
  transport: number;
  payload: number;
  /** Payload of each segment but the last, bytes. */
  gsoBytes: number;
}

export const emptyLayout = (): Layout => ({
  gsoType: 0,
  isIpv6: false,
  isTcp: false,
  ip: 0,
  transport: 0,
  payload: 0,
  gsoBytes: 0,
});

export type LayoutFault = 'frame-short' | 'virtio' | 'gso-headers';

/**
 * Reads a virtio header and the frame behind it. For a frame that is no super-frame only `gsoType` is set.
 * @param at of the virtio header. @param end of the frame
 */
export function readLayout(b: Uint8Array, v: DataView, at: number, end: number, out: Layout): LayoutFault | undefined {
  const frame = at + VIRTIO_BYTES;
  if (end - frame < MAC_BYTES + 2) return 'frame-short';
  const flags = b[at + VIRTIO.flags]!;
  const csumStart = v.getUint16(at + VIRTIO.csumStart, true);
  const csumOffset = v.getUint16(at + VIRTIO.csumOffset, true);
  if ((flags & NEEDS_CSUM) !== 0 && frame + csumStart + csumOffset + 2 > end) return 'virtio';
  out.gsoType = b[at + VIRTIO.gsoType]! & ~GSO.ecn;
  if (out.gsoType === GSO.none) return undefined;
  out.gsoBytes = v.getUint16(at + VIRTIO.gsoBytes, true);
  if ((flags & NEEDS_CSUM) === 0 || out.gsoBytes === 0) return 'virtio';
  const protocol = readIp(b, v, frame, end, out);
  if (protocol === undefined || !readTransport(b, end, protocol, out)) return 'gso-headers';
  const checksum = out.isTcp ? 16 : 6;
  return frame + csumStart === out.transport && csumOffset === checksum ? undefined : 'virtio';
}

/**
 * Is this frame a lone UDP datagram of which several in a row could be one super-frame? Its checksum is still to be made, its
 * lengths are exact, and it is never fragmented, so that its IPv4 identification means nothing (RFC 6864 §4.1).
 */
export function readLoneUdp(b: Uint8Array, v: DataView, at: number, end: number, out: Layout): boolean {
  const frame = at + VIRTIO_BYTES;
  if (b[at + VIRTIO.flags] !== NEEDS_CSUM || v.getUint16(at + VIRTIO.csumOffset, true) !== 6) return false;
  if (readIp(b, v, frame, end, out) !== PROTOCOL.udp || out.transport + UDP_BYTES >= end) return false;
  if (frame + v.getUint16(at + VIRTIO.csumStart, true) !== out.transport) return false;
  const { ip, transport } = out;
  const ipBytes = out.isIpv6 ? v.getUint16(ip + 4) + IPV6_BYTES : v.getUint16(ip + 2);
  const isAtomic = out.isIpv6 || v.getUint16(ip + 6) === DONT_FRAGMENT;
  out.isTcp = false;
  out.payload = transport + UDP_BYTES;
  out.gsoBytes = end - out.payload;
  return isAtomic && ip + ipBytes === end && v.getUint16(transport + 4) === end - transport;
}

/** @returns the transport protocol, once `ip`, `transport` and `isIpv6` are set */
function readIp(b: Uint8Array, v: DataView, frame: number, end: number, out: Layout): number | undefined {
  let type = frame + MAC_BYTES;
  for (let tags = 0; tags < MAX_TAGS && type + VLAN_BYTES + 2 <= end && isTag(v.getUint16(type)); tags++)
    type += VLAN_BYTES;
  const etherType = v.getUint16(type);
  const ip = type + 2;
  out.ip = ip;
  out.isIpv6 = etherType === ETHERTYPE.ipv6;
  if (out.isIpv6) return readIpv6(b, ip, end, out);
  if (etherType !== ETHERTYPE.ipv4 || ip + 20 > end || b[ip]! >> 4 !== 4) return undefined;
  const headerBytes = (b[ip]! & 15) * 4;
  out.transport = ip + headerBytes;
  const isFragment = (v.getUint16(ip + 6) & 0x3fff) !== 0; // more fragments, or an offset
  return headerBytes < 20 || isFragment ? undefined : b[ip + 9];
}

const isTag = (etherType: number): boolean => etherType === ETHERTYPE.vlan || etherType === ETHERTYPE.serviceVlan;

function readIpv6(b: Uint8Array, ip: number, end: number, out: Layout): number | undefined {
  if (ip + IPV6_BYTES > end || b[ip]! >> 4 !== 6) return undefined;
  let next = b[ip + 6]!;
  let at = ip + IPV6_BYTES;
  for (let i = 0; IPV6_EXTENSIONS.has(next); i++) {
    if (i === MAX_EXTENSIONS || at + 8 > end) return undefined;
    next = b[at]!;
    at += (b[at + 1]! + 1) * 8;
  }
  out.transport = at;
  return next;
}

/** Sets `payload` and `isTcp`. @returns does the frame have the headers that its gso type says, and payload? */
function readTransport(b: Uint8Array, end: number, protocol: number, out: Layout): boolean {
  out.isTcp = protocol === PROTOCOL.tcp;
  if (out.transport + (out.isTcp ? TCP_MIN_BYTES : UDP_BYTES) > end) return false;
  if (out.isTcp) {
    if (out.gsoType !== (out.isIpv6 ? GSO.tcp6 : GSO.tcp4)) return false;
    const headerBytes = (b[out.transport + 12]! >> 4) * 4;
    out.payload = out.transport + headerBytes;
    return headerBytes >= TCP_MIN_BYTES && out.payload < end;
  }
  out.payload = out.transport + UDP_BYTES;
  return protocol === PROTOCOL.udp && out.gsoType === GSO.udp && out.payload < end;
}
