// Which addresses of this host other routers may reach it at.
import { networkInterfaces, type NetworkInterfaceInfo } from 'node:os';
import { isIpv6, isLinkLocal, isUnusable, parseIp } from '../address.js';
import type { Ip } from '../types.js';

/** Links that mesh makes for itself: `mb-` bridges, `mv-` and `mw-` vxlans, `ms-` TAPs, `mp` ports, the probe device. */
const OURS = /^m[bsvwx]-|^mp[0-9a-f]{10}$|^mesh/;
/** Made by container and VM tools: their addresses are often the same on every host, so they come last. */
const INTERNAL = /^(docker\d|br-[0-9a-f]{12}|virbr\d|lxcbr\d|lxdbr\d|podman\d|cni|flannel|cali|weave|veth|kube)/;

type Interfaces = Readonly<Record<string, readonly Pick<NetworkInterfaceInfo, 'address' | 'internal'>[] | undefined>>;

/**
 * Left out: loopback, link-local, multicast, and what is on links of our own. Order: links of the host before those of
 * container tools; of each sort IPv4 before IPv6; else as the kernel lists them.
 */
export function usableAddresses(interfaces: Interfaces = networkInterfaces()): readonly Ip[] {
  const ranked = Object.entries(interfaces).flatMap(([link, addresses = []]) =>
    OURS.test(link) ? [] : addresses.flatMap((a) => rank(link, a)),
  );
  return [...new Set(ranked.sort((a, b) => a.rank - b.rank).map((a) => a.ip))];
}

function rank(link: string, a: { address: string; internal: boolean }): { ip: Ip; rank: number }[] {
  const ip = parseIp(a.address);
  if (ip === undefined || a.internal || isUnusable(ip) || isLinkLocal(ip)) return [];
  return [{ ip, rank: (INTERNAL.test(link) ? 2 : 0) + (isIpv6(ip) ? 1 : 0) }];
}
