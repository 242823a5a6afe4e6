// What takes part in the comparison, and what it costs: processor time and lost datagrams of the processes that carry it.
import type { Host } from '../../test/support/netns.js';
import type { Way } from '../support/iperf.js';

/** At which end of the measured direction, or between the ends. */
export type Role = 'sends' | 'relays' | 'receives';

/** A process on a host, through which what is measured passes. */
export interface Carrier {
  readonly role: Role;
  readonly host: Host;
  /** Of its UDP socket. */
  readonly port: number;
  /** Processor time since its start, all threads, s. */
  cpuS(): Promise<number>;
}

export interface Contender extends Way {
  /** As the tables call it. */
  readonly title: string;
  readonly kind: 'kernel' | 'ours' | 'rival';
  /** None where the kernel carries. */
  readonly carriers: readonly Carrier[];
}

/** Sums over carriers of each role, s since their starts. */
export type CpuS = Readonly<Record<Role, number>>;

export async function cpuOf({ carriers }: Contender): Promise<CpuS> {
  const sums = { sends: 0, relays: 0, receives: 0 };
  for (const carrier of carriers) sums[carrier.role] += await carrier.cpuS();
  return sums;
}

/** @returns datagrams that did not fit the receive buffers of the carriers' sockets since those were opened */
export async function dropsOf({ carriers }: Contender): Promise<number> {
  let sum = 0;
  for (const { host, port } of carriers)
    for (const file of ['/proc/net/udp', '/proc/net/udp6'])
      sum += socketDrops((await host.netns.run('cat', file)).stdout, port);
  return sum;
}

/** @param table `/proc/net/udp` or `udp6`: under a heading a line for each socket, `drops` last. @returns those of a local port */
export function socketDrops(table: string, port: number): number {
  const local = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  return table
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[1]?.endsWith(local))
    .reduce((sum, fields) => sum + Number(fields.at(-1)), 0);
}
