// Addresses: `ip addr`, linux/if_addr.h.
import { cidrIp, cidrLength, ipBytes, ipFromBytes, isIpv6 } from '../../router/address.js';
import type { Cidr, LinkIndex } from '../../router/types.js';
import { addressBytes } from './codec.js';
import { AF_INET, AF_INET6, IFA_ADDRESS, IFA_LOCAL } from './constants.js';
import { bytesAt, LE, visitAttrs, type NetlinkMessage } from './message.js';

const IFADDRMSG_BYTES = 8;

/**
 * Payload of RTM_NEWADDR and RTM_DELADDR. IPv6 addresses are `nodad`: who owns an address is settled before it gets here,
 * and a second of duplicate detection is a second without it.
 */
export function addrPayload(index: LinkIndex, cidr: Cidr): Uint8Array {
  const v6 = isIpv6(cidrIp(cidr));
  const local = Buffer.from(ipBytes(cidrIp(cidr)));
  const head = { family: v6 ? AF_INET6 : AF_INET, prefixlen: cidrLength(cidr), index };
  return addressBytes(v6 ? { ...head, flags: { nodad: true } } : head, { local, address: local });
}

/** Payload of an RTM_GETADDR dump of all links and families. */
export const addrGetPayload = (): Uint8Array => addressBytes({}, {});

/** RTM_NEWADDR. @returns undefined for another family or bytes that do not add up */
export function decodeAddr(m: NetlinkMessage): { link: LinkIndex; cidr: Cidr } | undefined {
  if (m.end - m.at < IFADDRMSG_BYTES) return undefined;
  const family = m.view.getUint8(m.at);
  const length = m.view.getUint8(m.at + 1);
  const bytes = family === AF_INET ? 4 : family === AF_INET6 ? 16 : 0;
  let [address, local] = [undefined as Uint8Array | undefined, undefined as Uint8Array | undefined];
  visitAttrs(m.view, m.at + IFADDRMSG_BYTES, m.end, (type, at, size) => {
    if (size !== bytes) return;
    if (type === IFA_ADDRESS) address = bytesAt(m.view, at, size);
    if (type === IFA_LOCAL) local = bytesAt(m.view, at, size);
  });
  const ip = local ?? address; // on a point-to-point link IFA_ADDRESS is the other end; IPv6 often has no IFA_LOCAL
  if (ip === undefined || length > bytes * 8) return undefined;
  return { link: m.view.getUint32(m.at + 4, LE) as LinkIndex, cidr: `${ipFromBytes(ip)}/${length}` as Cidr };
}
