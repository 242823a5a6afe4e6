// The whole datapath with a sleeve, on a fake kernel: which links and rows there are, and what a kernel without vxlan does.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newPath } from '../../datapath/paths/probe/path-state.js';
import type { Millis } from '../../router/types.js';
import { DatapathLab, mac, macOf, member, neigh, network, peerV4 } from '../support/datapath-lab.js';
import { FakeKernel } from '../support/fake-kernel.js';
import { peerOf } from '../support/peers.js';

const REMOTE = [network(), peerV4(1), member(1), mac(1, 1), neigh(1, 1)];
const MAC = '02:00:00:00:00:01';

async function launched(overlay: 'auto' | 'sleeve', kernel?: FakeKernel): Promise<DatapathLab> {
  const lab = new DatapathLab(kernel, overlay);
  await lab.datapath.start();
  lab.datapath.apply(REMOTE);
  lab.datapath.settled();
  await lab.clock.run(4_000);
  return lab;
}

const withoutVxlan = (): FakeKernel => {
  const kernel = new FakeKernel();
  kernel.lacks.add('vxlan');
  return kernel;
};

const links = (lab: DatapathLab): string[] => lab.kernel.linkTable().map((link) => link.name);

test('a peer that goes to the sleeve keeps its vxlan entry, and its MACs are told to the sleeve', async () => {
  const lab = await launched('auto');
  assert.deepEqual(links(lab), ['lo', 'mb-web', 'mv-web', 'ms-web']);
  assert.deepEqual(lab.sleeve!.networks.get(100 as never)?.macs.size, 0);
  const lost = { ...newPath(true, lab.clock.now()), kind: 'down' as const, losingSince: 0 as Millis };
  const keys = { cipher: 'aes-256-gcm', sendKey: new Uint8Array(32), receiveKey: new Uint8Array(32) } as const;
  lab.sleeve!.wires.set(peerOf(1), 1_500);
  lab.datapath.session(peerOf(1), { ...keys, sendIndex: 1, receiveIndex: 2, confirmed: true });
  await lab.clock.run(2_000);
  lab.paths.stir(peerOf(1), lost);
  await lab.clock.run(100);
  assert.deepEqual(lab.rows(), [
    `${MAC} dev ms-web master`,
    `${MAC} dev mv-web dst 192.168.0.1 self`,
    '10.32.0.1 lladdr 02:00:00:00:00:01 dev mb-web',
  ]);
  assert.deepEqual([...lab.sleeve!.networks.get(100 as never)!.macs], [[macOf(1), peerOf(1)]]);
  assert.deepEqual(lab.sleeve!.networks.get(100 as never)!.flood, [peerOf(1)]);
  lab.paths.stir(peerOf(1), { ...newPath(true, lab.clock.now()), kind: 'up' });
  await lab.clock.run(1_100);
  assert.ok(lab.rows().includes(`${MAC} dev mv-web master`));
  assert.ok(lab.rows().includes('flood dev mv-web dst 192.168.0.1'));
  assert.deepEqual([...lab.sleeve!.networks.get(100 as never)!.macs], []);
  assert.deepEqual(lab.sleeve!.networks.get(100 as never)!.flood, []);
});

test('a kernel without vxlan has none asked of it: the sleeve carries, and status says so once', async () => {
  const lab = await launched('auto', withoutVxlan());
  assert.deepEqual(links(lab), ['lo', 'mb-web', 'ms-web']);
  assert.deepEqual(lab.rows(), [`${MAC} dev ms-web master`, '10.32.0.1 lladdr 02:00:00:00:00:01 dev mb-web']);
  assert.equal(lab.paths.hasVxlan, false);
  assert.deepEqual(lab.sleeve!.networks.get(100 as never)!.flood, [peerOf(1)]);
  assert.deepEqual(lab.logged, ['vxlan-missing']);
  const wrong = lab.datapath.snapshot().capabilities.filter(({ ok }) => !ok);
  const remedy = 'modprobe vxlan, and launch again';
  assert.deepEqual(wrong, [{ name: 'vxlan', ok: false, reason: 'vxlan: no kernel support', remedy }]);
  assert.equal(lab.kernel.calls['linkAdd'], 4, 'bridge and vxlan tried out, bridge and TAP made');
});

test('with --overlay sleeve it starts as well, with --overlay vxlan it refuses', async () => {
  assert.deepEqual(links(await launched('sleeve', withoutVxlan())), ['lo', 'mb-web', 'ms-web']);
  const lab = new DatapathLab(withoutVxlan(), 'vxlan');
  await assert.rejects(lab.datapath.start(), /EOPNOTSUPP/);
  assert.deepEqual(links(lab), ['lo']);
});

test('forced onto the sleeve, a host keeps its vxlan: peers may send by it', async () => {
  const lab = await launched('sleeve');
  assert.deepEqual(links(lab), ['lo', 'mb-web', 'mv-web', 'ms-web']);
  assert.ok(lab.rows().includes(`${MAC} dev ms-web master`));
});

test('a TAP that cannot be made is said of the sleeve, not of the bridge', async () => {
  const kernel = new FakeKernel();
  kernel.lacks.add('tap');
  const lab = await launched('auto', kernel);
  const wrong = lab.datapath.snapshot().capabilities.filter(({ ok }) => !ok);
  assert.deepEqual(
    wrong.map(({ name }) => name),
    ['sleeve'],
  );
});

test('a TAP of an earlier router stays until the sleeve is there, and is used again', async () => {
  const before = await launched('auto');
  const { index } = before.kernel.link('ms-web')!;
  await before.datapath.stop();
  const after = new DatapathLab(before.kernel, 'auto');
  await after.datapath.start();
  after.datapath.apply(REMOTE);
  after.datapath.settled();
  await after.clock.run(2_000);
  assert.equal(after.sleeve, undefined);
  assert.equal(after.kernel.link('ms-web')?.index, index);
  await after.clock.run(2_000);
  assert.equal(after.kernel.link('ms-web')?.index, index);
  assert.equal(after.sleeve!.networks.get(100 as never)?.tap, 'ms-web');
  await after.datapath.stop();
  const forced = new DatapathLab(before.kernel, 'vxlan');
  await forced.datapath.start();
  forced.datapath.apply(REMOTE);
  forced.datapath.settled();
  await forced.quiet();
  assert.equal(forced.kernel.link('ms-web'), undefined, 'nobody will read it');
});
