// What every Kernel does. FakeKernel and LinuxKernel run this alike, so that what is tested on the fake holds on Linux.
// Each write is read back: an acknowledgement proves nothing.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Cidr, Ip, Mac, Vni } from '../../router/types.js';
import type { Kernel, KernelEvent, Row } from '../../datapath/kernel.js';
import {
  bridge,
  canonical,
  del,
  linkOf,
  MAC_A,
  MAC_B,
  network,
  put,
  refuses,
  turnsUntil,
  veth,
  VTEP_1,
  vxlan,
  type KernelHost,
  type On,
} from '../support/kernel-host.js';
import { deleteContract, rowContract } from './kernel-rows.js';

export type { KernelHost } from '../support/kernel-host.js';

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

  on('a bridge or a vxlan with contents that cannot be is refused for them, and not made', async ({ kernel }) => {
    const noMac = '00:00:00:00:00:00' as Mac;
    await assert.rejects(
      kernel.linkAdd({ kind: 'bridge', name: 'br-t', mac: noMac, mtu: 1376 }),
      refuses('EADDRNOTAVAIL'),
    );
    await assert.rejects(kernel.linkAdd({ ...vxlan(), vni: 0x1000000 as Vni }), refuses('ERANGE'));
    const names = (await kernel.links()).map((l) => l.name);
    assert.ok(!names.includes('br-t') && !names.includes(vxlan().name));
  });

  on("a TAP is there while nobody reads it, and is nobody else's", async ({ kernel }) => {
    const spec = { kind: 'tap', name: 'tap-t', mtu: 1376, alias: 'mesh net' } as const;
    const index = await kernel.linkAdd(spec);
    const { name, kind, mtu, alias, up } = await linkOf(kernel, index);
    assert.deepEqual([name, kind, mtu, alias, up], ['tap-t', 'tap', 1376, 'mesh net', false]);
    await assert.rejects(kernel.linkAdd(spec), refuses('EEXIST'));
    const port = await kernel.linkAdd(bridge());
    await kernel.linkSet(index, { master: port, port: { learning: false, isolated: true }, up: true });
    assert.deepEqual((await linkOf(kernel, index)).port?.isolated, true);
    await kernel.linkDel(index);
    assert.ok(!(await kernel.links()).some((l) => l.name === 'tap-t'));
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
