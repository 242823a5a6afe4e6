// The nft table that counts VXLAN bytes per peer: its text, and how its JSON is read back. It drops no peer's traffic; the
// one drop in it keeps strangers from reaching the host's own stack through the probe device.
import { isIpv6, parseIp } from '../../../router/address.js';
import type { Ip, SocketAddress } from '../../../router/types.js';

/** What an element has counted. Frames as nft sees them: a super-frame before it is cut, or after it is joined, is one. */
export interface Count {
  readonly frames: number;
  readonly bytes: number;
}

/** One per vxlan port, so that routers on one host do not share counters. */
export const tableName = (port: number): string => `mesh_${port}`;

const SETS = ['in4', 'out4', 'in6', 'out6'] as const;
const RULES = 5;

/** A counted address: `in4 10.0.0.1`, `out6 fd00::1 . 6785`. Peers behind one address share what comes in. */
export type Element = string;

export const inElement = (a: SocketAddress): Element => `${isIpv6(a.ip) ? 'in6' : 'in4'} ${a.ip}`;
export const outElement = (a: SocketAddress): Element => `${isIpv6(a.ip) ? 'out6' : 'out4'} ${a.ip} . ${a.port}`;

/** Replaces the whole table in one transaction; what was counted is lost. */
export function loadScript(port: number, elements: Iterable<Element>): string {
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
${changeScript(port, elements, [])}`;
}

/** Adds and removes counted addresses, keeping the others' counters. Fails whole when one to be removed is not there. */
export function changeScript(port: number, add: Iterable<Element>, remove: Iterable<Element>): string {
  const line = (verb: string) => (e: Element) => {
    const at = e.indexOf(' ');
    return `${verb} element inet ${tableName(port)} ${e.slice(0, at)} { ${e.slice(at + 1)} }\n`;
  };
  return [...[...add].map(line('add')), ...[...remove].map(line('delete'))].join('');
}

/**
 * Reads `nft -j list table`. Another nft may write it differently, so nothing in it is taken for granted.
 * @returns what each element has counted, or undefined when the table is not as `loadScript` makes it
 */
export function parseTable(json: string): ReadonlyMap<Element, Count> | undefined {
  const items = nftItems(json);
  const sets = new Set<string>();
  const counts = new Map<Element, Count>();
  let rules = 0;
  for (const item of items) {
    if (isRecord(item['rule'])) rules++;
    const set = item['set'];
    if (!isRecord(set) || typeof set['name'] !== 'string') continue;
    sets.add(set['name']);
    for (const entry of list(set['elem'])) readElement(set['name'], entry, counts);
  }
  return rules === RULES && SETS.every((name) => sets.has(name)) ? counts : undefined;
}

function readElement(set: string, entry: unknown, counts: Map<Element, Count>): void {
  const elem = isRecord(entry) && isRecord(entry['elem']) ? entry['elem'] : { val: entry };
  const counter = 'counter' in elem && isRecord(elem.counter) ? elem.counter : {};
  const val = elem['val'];
  const [ip, port] = isRecord(val) ? list(val['concat']) : [val];
  const canonical: Ip | undefined = typeof ip === 'string' ? parseIp(ip) : undefined;
  if (canonical === undefined) return;
  const key = typeof port === 'number' ? `${set} ${canonical} . ${port}` : `${set} ${canonical}`;
  counts.set(key, { frames: wholeNumber(counter['packets']), bytes: wholeNumber(counter['bytes']) });
}

const wholeNumber = (v: unknown): number => (typeof v === 'number' && Number.isSafeInteger(v) ? v : 0);

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
