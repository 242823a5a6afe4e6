// The sleeve's UDP sockets: one for each address family, unbound to a peer, with room for a burst.
import { bindSocket, closeFd, openSocket, setSocketOption } from '../../syscalls.js';
import type { FastPart } from '../fast-path.js';
import { getOption } from './io.js';
import type { Memory } from './memory.js';

const AF = { v4: 2, v6: 10 } as const;
const SOCK_DGRAM = 2;
const SOL_SOCKET = 1;
const SO_SNDBUF = 7;
const SO_RCVBUF = 8;
const SO_SNDBUFFORCE = 32;
const SO_RCVBUFFORCE = 33;
const SO_MEMINFO = 55;
const MEMINFO_DROPS = 8; // SK_MEMINFO_DROPS, linux/sock_diag.h
const IPPROTO_IP = 0;
const IPPROTO_IPV6 = 41;
const SOL_UDP = 17;
const IP_MTU_DISCOVER = 10;
const IPV6_MTU_DISCOVER = 23;
const IPV6_V6ONLY = 26;
const PMTUDISC_PROBE = 3; // don't fragment, and do not believe what ICMP says
export const UDP_SEGMENT = 103;
export const UDP_GRO = 104;
/** Weave's loss at speed was the default of 208 KiB and nothing else. */
export const BUFFER_BYTES = 8 << 20;

export type Family = keyof typeof AF;
/** struct sockaddr_in and sockaddr_in6 */
export const SOCKADDR_BYTES = { v4: 16, v6: 28 } as const;

export interface UdpSocket {
  readonly fd: number;
  readonly family: Family;
  /** Does the kernel join what it receives (UDP_GRO, Linux 5.0), and cut what is sent (UDP_SEGMENT, Linux 4.18)? */
  readonly hasGro: boolean;
  readonly hasGso: boolean;
}

/**
 * @param address of 4 or 16 bytes, zeros for any. @param without what is not to be used though it is there
 * @throws SyscallError EADDRINUSE, EAFNOSUPPORT, EADDRNOTAVAIL
 */
export function openUdp(
  family: Family,
  address: Uint8Array,
  port: number,
  without: readonly FastPart[] = [],
): UdpSocket {
  const fd = openSocket(AF[family], SOCK_DGRAM, 0);
  try {
    if (family === 'v6') setSocketOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    bindSocket(fd, sockaddr(family, address, port));
  } catch (error) {
    closeFd(fd);
    throw error;
  }
  if (!without.includes('socket-buffer')) enlargeBuffers(fd);
  if (family === 'v4') setSocketOption(fd, IPPROTO_IP, IP_MTU_DISCOVER, PMTUDISC_PROBE);
  else setSocketOption(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, PMTUDISC_PROBE);
  const hasGro = !without.includes('udp-gro') && setSocketOption(fd, SOL_UDP, UDP_GRO, 1) === 0;
  // 0: as each message says
  const hasGso = !without.includes('udp-segment') && setSocketOption(fd, SOL_UDP, UDP_SEGMENT, 0) === 0;
  return { fd, family, hasGro, hasGso };
}

function enlargeBuffers(fd: number): void {
  if (setSocketOption(fd, SOL_SOCKET, SO_RCVBUFFORCE, BUFFER_BYTES) < 0)
    setSocketOption(fd, SOL_SOCKET, SO_RCVBUF, BUFFER_BYTES);
  if (setSocketOption(fd, SOL_SOCKET, SO_SNDBUFFORCE, BUFFER_BYTES) < 0)
    setSocketOption(fd, SOL_SOCKET, SO_SNDBUF, BUFFER_BYTES);
}

/** @returns a sockaddr_in or sockaddr_in6 */
export function sockaddr(family: Family, address: Uint8Array, port: number): Uint8Array {
  const bytes = new Uint8Array(SOCKADDR_BYTES[family]);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, AF[family], true);
  view.setUint16(2, port);
  bytes.set(address, family === 'v4' ? 4 : 8);
  return bytes;
}

/** The other way: what recvmsg left at `at`. */
export function readSockaddr(b: Uint8Array, v: DataView, at: number): { address: Uint8Array; port: number } {
  const isV4 = v.getUint16(at, true) === AF.v4;
  const from = at + (isV4 ? 4 : 8);
  return { address: b.slice(from, from + (isV4 ? 4 : 16)), port: v.getUint16(at + 2) };
}

/** Do two sockaddrs name the same address and port? The flow label and the scope of IPv6 do not count. */
export function sameEndpoint(b: Uint8Array, x: number, y: number): boolean {
  const isV4 = b[x] === AF.v4;
  return sameRange(b, x, y, 4) && (isV4 ? sameRange(b, x + 4, y + 4, 4) : sameRange(b, x + 8, y + 8, 16));
}

function sameRange(b: Uint8Array, x: number, y: number, length: number): boolean {
  for (let i = 0; i < length; i++) if (b[x + i] !== b[y + i]) return false;
  return true;
}

/** How much the socket may hold of what was not read yet, by the kernel's own count: bytes. */
export function receiveBuffer(memory: Memory, scratch: number, fd: number): number {
  const { view, base } = memory;
  view.setUint32(scratch, 4, true);
  view.setUint32(scratch + 4, 0, true);
  getOption(fd, SOL_SOCKET, SO_RCVBUF, base + scratch + 4, base + scratch);
  return view.getUint32(scratch + 4, true);
}

/** How many datagrams the kernel dropped because the socket's buffer was full. 0 where it does not say (before 4.12). */
export function socketDrops(memory: Memory, scratch: number, fd: number): number {
  const { view, base } = memory;
  view.setUint32(scratch, 36, true);
  view.setUint32(scratch + 4 + MEMINFO_DROPS * 4, 0, true);
  getOption(fd, SOL_SOCKET, SO_MEMINFO, base + scratch + 4, base + scratch);
  return view.getUint32(scratch + 4 + MEMINFO_DROPS * 4, true);
}
