// Parsing and formatting of addresses, the one file behind which `ipaddr.js` is used.
import ipaddr from 'ipaddr.js';
import type { Cidr, EndpointId, Ip, Mac, NetworkName, PeerId, SocketAddress, Vni } from './types.js';

const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/;
/** As RFC 5952 writes `fe80::/64` when the fifth group is not zero: the three before it are the longest run. */
const LINK_LOCAL = /^fe80::[1-9a-f][0-9a-f]{0,3}(?::(?:0|[1-9a-f][0-9a-f]{0,3})){3}$/;

/** @returns the canonical address, or undefined if `text` is not exactly one IPv4 or IPv6 address. */
export function parseIp(text: string): Ip | undefined {
  // ipaddr.js takes 10.1, 0x7f.1 and octal for IPv4; nobody who types those means them. And it throws inside, which at
  // 100,000 records is seconds: so what is canonical already, as in every record, is known by its looks.
  if (IPV4.test(text) || LINK_LOCAL.test(text)) return text as Ip;
  if (!text.includes(':') || text.includes('%') || !ipaddr.IPv6.isValid(text)) return undefined;
  return ipaddr.IPv6.parse(text).toRFC5952String() as Ip;
}

export const isIpv6 = (ip: Ip): boolean => ip.includes(':');

/** @returns 4 or 16 bytes, network order. */
export const ipBytes = (ip: Ip): Uint8Array => Uint8Array.from(ipaddr.parse(ip).toByteArray());

/** @returns the address in 4 or 16 bytes, or undefined for any other length. */
export function ipFromBytes(b: Uint8Array): Ip | undefined {
  if (b.length === 4) return `${b[0]}.${b[1]}.${b[2]}.${b[3]}` as Ip;
  return b.length === 16 ? ((ipaddr.fromByteArray([...b]) as ipaddr.IPv6).toRFC5952String() as Ip) : undefined;
}

/** `ADDRESS/LENGTH`, both required. @returns the canonical text, host bits kept, or undefined. */
export function parseCidr(text: string): Cidr | undefined {
  const [addr, length, ...rest] = text.split('/');
  const ip = parseIp(addr ?? '');
  if (ip === undefined || length === undefined || rest.length > 0 || !/^\d{1,3}$/.test(length)) return undefined;
  return Number(length) <= (isIpv6(ip) ? 128 : 32) ? (`${ip}/${Number(length)}` as Cidr) : undefined;
}

export const cidrIp = (cidr: Cidr): Ip => cidr.slice(0, cidr.indexOf('/')) as Ip;
export const cidrLength = (cidr: Cidr): number => Number(cidr.slice(cidr.indexOf('/') + 1));

/** Is it loopback, multicast, unspecified, broadcast or IPv4-mapped: nothing a container or an underlay can be reached at? */
export function isUnusable(ip: Ip): boolean {
  const range = ipaddr.parse(ip).range();
  return ['loopback', 'multicast', 'unspecified', 'broadcast', 'ipv4Mapped'].includes(range);
}

export const isLinkLocal = (ip: Ip): boolean => ipaddr.parse(ip).range() === 'linkLocal';

/** What `--trusted-subnets` is if it is not given: private, shared by link, unique to a site (RFC 1918, 3927, 4193, 4291). */
export const PRIVATE_SUBNETS: readonly Cidr[] = [
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '169.254.0.0/16',
  'fc00::/7',
  'fe80::/10',
].map((text) => text as Cidr);

export const isWithin = (ip: Ip, subnets: readonly Cidr[]): boolean =>
  subnets.some((subnet) => {
    const [bytes, prefix, length] = [ipBytes(ip), ipBytes(cidrIp(subnet)), cidrLength(subnet)];
    const isSame = (byte: number, i: number): boolean =>
      ((byte ^ bytes[i]!) & (0xff00 >> Math.min(8, Math.max(0, length - i * 8))) & 0xff) === 0;
    return prefix.length === bytes.length && prefix.every(isSame);
  });

/** Six hex pairs with colons, any case. @returns undefined for a group address or all zeros: nobody can own those. */
export function parseMac(text: string): Mac | undefined {
  const mac = text.toLowerCase();
  if (!/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/.test(mac) || mac === '00:00:00:00:00:00') return undefined;
  return (parseInt(mac.slice(0, 2), 16) & 1) === 0 ? (mac as Mac) : undefined;
}

/** @returns 6 bytes. */
export function macBytes(mac: Mac): Uint8Array {
  const b = new Uint8Array(6);
  for (let i = 0; i < 6; i++) b[i] = parseInt(mac.slice(i * 3, i * 3 + 2), 16);
  return b;
}

const HEX = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, '0'));

/** @param b at least `at + 6` bytes */
export const macFromBytes = (b: Uint8Array, at = 0): Mac =>
  `${HEX[b[at]!]}:${HEX[b[at + 1]!]}:${HEX[b[at + 2]!]}:${HEX[b[at + 3]!]}:${HEX[b[at + 4]!]}:${HEX[b[at + 5]!]}` as Mac;

/** A locally administered unicast MAC out of six bytes that someone drew or hashed. */
export function localMac(bytes: Uint8Array): Mac {
  const b = bytes.slice(0, 6);
  b[0] = (b[0]! & 0xfc) | 0x02; // IEEE 802 §8.2: bit 0 group, bit 1 locally administered
  return macFromBytes(b);
}

/**
 * The link-local address that Linux derives from a MAC (RFC 4291 App. A, modified EUI-64), as RFC 5952 writes it: for each MAC
 * of a large table, so without a general formatter.
 */
export function linkLocalOf(mac: Mac): Ip {
  const [m0, m1, m2, m3, m4, m5] = [0, 3, 6, 9, 12, 15].map((at) => hexByte(mac, at)) as SixBytes;
  const first = ((m0 ^ 2) << 8) | m1;
  const rest = `${((m2 << 8) | 0xff).toString(16)}:${(0xfe00 | m3).toString(16)}:${((m4 << 8) | m5).toString(16)}`;
  return (first === 0 ? `fe80::${rest}` : `fe80::${first.toString(16)}:${rest}`) as Ip;
}

/** @returns the MAC whose `linkLocalOf` it is, if there is one */
export function macOfLinkLocal(ip: Ip): Mac | undefined {
  if (!ip.startsWith('fe80::') || !ip.includes('ff:fe')) return undefined;
  const groups = ip
    .slice(6)
    .split(':')
    .map((group) => parseInt(group, 16));
  if (groups.length === 3) groups.unshift(0);
  if (groups.length !== 4) return undefined;
  const [a, b, c, d] = groups as [number, number, number, number];
  const mac = macFromBytes(Uint8Array.of((a >> 8) ^ 2, a, b >> 8, c, d >> 8, d));
  return linkLocalOf(mac) === ip ? mac : undefined;
}

type SixBytes = [number, number, number, number, number, number];

const nibble = (code: number): number => (code & 15) + (code >> 6) * 9; // '0' is 0x30, 'a' 0x61
const hexByte = (text: string, at: number): number =>
  (nibble(text.charCodeAt(at)) << 4) | nibble(text.charCodeAt(at + 1));

export const parsePeerId = (text: string): PeerId | undefined =>
  /^[0-9a-f]{32}$/.test(text) ? (text as PeerId) : undefined;

export const parseNetworkName = (text: string): NetworkName | undefined =>
  /^[a-z][a-z0-9-]{0,31}$/.test(text) ? (text as NetworkName) : undefined;

export const parseEndpointId = (text: string): EndpointId | undefined =>
  /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(text) ? (text as EndpointId) : undefined;

export const parseVni = (n: number): Vni | undefined =>
  Number.isInteger(n) && n >= 1 && n <= 0xffffff ? (n as Vni) : undefined;

/** `10.0.0.1:6783`, `[fd00::1]:6783`. */
export const formatSocketAddress = (a: SocketAddress): string =>
  isIpv6(a.ip) ? `[${a.ip}]:${a.port}` : `${a.ip}:${a.port}`;

/** `HOST`, `HOST:PORT`, `[V6]`, `[V6]:PORT` or a bare IPv6 address. HOST may be a name. @returns undefined if malformed. */
export function parseHostPort(text: string, defaultPort: number): { host: string; port: number } | undefined {
  const m = /^\[([0-9a-fA-F:.]+)\](?::(\d{1,5}))?$/.exec(text) ?? /^([^\s:/[\]]+)(?::(\d{1,5}))?$/.exec(text);
  const [host, port] = m
    ? [m[1]!, m[2] === undefined ? defaultPort : Number(m[2])]
    : [parseIp(text) ?? '', defaultPort];
  return host !== '' && port >= 1 && port <= 65535 ? { host, port } : undefined;
}
