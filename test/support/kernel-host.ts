// What the kernel contract is tried on, and the links and rows it uses.
import assert from 'node:assert/strict';
import type { Ip, LinkIndex, Mac, Vni } from '../../router/types.js';
import { KernelError } from '../../datapath/kernel.js';
import type { Kernel, Link, LinkSpec, Row, RowOp } from '../../datapath/kernel.js';

/** A namespace to try a kernel in, empty but for `lo`, and what others do there. */
export interface KernelHost {
  readonly kernel: Kernel;
  /** An open fd of a second, empty namespace. */
  readonly netns: number;
  /** Another tool deletes a link, sets it up or down, removes all rows of a link. */
  readonly othersDelete: (name: string) => Promise<void>;
  readonly othersSetUp: (name: string, up: boolean) => Promise<void>;
  readonly othersFlush: (name: string) => Promise<void>;
  readonly close: () => void;
}

export const MAC_A = '02:6d:00:00:00:0a' as Mac;
export const MAC_B = '02:6d:00:00:00:0b' as Mac;
export const VTEP_1 = '192.0.2.1' as Ip;
export const VTEP_2 = '192.0.2.2' as Ip;

export const bridge = (name = 'br-t'): LinkSpec => ({
  kind: 'bridge',
  name,
  mac: '02:6d:00:00:00:01' as Mac,
  mtu: 1376,
});
export const vxlan = (name = 'vx-t', local: Ip = '127.0.0.1' as Ip, vni = 100): LinkSpec & { kind: 'vxlan' } => ({
  kind: 'vxlan',
  name,
  vni: vni as Vni,
  local,
  port: 6785,
  mtu: 1376,
  df: false,
});
export const veth = (name: string, netns?: number): LinkSpec => ({
  kind: 'veth',
  name,
  mtu: 1376,
  peer: { name: `${name}-p`, mac: MAC_A, mtu: 1300, ...(netns === undefined ? {} : { netns }) },
});

export const put = (row: Row): RowOp => ({ op: 'put', row });
export const del = (row: Row): RowOp => ({ op: 'del', row });
export const canonical = (rows: readonly Row[]): string[] =>
  rows.map((row) => JSON.stringify(Object.entries(row).sort(([a], [b]) => (a < b ? -1 : 1)))).sort();

export async function linkOf(kernel: Kernel, index: LinkIndex): Promise<Link> {
  const link = (await kernel.links()).find((l) => l.index === index);
  assert.ok(link, `link ${index} is gone`);
  return link;
}

export const refuses = (errno: string) => (error: unknown) => {
  assert.ok(error instanceof KernelError, String(error));
  assert.equal(error.errno, errno, error.message);
  assert.match(error.op, /^(ip|bridge) /);
  return true;
};

/** Gives pending notifications their turn until `done`; a kernel that never delivers fails here, not by a clock. */
export async function turnsUntil(what: string, done: () => boolean): Promise<void> {
  for (let turns = 0; !done(); turns++) {
    assert.ok(turns < 10_000, `no ${what} after 10,000 turns of the event loop`);
    await new Promise(setImmediate);
  }
}

/** A bridge with two vxlan ports and a veth port. */
export async function network(kernel: Kernel) {
  const br = await kernel.linkAdd(bridge());
  const vx = await kernel.linkAdd(vxlan());
  const vx2 = await kernel.linkAdd(vxlan('vx-u', '127.0.0.1' as Ip, 101));
  for (const port of [vx, vx2]) await kernel.linkSet(port, { master: br, up: true });
  await kernel.linkSet(br, { up: true });
  return { br, vx, vx2 };
}

/** Declares one test of the contract, with a host of its own. */
export type On = (sentence: string, body: (host: KernelHost) => Promise<void>) => void;
