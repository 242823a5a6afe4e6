// What every Kernel does. FakeKernel and LinuxKernel run this alike, so that what is tested on the fake holds on Linux.
// Each write is read back: an acknowledgement proves nothing.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Cidr, Ip, LinkIndex, Mac, Vni } from '../../router/types.js';
import { KernelError } from '../../datapath/kernel.js';
import type { Kernel, KernelEvent, Link, LinkSpec, Row, RowOp } from '../../datapath/kernel.js';

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

const MAC_A = '02:6d:00:00:00:0a' as Mac;
const MAC_B = '02:6d:00:00:00:0b' as Mac;
const VTEP_1 = '192.0.2.1' as Ip;
const VTEP_2 = '192.0.2.2' as Ip;

const bridge = (name = 'br-t'): LinkSpec => ({ kind: 'bridge', name, mac: '02:6d:00:00:00:01' as Mac, mtu: 1376 });
const vxlan = (name = 'vx-t', local: Ip = '127.0.0.1' as Ip, vni = 100): LinkSpec & { kind: 'vxlan' } => ({
  kind: 'vxlan',
  name,
  vni: vni as Vni,
  local,
  port: 6785,
  mtu: 1376,
  df: false,
});
const veth = (name: string, netns?: number): LinkSpec => ({
  kind: 'veth',
  name,
  mtu: 1376,
  peer: { name: `${name}-p`, mac: MAC_A, mtu: 1300, ...(netns === undefined ? {} : { netns }) },
});

const put = (row: Row): RowOp => ({ op: 'put', row });
const del = (row: Row): RowOp => ({ op: 'del', row });
const canonical = (rows: readonly Row[]): string[] =>
  rows.map((row) => JSON.stringify(Object.entries(row).sort(([a], [b]) => (a < b ? -1 : 1)))).sort();

async function linkOf(kernel: Kernel, index: LinkIndex): Promise<Link> {
  const link = (await kernel.links()).find((l) => l.index === index);
  assert.ok(link, `link ${index} is gone`);
  return link;
}

const refuses = (errno: string) => (error: unknown) => {
  assert.ok(error instanceof KernelError, String(error));
  assert.equal(error.errno, errno, error.message);
  assert.match(error.op, /^(ip|bridge) /);
  return true;
};

/** Gives pending notifications their turn until `done`; a kernel that never delivers fails here, not by a clock. */
async function turnsUntil(what: string, done: () => boolean): Promise<void> {
  for (let turns = 0; !done(); turns++) {
    assert.ok(turns < 10_000, `no ${what} after 10,000 turns of the event loop`);
    await new Promise(setImmediate);
  }
}

/** A bridge with two vxlan ports and a veth port. */
async function network(kernel: Kernel) {
  const br = await kernel.linkAdd(bridge());
  const vx = await kernel.linkAdd(vxlan());
  const vx2 = await kernel.linkAdd(vxlan('vx-u', '127.0.0.1' as Ip, 101));
  for (const port of [vx, vx2]) await kernel.linkSet(port, { master: br, up: true });
  await kernel.linkSet(br, { up: true });
  return { br, vx, vx2 };
}

export function kernelContract(name: string, newHost: () => KernelHost): void {
  const on = (sentence: string, body: (host: KernelHost) => Promise<void>): void =>
    void test(sentence, async () => {
      const host = newHost();
      try {
        await body(host);
      } finally {
        host.close();
      }
    });
  describe(`${name} keeps the kernel contract`, () => {
    linkContract(on);
    addressContract(on);
    rowContract(on);
    deleteContract(on);
    watchContract(on);
  });
}

type On = (sentence: string, body: (host: KernelHost) => Promise<void>) => void;

function linkContract(on: On): void {
  on('a bridge is as it was asked for, and down', async ({ kernel }) => {
    const index = await kernel.linkAdd({ ...bridge(), alias: 'mesh net' });
    const { kind, mac, mtu, up, alias, master, port, name } = await linkOf(kernel, index);
    assert.deepEqual([name, kind, mac, mtu, up], ['br-t', 'bridge', '02:6d:00:00:00:01', 1376, false]);
    assert.deepEqual([alias, master, port], ['mesh net', undefined, undefined]);
  });

  on('a vxlan has its VNI, source, port and DF, and does not learn', async ({ kernel }) => {
    const four = await kernel.linkAdd({ ...vxlan(), mac: MAC_B });
    const six = await kernel.linkAdd({ ...vxlan('vx-6', '::1' as Ip), df: true });
    const link = await linkOf(kernel, four);
    const common = { vni: 100, port: 6785, learning: false };
    assert.deepEqual(link.vxlan, { ...common, local: '127.0.0.1', df: false });
    assert.deepEqual([link.kind, link.mac, link.mtu], ['vxlan', MAC_B, 1376]);
    assert.deepEqual((await linkOf(kernel, six)).vxlan, { ...common, local: '::1', df: true });
  });

  on('a veth has its far end in the other namespace, named, with its MAC and MTU', async ({ kernel, netns }) => {
    const index = await kernel.linkAdd(veth('ve-t', netns));
    assert.deepEqual((await linkOf(kernel, index)).kind, 'veth');
    const there = kernel.inNamespace(netns);
    try {
      const far = (await there.links()).find((l) => l.name === 've-t-p');
      assert.deepEqual([far?.kind, far?.mac, far?.mtu, far?.up], ['veth', MAC_A, 1300, false]);
      await kernel.linkDel(index);
      assert.ok(!(await there.links()).some((l) => l.name === 've-t-p'), 'the far end goes with the near one');
    } finally {
      there.close();
    }
  });

  on('a veth without a namespace has its far end beside it', async ({ kernel }) => {
    await kernel.linkAdd(veth('ve-t'));
    assert.ok((await kernel.links()).some((l) => l.name === 've-t-p' && l.mac === MAC_A));
  });

  on('a name in use, and a VNI in use, are EEXIST and change nothing', async ({ kernel }) => {
    await kernel.linkAdd(vxlan());
    const before = await kernel.links();
    await assert.rejects(kernel.linkAdd({ ...bridge('vx-t') }), refuses('EEXIST'));
    await assert.rejects(kernel.linkAdd(vxlan('vx-u')), refuses('EEXIST'));
    assert.deepEqual(await kernel.links(), before);
  });

  on('what is set on a link is there, and what is not said stays', async ({ kernel }) => {
    const index = await kernel.linkAdd(bridge());
    await kernel.linkSet(index, { name: 'br-u', mac: MAC_B, mtu: 1400, alias: 'other', up: true, addrGenNone: true });
    await kernel.linkSet(index, {});
    const { name, mac, mtu, alias, up } = await linkOf(kernel, index);
    assert.deepEqual([name, mac, mtu, alias, up], ['br-u', MAC_B, 1400, 'other', true]);
    await kernel.linkSet(index, { up: false });
    assert.equal((await linkOf(kernel, index)).up, false);
  });

  on('port flags can be set along with the master, and go with it', async ({ kernel }) => {
    const br = await kernel.linkAdd(bridge());
    const vx = await kernel.linkAdd(vxlan());
    const flags = { learning: false, flood: false, mcastFlood: true, bcastFlood: true, neighSuppress: true };
    await kernel.linkSet(vx, { master: br, port: { ...flags, isolated: true }, up: true });
    assert.deepEqual((await linkOf(kernel, vx)).port, { ...flags, isolated: true });
    assert.equal((await linkOf(kernel, vx)).master, br);
    await kernel.linkSet(vx, { port: { isolated: false } });
    assert.deepEqual((await linkOf(kernel, vx)).port, { ...flags, isolated: false });
    await kernel.linkSet(vx, { master: br });
    assert.deepEqual((await linkOf(kernel, vx)).port, { ...flags, isolated: false }, 'the same master again');
    await kernel.linkSet(vx, { master: null });
    const { master, port } = await linkOf(kernel, vx);
    assert.deepEqual([master, port], [undefined, undefined]);
    await kernel.linkSet(vx, { master: br });
    assert.equal((await linkOf(kernel, vx)).port?.learning, true, 'a new port has the default flags');
  });

  on('a link that is gone cannot be set, and deleting it again is success', async ({ kernel }) => {
    const index = await kernel.linkAdd(bridge());
    await kernel.linkDel(index);
    await kernel.linkDel(index);
    await assert.rejects(kernel.linkSet(index, { up: true }), refuses('ENODEV'));
    assert.ok(!(await kernel.links()).some((l) => l.index === index));
  });

  on('two namespaces do not see one another', async ({ kernel, netns }) => {
    const there = kernel.inNamespace(netns);
    try {
      await there.linkAdd(bridge());
      await kernel.linkAdd({ ...bridge(), mtu: 1400 });
      const mtus = [kernel, there].map(async (k) => (await k.links()).find((l) => l.name === 'br-t')?.mtu);
      assert.deepEqual(await Promise.all(mtus), [1400, 1376]);
    } finally {
      there.close();
    }
  });
}

function addressContract(on: On): void {
  on('addresses of both families are added once, listed with their prefix and removed', async ({ kernel }) => {
    const br = await kernel.linkAdd(bridge());
    await kernel.linkSet(br, { up: true });
    const cidrs = ['10.32.0.1/12', '10.40.0.1/16', 'fd32::1/64'] as Cidr[];
    const listed = async () => (await kernel.addrs(br)).map((a) => a.cidr).sort();
    for (const cidr of [...cidrs, ...cidrs]) await kernel.addrAdd(br, cidr);
    assert.deepEqual(await listed(), cidrs);
    assert.deepEqual(
      (await kernel.addrs()).filter((a) => a.link === br).length,
      3,
      'the list of all links has them as well',
    );
    await kernel.addrDel(br, cidrs[0]!);
    await kernel.addrDel(br, cidrs[0]!);
    assert.deepEqual(await listed(), cidrs.slice(1));
  });

  on('an address for a link that is gone is ENODEV', async ({ kernel }) => {
    const br = await kernel.linkAdd(bridge());
    await kernel.linkDel(br);
    await assert.rejects(kernel.addrAdd(br, '10.32.0.1/12' as Cidr), refuses('ENODEV'));
    assert.deepEqual(await kernel.addrs(br), []);
  });
}

function rowContract(on: On): void {
  on('every kind of row is put, put again, and read back as it was put', async ({ kernel }) => {
    const { br, vx } = await network(kernel);
    const rows: Row[] = [
      { kind: 'self', link: vx, mac: MAC_A, dst: VTEP_1, port: 0 },
      { kind: 'self', link: vx, mac: MAC_B, dst: VTEP_2, port: 7000 },
      { kind: 'flood', link: vx, dst: VTEP_1, port: 0 },
      { kind: 'flood', link: vx, dst: VTEP_2, port: 7000 },
      { kind: 'neigh', link: br, ip: '10.32.0.5' as Ip, mac: MAC_A },
      { kind: 'neigh', link: br, ip: 'fd32::5' as Ip, mac: MAC_A },
      { kind: 'master', link: vx, mac: MAC_A },
    ];
    assert.deepEqual(await kernel.rows([...rows, ...rows].map(put)), []);
    assert.deepEqual(canonical(await kernel.dumpRows([br, vx])), canonical(rows));
    assert.deepEqual(canonical(await kernel.dumpRows([br])), canonical(rows.filter((r) => r.kind === 'neigh')));
    assert.deepEqual(await kernel.dumpRows([]), []);
    assert.deepEqual(await kernel.learntMacs(br), [], 'none of them is learnt');
  });

  on('an IPv6 vxlan takes IPv6 destinations', async ({ kernel }) => {
    const vx = await kernel.linkAdd(vxlan('vx-6', '::1' as Ip));
    const rows: Row[] = [
      { kind: 'self', link: vx, mac: MAC_A, dst: '2001:db8::1' as Ip, port: 7000 },
      { kind: 'flood', link: vx, dst: '2001:db8::1' as Ip, port: 0 },
    ];
    assert.deepEqual(await kernel.rows(rows.map(put)), []);
    assert.deepEqual(canonical(await kernel.dumpRows([vx])), canonical(rows));
  });

  on('a MAC has one destination, one port and an IP one MAC: the last put', async ({ kernel }) => {
    const { br, vx, vx2 } = await network(kernel);
    const last: Row[] = [
      { kind: 'self', link: vx, mac: MAC_A, dst: VTEP_2, port: 0 },
      { kind: 'master', link: vx2, mac: MAC_A },
      { kind: 'neigh', link: br, ip: '10.32.0.5' as Ip, mac: MAC_B },
    ];
    const first: Row[] = [
      { kind: 'self', link: vx, mac: MAC_A, dst: VTEP_1, port: 7000 },
      { kind: 'master', link: vx, mac: MAC_A },
      { kind: 'neigh', link: br, ip: '10.32.0.5' as Ip, mac: MAC_A },
    ];
    assert.deepEqual(await kernel.rows([...first, ...last].map(put)), []);
    assert.deepEqual(canonical(await kernel.dumpRows([br, vx, vx2])), canonical(last));
  });

  on('what is refused is named with its reason, and all the rest is done', async ({ kernel }) => {
    const { br, vx } = await network(kernel);
    const lone = await kernel.linkAdd(vxlan('vx-l', '127.0.0.1' as Ip, 102));
    const gone = await kernel.linkAdd(bridge('br-g'));
    await kernel.linkDel(gone);
    const good: Row[] = [
      { kind: 'self', link: vx, mac: MAC_A, dst: VTEP_1, port: 0 },
      { kind: 'master', link: vx, mac: MAC_A },
    ];
    const bad: [Row, string][] = [
      [{ kind: 'self', link: vx, mac: MAC_B, dst: '2001:db8::1' as Ip, port: 0 }, 'EAFNOSUPPORT'],
      [{ kind: 'master', link: lone, mac: MAC_B }, 'EOPNOTSUPP'],
      [{ kind: 'neigh', link: gone, ip: '10.32.0.9' as Ip, mac: MAC_B }, 'ENODEV'],
      [{ kind: 'self', link: gone, mac: MAC_B, dst: VTEP_1, port: 0 }, 'ENODEV'],
    ];
    const refused = await kernel.rows([...bad.map(([row]) => row), ...good].map(put));
    assert.deepEqual(
      refused.map(({ op, error }) => [op, error.errno]),
      bad.map(([row, errno]) => [put(row), errno]),
    );
    for (const { error } of refused) assert.ok(refuses(error.errno)(error));
    assert.deepEqual(canonical(await kernel.dumpRows([br, vx, lone])), canonical(good));
  });

  on('hundreds of operations are done in their order', async ({ kernel }) => {
    const { vx } = await network(kernel);
    const row = (i: number): Row => ({ kind: 'self', link: vx, mac: MAC_A, dst: `192.0.2.${i}` as Ip, port: 0 });
    const ops = Array.from({ length: 250 }, (_, i) => [put(row(i + 1)), del(row(i + 1)), put(row(i + 2))]).flat();
    assert.deepEqual(await kernel.rows(ops), []);
    assert.deepEqual(canonical(await kernel.dumpRows([vx])), canonical([row(251)]));
  });

  on(
    'a bridge that goes down, or whose MAC changes, loses its neighbours and keeps its entries',
    async ({ kernel }) => {
      const { br, vx } = await network(kernel);
      const neigh: Row = { kind: 'neigh', link: br, ip: '10.32.0.5' as Ip, mac: MAC_A };
      const master: Row = { kind: 'master', link: vx, mac: MAC_A };
      for (const change of [{ up: false }, { mac: MAC_B, up: true }]) {
        await kernel.linkSet(br, { up: true });
        await kernel.rows([put(neigh), put(master)]);
        await kernel.linkSet(br, change);
        assert.deepEqual(canonical(await kernel.dumpRows([br, vx])), canonical([master]));
      }
    },
  );

  on('a port that leaves its bridge loses the bridge entries and keeps the vxlan ones', async ({ kernel }) => {
    const { vx } = await network(kernel);
    const self: Row = { kind: 'self', link: vx, mac: MAC_A, dst: VTEP_1, port: 0 };
    await kernel.rows([put(self), put({ kind: 'master', link: vx, mac: MAC_A })]);
    await kernel.linkSet(vx, { master: null });
    assert.deepEqual(canonical(await kernel.dumpRows([vx])), canonical([self]));
  });
}

function deleteContract(on: On): void {
  on('deleting what is not there is success, on a link that is gone as well', async ({ kernel }) => {
    const { br, vx } = await network(kernel);
    const gone = await kernel.linkAdd(bridge('br-g'));
    await kernel.linkDel(gone);
    const lone = await kernel.linkAdd(vxlan('vx-l', '127.0.0.1' as Ip, 102));
    const ops: RowOp[] = [
      del({ kind: 'self', link: vx, mac: MAC_A, dst: VTEP_1, port: 0 }),
      del({ kind: 'flood', link: vx, dst: VTEP_1, port: 0 }),
      del({ kind: 'master', link: vx, mac: MAC_A }),
      del({ kind: 'master', link: lone, mac: MAC_A }),
      del({ kind: 'neigh', link: br, ip: '10.32.0.5' as Ip, mac: MAC_A }),
      del({ kind: 'neigh', link: gone, ip: '10.32.0.5' as Ip, mac: MAC_A }),
      del({ kind: 'self', link: gone, mac: MAC_A, dst: VTEP_1, port: 0 }),
    ];
    assert.deepEqual(await kernel.rows(ops), []);
  });

  on('a late delete does not take away what has moved since', async ({ kernel }) => {
    const { vx, vx2 } = await network(kernel);
    const here: Row[] = [
      { kind: 'self', link: vx, mac: MAC_A, dst: VTEP_2, port: 7000 },
      { kind: 'master', link: vx2, mac: MAC_A },
    ];
    const late: Row[] = [
      { kind: 'self', link: vx, mac: MAC_A, dst: VTEP_1, port: 7000 },
      { kind: 'self', link: vx, mac: MAC_A, dst: VTEP_2, port: 0 },
      { kind: 'master', link: vx, mac: MAC_A },
    ];
    assert.deepEqual(await kernel.rows([...here.map(put), ...late.map(del)]), []);
    assert.deepEqual(canonical(await kernel.dumpRows([vx, vx2])), canonical(here));
    assert.deepEqual(await kernel.rows(here.map(del)), []);
    assert.deepEqual(await kernel.dumpRows([vx, vx2]), []);
  });

  on('of the flood list only the destination named is deleted', async ({ kernel }) => {
    const { vx } = await network(kernel);
    const [one, two]: Row[] = [VTEP_1, VTEP_2].map((dst): Row => ({ kind: 'flood', link: vx, dst, port: 0 }));
    await kernel.rows([put(one!), put(two!), del(one!)]);
    assert.deepEqual(canonical(await kernel.dumpRows([vx])), canonical([two!]));
    await kernel.rows([del(two!)]);
    assert.deepEqual(await kernel.dumpRows([vx]), []);
  });
}

function watchContract(on: On): void {
  const events = (kernel: Kernel): [KernelEvent[], () => void] => {
    const seen: KernelEvent[] = [];
    return [seen, kernel.watch((ev) => seen.push(ev))];
  };

  on("others' doings are reported, ours are not", async ({ kernel, othersDelete, othersSetUp, othersFlush }) => {
    const { br, vx, vx2 } = await network(kernel);
    const [seen] = events(kernel);
    const self: Row = { kind: 'self', link: vx, mac: MAC_A, dst: VTEP_1, port: 0 };
    const flood: Row = { kind: 'flood', link: vx, dst: VTEP_1, port: 0 };
    const master: Row = { kind: 'master', link: vx, mac: MAC_A };
    const neigh: Row = { kind: 'neigh', link: br, ip: '10.32.0.5' as Ip, mac: MAC_A };
    await kernel.rows([self, flood, master, neigh].map(put));
    await kernel.rows([self, flood, master, neigh].map(del));
    await kernel.rows([self, flood, master].map(put));
    await kernel.linkSet(vx2, { mtu: 1300, up: true });
    await othersFlush('vx-t');
    await turnsUntil('rowGone', () => seen.filter((ev) => ev.kind === 'rowGone').length >= 3);
    const gone = seen.flatMap((ev) => (ev.kind === 'rowGone' ? [ev.row] : []));
    assert.deepEqual(canonical(gone), canonical([self, flood, master]));
    await othersSetUp('vx-u', false);
    await turnsUntil('link', () => seen.some((ev) => ev.kind === 'link' && ev.link.index === vx2 && !ev.link.up));
    await othersDelete('vx-t');
    await turnsUntil('linkGone', () => seen.some((ev) => ev.kind === 'linkGone' && ev.index === vx));
    assert.ok(!seen.some((ev) => ev.kind === 'link' && ev.link.index === vx2 && ev.link.up), 'no echo of our own mtu');
  });

  on('a listener hears nothing once it has stopped', async ({ kernel, othersDelete }) => {
    const { vx } = await network(kernel);
    const [stopped, stop] = events(kernel);
    const [seen] = events(kernel);
    stop();
    stop();
    await othersDelete('vx-t');
    await turnsUntil('linkGone', () => seen.some((ev) => ev.kind === 'linkGone' && ev.index === vx));
    assert.deepEqual(stopped, []);
  });
}
