// The two frames by which a host says "this address is mine now": gratuitous ARP and the unsolicited neighbour advertisement.
import { ipBytes, isIpv6, macBytes } from '../../../router/address.js';
import type { Ip, Mac } from '../../../router/types.js';

/** What tells everyone on the link that `ip` is at `mac`, in the family of `ip`; the frame's source is `mac`. */
export const announcement = (ip: Ip, mac: Mac): Uint8Array =>
  isIpv6(ip) ? unsolicitedNa(ip, mac) : gratuitousArp(ip, mac);

const ETHERNET_BYTES = 14;
const BROADCAST = Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff);
/** ff02::1, and its Ethernet address (RFC 2464 §7). */
const ALL_NODES = Uint8Array.of(0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1);
const ALL_NODES_MAC = Uint8Array.of(0x33, 0x33, 0, 0, 0, 1);

/** ARP announcement, RFC 826 with RFC 5227 §3: a request, for some hosts ignore replies they did not ask for.
 *    off len field
 *     14   2  hardware type  1
 *     16   2  protocol type  0x0800
 *     18   2  lengths        6, 4
 *     20   2  operation      1 request
 *     22   6  sender MAC     mac
 *     28   4  sender IP      ip
 *     32   6  target MAC     0
 *     38   4  target IP      ip                                                   */
export function gratuitousArp(ip: Ip, mac: Mac): Uint8Array {
  const b = ethernet(ETHERNET_BYTES + 28, BROADCAST, mac, 0x0806);
  b.set([0, 1, 0x08, 0, 6, 4, 0, 1], 14);
  b.set(macBytes(mac), 22);
  b.set(ipBytes(ip), 28);
  b.set(ipBytes(ip), 38);
  return b;
}

/** Unsolicited neighbour advertisement, RFC 4861 §4.4 and §7.2.6, to all nodes.
 *    off len field
 *     14  40  IPv6 header    next header 58, hop limit 255, source ip, destination ff02::1
 *     54   1  type           136
 *     55   1  code           0
 *     56   2  checksum       RFC 4443 §2.3
 *     58   1  flags          0x20 override: replace what the cache holds
 *     59   3  reserved       0
 *     62  16  target         ip
 *     78   2  option         2 target link-layer address, 1 unit of 8 bytes
 *     80   6  MAC            mac                                                  */
export function unsolicitedNa(ip: Ip, mac: Mac): Uint8Array {
  const b = ethernet(86, ALL_NODES_MAC, mac, 0x86dd);
  b.set([0x60, 0, 0, 0, 0, 32, 58, 255], 14);
  b.set(ipBytes(ip), 22);
  b.set(ALL_NODES, 38);
  b.set([136, 0, 0, 0, 0x20], 54);
  b.set(ipBytes(ip), 62);
  b.set([2, 1], 78);
  b.set(macBytes(mac), 80);
  new DataView(b.buffer).setUint16(56, icmp6Checksum(b.subarray(22, 54), b.subarray(54)));
  return b;
}

function ethernet(sizeBytes: number, dst: Uint8Array, src: Mac, etherType: number): Uint8Array {
  const b = new Uint8Array(sizeBytes);
  b.set(dst, 0);
  b.set(macBytes(src), 6);
  new DataView(b.buffer).setUint16(12, etherType);
  return b;
}

/** Over the pseudo-header of RFC 8200 §8.1. Both parts are of even length here. */
function icmp6Checksum(addresses: Uint8Array, message: Uint8Array): number {
  let sum = message.length + 58;
  for (const part of [addresses, message])
    for (let i = 0; i < part.length; i += 2) sum += (part[i]! << 8) | part[i + 1]!;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
