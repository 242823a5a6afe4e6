// The nft table that counts VXLAN bytes per peer: its text, how its JSON is read back, and its elements. It drops no peer's traffic; the
// one drop in it keeps strangers from reaching the host's own stack through the probe device.
import { ipBytes, isIpv6 } from '../../../router/address.js';
import type { SocketAddress } from '../../../router/types.js';
import type { Count, ElementKey, ElementOp, NftKernel, NftTable } from '../../nft-kernel.js';

/** One per vxlan port, so that routers on one host do not share counters. */
export const tableName = (port: number): string => `mesh_${port}`;

export const trafficTable = (port: number): NftTable => ({ family: 'inet', name: tableName(port) });

const SETS = ['in4', 'out4', 'in6', 'out6'] as const;
const RULES = 5;

/** A counted address: the set and the key in it, as in `in4 0a000001`. Peers behind one address share what comes in. */
export type Element = `${SetName} ${ElementKey}`;
type SetName = (typeof SETS)[number];

export const inElement = (a: SocketAddress): Element => `${isIpv6(a.ip) ? 'in6' : 'in4'} ${hex(ipBytes(a.ip))}`;
/** The port is padded to 4 bytes. */
export const outElement = (a: SocketAddress): Element =>
  `${isIpv6(a.ip) ? 'out6' : 'out4'} ${hex(ipBytes(a.ip))}${a.port.toString(16).padStart(4, '0')}0000`;

const hex = (b: Uint8Array): string => Buffer.from(b).toString('hex');

export const elementOp = (op: ElementOp['op'], element: Element): ElementOp => {
  const at = element.indexOf(' ');
  return { op, set: element.slice(0, at), key: element.slice(at + 1) };
};

/** What all elements have counted; undefined when the table or one of its sets is not there. @throws KernelError */
export function readCounts(kernel: NftKernel, port: number): ReadonlyMap<Element, Count> | undefined {
  const counts = new Map<Element, Count>();
  for (const set of SETS) {
    const elements = kernel.elements(trafficTable(port), set);
    if (elements === undefined) return undefined;
    for (const [key, count] of elements) counts.set(`${set} ${key}`, count);
  }
  return counts;
}

/** Replaces the whole table in one transaction, with nobody in its sets; what was counted is lost. */
export function loadScript(port: number): string {
  const table = `inet ${tableName(port)}`;
  // The VNI of the probe device is left out: probes are no traffic. It is checked first, for a lookup already counts.
  const data = '@th,96,24 != 0xffffff';
  return `table ${table}
delete table ${table}
table ${table} {
  set in4 { type ipv4_addr; counter; }
  set out4 { type ipv4_addr . inet_service; counter; }
  set in6 { type ipv6_addr; counter; }
  set out6 { type ipv6_addr . inet_service; counter; }
  chain in {
    type filter hook input priority -300;
    udp dport ${port} ${data} ip saddr @in4
    udp dport ${port} ${data} ip6 saddr @in6
  }
  chain out {
    type filter hook output priority -300;
    meta l4proto udp ${data} ip daddr . udp dport @out4
    meta l4proto udp ${data} ip6 daddr . udp dport @out6
  }
  chain guard {
    type filter hook prerouting priority -300;
    iifname { "mesh-vxp", "mesh-vxp6" } drop
  }
}
`;
}

/**
 * Reads `nft -j -t list table`. Another nft may write it differently, so nothing in it is taken for granted.
 * @returns is the table as `loadScript` makes it?
 */
export function isOurTable(json: string): boolean {
  const items = nftItems(json);
  const rules = items.filter((item) => isRecord(item['rule']));
  const sets = new Set(items.map((item) => (isRecord(item['set']) ? item['set']['name'] : undefined)));
  return rules.length === RULES && SETS.every((name) => sets.has(name));
}

export const isRecord = (v: unknown): v is Record<string, unknown> => typeof v === 'object' && v !== null;
export const list = (v: unknown): readonly unknown[] => (Array.isArray(v) ? v : []);

/** The objects of `nft -j`. @returns none when it is not what nft writes */
export function nftItems(json: string): readonly Record<string, unknown>[] {
  try {
    const parsed: unknown = JSON.parse(json);
    return isRecord(parsed) ? list(parsed['nftables']).filter(isRecord) : [];
  } catch {
    return [];
  }
}
