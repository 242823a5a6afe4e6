// What the host's own links allow: the underlay that a network's MTU is derived from.
import type { Ip } from '../router/types.js';
import { cidrIp } from '../router/address.js';
import { createLinuxKernel } from './netlink/linux-kernel.js';

/** The smallest MTU, bytes, of the links that have one of these addresses; undefined if none has. */
export async function underlayMtu(addresses: readonly Ip[]): Promise<number | undefined> {
  const kernel = createLinuxKernel();
  try {
    const [links, held] = [await kernel.links(), await kernel.addrs()];
    const indexes = new Set(held.filter((a) => addresses.includes(cidrIp(a.cidr))).map((a) => a.link));
    const mtus = links.filter((l) => indexes.has(l.index)).map((l) => l.mtu);
    return mtus.length === 0 ? undefined : Math.min(...mtus);
  } finally {
    kernel.close();
  }
}
