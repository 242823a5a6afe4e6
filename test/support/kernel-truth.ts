// The kernel tables that a mesh ought to have, computed from where the containers are, and the tables that it has.
import assert from 'node:assert/strict';
import { eventually, type Namespace } from './netns.js';
import type { RouterProcess } from './router-process.js';

/** A container, on the host where it is. */
export interface Placed {
  readonly on: RouterProcess;
  readonly container: Namespace;
}

interface Interface {
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
      assert.deepEqual(await kernelRows(router), await wantedRows(router, placed, family));
      return true;
    }).catch((error: Error) => {
      throw new Error(`${error.message}: ${String(error.cause)}`, { cause: error });
    });
}

async function wantedRows(router: RouterProcess, placed: readonly Placed[], family: 'v4' | 'v6'): Promise<string[]> {
  const rows = placed.map(async ({ on, container }) => rowsFor(router, on, await interfaceOf(container), family));
  const members = [...new Set(placed.map((p) => p.on))].filter((on) => on !== router);
  return [...(await Promise.all(rows)).flat(), ...members.map((on) => `flood to ${on.host[family]}`)].sort();
}

function rowsFor(router: RouterProcess, on: RouterProcess, { mac, ips }: Interface, family: 'v4' | 'v6'): string[] {
  const neighbours = ips.map((ip) => `${ip} is ${mac}`);
  if (on === router) return [...neighbours, `${mac} behind a port`];
  return [...neighbours, `${mac} behind the vxlan`, `${mac} at ${on.host[family]}`];
}

/** @param ifname of the container's end */
async function interfaceOf(container: Namespace, ifname = 'mesh0'): Promise<Interface> {
  const [link] = JSON.parse(await container.must('ip', '-j', 'addr', 'show', ifname)) as {
    address: string;
    addr_info: { local: string }[];
  }[];
  return { mac: link!.address, ips: link!.addr_info.map((a) => a.local) };
}

/** Rows of the network `mesh`, in words. The bridge's and the ports' own entries are not among them. */
async function kernelRows(router: RouterProcess): Promise<string[]> {
  const json = async <T>(...argv: string[]): Promise<T[]> => JSON.parse(await router.host.netns.must(...argv)) as T[];
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
