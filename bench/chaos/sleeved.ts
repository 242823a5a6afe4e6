// Which pairs the sleeve carries, by the kernel tables of either host: the frames of such a pair wait for threads of a router. Read
// by netlink from one process, for thirty times `bridge fdb show` takes a quarter of a second of processor.
import { RTM_GETNEIGH } from '../../datapath/netlink/constants.js';
import { visitMessages } from '../../datapath/netlink/message.js';
import { rowDumps } from '../../datapath/netlink/neigh.js';
import { decodeNeigh } from '../../datapath/netlink/neigh-decode.js';
import { NetlinkSocket } from '../../datapath/netlink/socket.js';
import { closeFd, linkIndexOf, openNetns, withNetns } from '../../datapath/syscalls.js';
import type { LinkIndex } from '../../router/types.js';

const TAP = 'ms-mesh';

/** A host, and the MAC of its container. */
export interface Placed {
  /** Of the host's namespace. */
  readonly path: string;
  readonly mac: string;
}

/** The name of a pair in a set, whichever end comes first. */
export const pairKey = (a: number, b: number): string => `${Math.min(a, b)} ${Math.max(a, b)}`;

/** @returns `pairKey`s of those of which either host's tables lead to the sleeve. @throws SyscallError, KernelError */
export function sleevedPairs(hosts: readonly Placed[]): ReadonlySet<string> {
  const byMac = new Map(hosts.map(({ mac }, host) => [mac, host]));
  const pairs = new Set<string>();
  hosts.forEach(({ path }, host) => {
    for (const mac of tapMacs(path)) {
      const other = byMac.get(mac);
      if (other !== undefined && other !== host) pairs.add(pairKey(host, other));
    }
  });
  return pairs;
}

/** MACs that the bridge of a host has behind its TAP; none where there is no TAP. */
function tapMacs(path: string): readonly string[] {
  const netns = openNetns(path);
  let socket: NetlinkSocket | undefined;
  try {
    const index = withNetns(netns, () => linkIndexOf(TAP)) as LinkIndex | undefined;
    if (index === undefined) return [];
    socket = new NetlinkSocket(netns);
    const [{ op, payload }] = rowDumps([index]) as [ReturnType<typeof rowDumps>[number]];
    const macs: string[] = [];
    for (const { view, length } of socket.dump(op, RTM_GETNEIGH, payload))
      visitMessages(view, length, (m) => {
        const mac = decodeNeigh(m)?.mac;
        if (mac !== undefined) macs.push(mac);
      });
    return macs;
  } finally {
    socket?.close();
    closeFd(netns);
  }
}
