// What a flood sends: IPv4 frames to a router's ports, whose source is written anew each time that they are sent.
import { randomBytes, randomInt } from 'node:crypto';
import { ipBytes, macBytes } from '../../../router/address.js';
import type { Ip, Mac } from '../../../router/types.js';

export type Port = 'streams' | 'datagrams' | 'sleeve' | 'vxlan';

export interface Target {
  readonly mac: Mac;
  readonly ip: Ip;
  /** Of its control plane; the sleeve's and the vxlan's are the next two. */
  readonly port: number;
}

const OFFSET: Readonly<Record<Port, number>> = { streams: 0, datagrams: 0, sleeve: 1, vxlan: 2 };
const [ETHERNET, IP, TCP_BYTES, UDP_BYTES] = [14, 20, 20, 8];
const [TCP, UDP] = [6, 17];
const [SYN, PSH_ACK, ACK] = [0x02, 0x18, 0x10];
const SOURCE_AT = ETHERNET + 12;
const FROM = '02:66:6c:6f:6f:64' as Mac;

/** @param recorded payloads that were genuine once. @returns some hundreds: garbage, halves of handshakes, and what was recorded */
export function attackFrames(at: Port, target: Target, recorded: readonly Uint8Array[]): readonly Buffer[] {
  const port = target.port + OFFSET[at];
  return Array.from({ length: 512 }, (_, n) => {
    const replay = recorded.length === 0 ? randomBytes(120) : Buffer.from(recorded[n % recorded.length]!);
    const garbage = randomBytes(randomInt(1, 400));
    if (at !== 'streams') return frame(target, UDP, udp(port, n % 2 === 0 ? garbage : replay));
    const segments = [tcp(port, SYN), tcp(port, SYN), tcp(port, PSH_ACK, replay), tcp(port, ACK, garbage)];
    return frame(target, TCP, segments[n % segments.length]!);
  });
}

/** From now on it comes from there. @param source 32 bits */
export function comeFrom(b: Buffer, source: number): void {
  b.writeUInt32BE(source, SOURCE_AT);
  b.writeUInt16BE(0, ETHERNET + 10);
  b.writeUInt16BE(fold(sum(b, ETHERNET, ETHERNET + IP)), ETHERNET + 10);
  if (b[ETHERNET + 9] !== TCP) return; // UDP over IPv4 needs no checksum: RFC 768
  b.writeUInt16BE(0, ETHERNET + IP + 16);
  const length = b.length - ETHERNET - IP;
  b.writeUInt16BE(fold(sum(b, SOURCE_AT, b.length) + TCP + length), ETHERNET + IP + 16);
}

function frame(target: Target, protocol: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(ETHERNET + IP);
  head.set(macBytes(target.mac));
  head.set(macBytes(FROM), 6);
  head.writeUInt16BE(0x0800, 12);
  head.set([0x45, 0, 0, 0, 0, 0, 0, 0, 64, protocol], ETHERNET);
  head.writeUInt16BE(IP + payload.length, ETHERNET + 2);
  head.set(ipBytes(target.ip), SOURCE_AT + 4);
  return Buffer.concat([head, payload]);
}

function udp(port: number, payload: Uint8Array): Buffer {
  const b = Buffer.alloc(UDP_BYTES + payload.length);
  b.writeUInt16BE(randomInt(1_024, 65_536), 0);
  b.writeUInt16BE(port, 2);
  b.writeUInt16BE(b.length, 4);
  b.set(payload, UDP_BYTES);
  return b;
}

/** RFC 9293 §3.1. */
function tcp(port: number, flags: number, payload: Uint8Array = new Uint8Array()): Buffer {
  const b = Buffer.alloc(TCP_BYTES + payload.length);
  b.writeUInt16BE(randomInt(1_024, 65_536), 0);
  b.writeUInt16BE(port, 2);
  b.set(randomBytes(8), 4);
  b.set([5 << 4, flags, 0xff, 0xff], 12);
  b.set(payload, TCP_BYTES);
  return b;
}

/** RFC 1071, not yet folded. */
function sum(b: Buffer, from: number, to: number): number {
  let total = 0;
  for (let at = from; at + 1 < to; at += 2) total += b.readUInt16BE(at);
  return (to - from) % 2 === 0 ? total : total + (b[to - 1]! << 8);
}

function fold(total: number): number {
  let rest = total;
  while (rest > 0xffff) rest = (rest & 0xffff) + Math.floor(rest / 0x10000);
  return ~rest & 0xffff;
}
