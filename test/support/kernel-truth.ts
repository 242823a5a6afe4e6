// The kernel tables that a mesh ought to have, computed from where the containers are, and the tables that it has.
import assert from 'node:assert/strict';
import { eventually, type Host, type Namespace } from './netns.js';
import type { RouterProcess } from './router-process.js';

/** A container, on the host where it is. */
export interface Placed {
  readonly on: RouterProcess;
  readonly container: Namespace;
}

/** A container's end of an attachment. */
export interface Interface {
  readonly mac: string;
  readonly ips: readonly string[];
}

/** Waits until the tables of every host are those that follow from the containers' own interfaces, with nothing beside. */
export async function tablesAreTrue(
  routers: readonly RouterProcess[],
  placed: readonly Placed[],
  withinMs = 3_000,
  family: 'v4' | 'v6' = 'v4',
): Promise<void> {
  for (const router of routers)
    await eventually(`the tables of ${router.host.name} are true`, withinMs, async () => {
      assert.deepEqual(await kernelRows(router.host), await wantedRows(router.host, placed, family));
      return true;
    }).catch((error: Error) => {
      throw new Error(`${error.message}: ${String(error.cause)}`, { cause: error });
    });
}

async function wantedRows(host: Host, placed: readonly Placed[], family: 'v4' | 'v6'): Promise<string[]> {
  const interfaces = placed.map(async (p) => ({ on: p.on.host, at: await interfaceOf(p.container) }));
  return rowsWanted(host, await Promise.all(interfaces), family);
}

/** What `kernelRows` of a host are to be. @param interfaces all that are attached, each with its host */
export function rowsWanted(
  host: Host,
  interfaces: readonly { readonly on: Host; readonly at: Interface }[],
  family: 'v4' | 'v6' = 'v4',
): string[] {
  const members = [...new Set(interfaces.map(({ on }) => on))].filter((on) => on !== host);
  const rows = interfaces.flatMap(({ on, at }) => rowsFor(host, on, at, family));
  return [...rows, ...members.map((on) => `flood to ${on[family]}`)].sort();
}

function rowsFor(host: Host, on: Host, { mac, ips }: Interface, family: 'v4' | 'v6'): string[] {
  const neighbours = ips.map((ip) => `${ip} is ${mac}`);
  if (on === host) return [...neighbours, `${mac} behind a port`];
  return [...neighbours, `${mac} behind the vxlan`, `${mac} at ${on[family]}`];
}

/** @param ifname of the container's end */
export async function interfaceOf(container: Namespace, ifname = 'mesh0'): Promise<Interface> {
  const [link] = JSON.parse(await container.must('ip', '-j', 'addr', 'show', ifname)) as {
    address: string;
    addr_info: { local: string }[];
  }[];
  return { mac: link!.address, ips: link!.addr_info.map((a) => a.local) };
}

/** Rows of the network `mesh`, in words. The bridge's and the ports' own entries are not among them. */
export async function kernelRows(host: Host): Promise<string[]> {
  const json = async <T>(...argv: string[]): Promise<T[]> => JSON.parse(await host.netns.must(...argv)) as T[];
  const fdb = await json<{ mac: string; ifname: string; dst?: string; state: string }>('bridge', '-j', 'fdb');
  const neigh = await json<{ dst: string; lladdr: string; state: string[] }>(
    'ip',
    '-j',
    'neigh',
    'show',
    'dev',
    'mb-mesh',
  );
  const isUplink = (link: string): boolean => link === 'mv-mesh' || link === 'mw-mesh';
  return [
    ...fdb
      .filter((e) => isUplink(e.ifname) && e.dst !== undefined)
      .map((e) => (e.mac === '00:00:00:00:00:00' ? `flood to ${e.dst}` : `${e.mac} at ${e.dst}`)),
    ...fdb
      .filter((e) => e.state === 'static')
      .map((e) => `${e.mac} behind ${isUplink(e.ifname) ? 'the vxlan' : 'a port'}`),
    ...neigh.filter((n) => n.state.includes('PERMANENT')).map((n) => `${n.dst} is ${n.lladdr}`),
  ].sort();
}
