// Tables of very many addresses, keyed by numbers: the text of an address is parsed at each use, which takes a twentieth of
// what looking it up in a `Map` does.
import { linkLocalOf } from '../router/address.js';
import type { Ip, Mac } from '../router/types.js';
import { NumberMap } from './number-map.js';

/** How an IPv4 address and a link-local one that follows from a MAC are told apart: 32 and 48 bits, above them one of these. */
const IPV4 = 2 ** 48;
const LINK_LOCAL = 2 ** 49;

const nibble = (code: number): number => (code & 15) + (code >> 6) * 9; // '0' is 0x30, 'a' 0x61
const byteAt = (text: string, at: number): number =>
  (nibble(text.charCodeAt(at)) << 4) | nibble(text.charCodeAt(at + 1));

/** @returns its 48 bits */
export function macNumber(mac: Mac): number {
  const low = (byteAt(mac, 6) << 24) | (byteAt(mac, 9) << 16) | (byteAt(mac, 12) << 8) | byteAt(mac, 15);
  return ((byteAt(mac, 0) << 8) | byteAt(mac, 3)) * 2 ** 32 + (low >>> 0);
}

/** Of a nibble of `n`, the lowest being 0. */
const digit = (n: number, nth: number): number => {
  const value = (n >>> (nth * 4)) & 15;
  return value < 10 ? 48 + value : 87 + value;
};

/** One flat string: what is put together of six pairs stays a chain until it is read. @param n 0 .. 2^48-1 */
export function macOfNumber(n: number): Mac {
  const [h, l] = [Math.floor(n / 2 ** 32), n >>> 0];
  // prettier-ignore
  return String.fromCharCode(
    digit(h, 3), digit(h, 2), 58, digit(h, 1), digit(h, 0), 58, digit(l, 7), digit(l, 6), 58,
    digit(l, 5), digit(l, 4), 58, digit(l, 3), digit(l, 2), 58, digit(l, 1), digit(l, 0),
  ) as Mac;
}

/** Of the address that was asked for last: it is looked up, then set, or wanted, then had. */
let [lastIp, lastNumber]: [string, number | undefined] = ['', undefined];

/** @returns undefined for an address that is neither IPv4 nor made out of a MAC */
function ipNumber(ip: Ip): number | undefined {
  if (lastIp === ip) return lastNumber;
  lastIp = ip;
  return (lastNumber = ip.startsWith('fe80::') ? linkLocalNumber(ip) : ipv4Number(ip));
}

function ipv4Number(ip: Ip): number | undefined {
  let [byte, bits] = [0, 0];
  for (let i = 0; i < ip.length; i++) {
    const code = ip.charCodeAt(i);
    if (code === 46) [bits, byte] = [(bits << 8) | byte, 0];
    else if (code < 48 || code > 57) return undefined;
    else byte = byte * 10 + code - 48;
  }
  return IPV4 + (((bits << 8) | byte) >>> 0);
}

const GROUPS = new Uint16Array(4);

/** Of the canonical text, RFC 5952. The form of the interface identifier is that of RFC 4291 App. A. */
function linkLocalNumber(ip: Ip): number | undefined {
  let [count, group] = [0, 0];
  for (let i = 6; i <= ip.length; i++) {
    const code = ip.charCodeAt(i); // NaN at the end
    if (i < ip.length && code !== 58) {
      group = (group << 4) | nibble(code);
      continue;
    }
    if (count === 4) return undefined;
    GROUPS[count++] = group;
    group = 0;
  }
  if (count < 3) return undefined;
  const [b, c, d] = [GROUPS[count - 3]!, GROUPS[count - 2]!, GROUPS[count - 1]!];
  if ((b & 0xff) !== 0xff || c >> 8 !== 0xfe) return undefined;
  const low = ((b >> 8) << 24) | ((c & 0xff) << 16) | d;
  return LINK_LOCAL + ((count === 4 ? GROUPS[0]! : 0) ^ 0x200) * 2 ** 32 + (low >>> 0);
}

function ipOfNumber(n: number): Ip {
  if (n >= LINK_LOCAL) return linkLocalOf(macOfNumber(n - LINK_LOCAL));
  const bits = (n - IPV4) >>> 0;
  return `${bits >>> 24}.${(bits >>> 16) & 0xff}.${(bits >>> 8) & 0xff}.${bits & 0xff}` as Ip;
}

/** Neighbours: an IP address and the MAC that it has. */
export class NeighMap {
  readonly #macs = new NumberMap();
  /** Addresses that have no number. */
  readonly #others = new Map<Ip, number>();

  get size(): number {
    return this.#macs.size + this.#others.size;
  }

  get(ip: Ip): Mac | undefined {
    const mac = this.#get(ip);
    return mac === undefined ? undefined : macOfNumber(mac);
  }

  has(ip: Ip): boolean {
    return this.#get(ip) !== undefined;
  }

  /** @returns whether the address is new */
  set(ip: Ip, mac: Mac): boolean {
    const key = ipNumber(ip);
    if (key !== undefined) return this.#macs.set(key, macNumber(mac));
    const isNew = !this.#others.has(ip);
    this.#others.set(ip, macNumber(mac));
    return isNew;
  }

  /** @returns whether it was there */
  delete(ip: Ip): boolean {
    const key = ipNumber(ip);
    return key === undefined ? this.#others.delete(ip) : this.#macs.delete(key);
  }

  clear(): void {
    this.#macs.clear();
    this.#others.clear();
  }

  /** As `NumberMap.entries`: it may change meanwhile. */
  *keys(): IterableIterator<Ip> {
    for (const [key] of this.#macs.entries()) yield ipOfNumber(key);
    yield* this.#others.keys();
  }

  #get(ip: Ip): number | undefined {
    const key = ipNumber(ip);
    return key === undefined ? this.#others.get(ip) : this.#macs.get(key);
  }
}
