// Ethernet frames as a container could send them, true or forged. Each carries a mark where there is room, so that a capture
// can tell it from the kernel's own.
import { ipBytes, isIpv6, macBytes } from '../../router/address.js';
import type { Ip, Mac } from '../../router/types.js';

export const BROADCAST = 'ff:ff:ff:ff:ff:ff' as Mac;
const [IPV4, ARP, IPV6] = [0x0800, 0x0806, 0x86dd];

type Bytes = readonly number[] | Uint8Array;
const u16 = (n: number): number[] => [(n >> 8) & 255, n & 255];
const join = (...parts: readonly Bytes[]): Buffer => Buffer.concat(parts.map((part) => Buffer.from(part)));
const text = (words: string): Buffer => Buffer.from(words, 'latin1');

/** @param tags VLAN ids, the outermost first */
export const ethernet = (to: Mac, from: Mac, type: number, payload: Uint8Array, tags: readonly number[] = []): Buffer =>
  join(macBytes(to), macBytes(from), ...tags.map((vid) => [0x81, 0x00, ...u16(vid)]), u16(type), payload);

/** RFC 826. @param htype 1 is Ethernet */
export function arp(f: { op: 1 | 2; mac: Mac; ip: Ip; target: Ip; to?: Mac; from?: Mac; htype?: number }): Buffer {
  const { op, mac, ip, target, to = BROADCAST, from = mac, htype = 1 } = f;
  const head = [...u16(htype), ...u16(IPV4), 6, 4, ...u16(op)];
  return ethernet(to, from, ARP, join(head, macBytes(mac), ipBytes(ip), macBytes(to), ipBytes(target)));
}

/** UDP to the discard port, with the words in it. */
export function udp(f: {
  to: Mac;
  from: Mac;
  ip: Ip;
  target: Ip;
  words: string;
  port?: number;
  tags?: number[];
}): Buffer {
  const { to, from, ip, target, words, port = 9, tags } = f;
  const payload = text(words);
  const header = [...u16(port === 67 ? 68 : 4_000), ...u16(port), ...u16(8 + payload.length), 0, 0];
  return isIpv6(ip)
    ? ethernet(to, from, IPV6, ipv6(ip, target, 17, join(header, payload)), tags)
    : ethernet(to, from, IPV4, ipv4(ip, target, 17, join(header, payload)), tags);
}

/** RFC 4861 §4.3, §4.4; RFC 4862 §5.4.2 when it has no source. */
export function discovery(f: { type: number; mac: Mac; ip: Ip; target: Ip; to: Mac; toIp: Ip; from?: Mac }): Buffer {
  const { type, mac, ip, target, to, toIp, from = mac } = f;
  const option = ip === '::' ? [] : [type === 135 ? 1 : 2, 1, ...macBytes(mac)];
  const message = join([type, 0, 0, 0, type === 136 ? 0x20 : 0, 0, 0, 0], ipBytes(target), option);
  const pseudo = join(ipBytes(ip), ipBytes(toIp), [0, 0, ...u16(message.length), 0, 0, 0, 58], message);
  message.writeUInt16BE(checksum(pseudo), 2);
  return ethernet(to, from, IPV6, ipv6(ip, toIp, 58, message));
}

function ipv4(from: Ip, to: Ip, protocol: number, payload: Uint8Array): Buffer {
  const header = join(
    [0x45, 0, ...u16(20 + payload.length), 0, 0, 0, 0, 64, protocol, 0, 0],
    ipBytes(from),
    ipBytes(to),
  );
  header.writeUInt16BE(checksum(header), 10);
  return join(header, payload);
}

const ipv6 = (from: Ip, to: Ip, next: number, payload: Uint8Array): Buffer =>
  join([0x60, 0, 0, 0, ...u16(payload.length), next, 255], ipBytes(from), ipBytes(to), payload);

/** RFC 1071. */
function checksum(b: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < b.length; i += 2) sum += (b[i]! << 8) | (b[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return ~sum & 0xffff;
}
