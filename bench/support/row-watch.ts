// Sees when rows reach the kernel without disturbing who writes them: single look-ups (RTM_GETNEIGH of one key) of a sample,
// as a dump of 100,000 MACs takes seconds and a subscription slows the writer down.
import { setTimeout as sleep } from 'node:timers/promises';
import { KernelError } from '../../datapath/kernel.js';
import * as k from '../../datapath/netlink/constants.js';
import { LinuxKernel } from '../../datapath/netlink/linux-kernel.js';
import { NetlinkSocket } from '../../datapath/netlink/socket.js';
import { closeFd, openNetns } from '../../datapath/syscalls.js';
import { ipBytes, isIpv6, linkLocalOf, macBytes } from '../../router/address.js';
import type { Ip, LinkIndex, Mac } from '../../router/types.js';
import { manyIp, manyMac } from './many.js';

const SAMPLES = 64;
const EVERY_MS = 2;

type Key = { readonly mac: Mac; readonly flags: number } | { readonly ip: Ip };

export interface Links {
  readonly bridge: LinkIndex;
  readonly vxlan: LinkIndex;
}

export class RowWatch {
  readonly #netns: number;
  readonly #socket: NetlinkSocket;
  readonly #links: Links;
  #missing: Key[];

  /** @param path of the namespace. @param withV4 do the endpoints have an IPv4 address? */
  constructor(path: string, links: Links, count: number, withV4: boolean) {
    this.#netns = openNetns(path);
    this.#socket = new NetlinkSocket(this.#netns);
    this.#links = links;
    this.#missing = sample(count).flatMap((n): Key[] => [
      { mac: manyMac(n), flags: k.NTF_SELF },
      { mac: manyMac(n), flags: k.NTF_MASTER },
      { ip: linkLocalOf(manyMac(n)) },
      ...(withV4 ? [{ ip: manyIp(n) }] : []),
    ]);
  }

  /** Resolves when the whole sample is there. @returns when the first and the last of it were seen, ms since 1970 */
  async complete(withinMs: number): Promise<{ readonly firstAt: number; readonly lastAt: number }> {
    const [until, all] = [performance.now() + withinMs, this.#missing.length];
    let firstAt = 0;
    while (this.#missing.length > 0) {
      while (this.#missing.length > 0 && this.#has(this.#missing.at(-1)!)) this.#missing.pop();
      // The one that is missed may be the last of all: while none is seen, look at every one.
      if (firstAt === 0) this.#missing = this.#missing.filter((key) => !this.#has(key));
      if (firstAt === 0 && this.#missing.length < all) firstAt = Date.now();
      if (performance.now() > until) throw new Error(`${this.#missing.length} of ${all} sampled rows are not there`);
      if (this.#missing.length > 0) await sleep(EVERY_MS);
    }
    return { firstAt, lastAt: Date.now() };
  }

  /** Reads everything back; takes seconds. @returns how many rows there are about other hosts' endpoints */
  async count(): Promise<number> {
    const kernel = new LinuxKernel(this.#netns);
    try {
      const rows = await kernel.dumpRows([this.#links.bridge, this.#links.vxlan]);
      const macs = rows.filter((r) => (r.kind === 'self' || r.kind === 'master') && r.mac.startsWith('02:6d:00:'));
      const neighs = rows.filter((r) => r.kind === 'neigh' && r.mac.startsWith('02:6d:00:'));
      return macs.length + neighs.length;
    } finally {
      kernel.close();
    }
  }

  close(): void {
    this.#socket.close();
    closeFd(this.#netns);
  }

  #has(key: Key): boolean {
    try {
      this.#socket.request('look up', k.RTM_GETNEIGH, 0, 'ip' in key ? this.#neigh(key.ip) : this.#fdb(key));
      return true;
    } catch (error) {
      if (error instanceof KernelError && error.errno === 'ENOENT') return false;
      throw error;
    }
  }

  #neigh(ip: Ip): Uint8Array {
    return question(isIpv6(ip) ? k.AF_INET6 : k.AF_INET, this.#links.bridge, 0, k.NDA_DST, ipBytes(ip));
  }

  #fdb({ mac, flags }: { readonly mac: Mac; readonly flags: number }): Uint8Array {
    return question(k.AF_BRIDGE, this.#links.vxlan, flags, k.NDA_LLADDR, macBytes(mac));
  }
}

/** struct ndmsg (linux/neighbour.h) and one attribute. */
function question(family: number, link: LinkIndex, flags: number, attribute: number, value: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(12 + 4 + Math.ceil(value.length / 4) * 4);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, family);
  view.setInt32(4, link, true);
  view.setUint8(10, flags);
  view.setUint16(12, 4 + value.length, true);
  view.setUint16(14, attribute, true);
  bytes.set(value, 16);
  return bytes;
}

/** Evenly spread, the first and the last among them. */
const sample = (count: number): number[] =>
  Array.from({ length: SAMPLES }, (_, i) => Math.round((i * (count - 1)) / (SAMPLES - 1)));
