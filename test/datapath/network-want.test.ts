import assert from 'node:assert/strict';
import { test } from 'node:test';
import { linkName, type LinkRole } from '../../datapath/names.js';
import { NetworkWant, type Uplink } from '../../datapath/network-want.js';
import type { Ip, LinkIndex, Mac, NetworkName, PeerId, Vni } from '../../router/types.js';

const [NAME, VNI] = ['web' as NetworkName, 7 as Vni];
const [NEAR, FAR] = ['a'.repeat(32) as PeerId, 'b'.repeat(32) as PeerId];
const [NEAR_MAC, FAR_MAC] = ['02:00:00:00:00:01' as Mac, '02:00:00:00:00:02' as Mac];

const bound = (...roles: LinkRole[]): Map<string, LinkIndex> =>
  new Map(roles.map((role, i) => [linkName(role, NAME, VNI), (i + 1) as LinkIndex]));

function wantWith(sleeved: readonly PeerId[]): NetworkWant {
  const config = { self: 'c'.repeat(32) as PeerId, vxlanPort: 6785, local: { v4: '10.0.0.1' as Ip } };
  const uplink = (dst: string): Uplink => ({ family: 'v4', dst: dst as Ip, port: 0 });
  const uplinks = new Map([
    [NEAR, uplink('10.0.0.2')],
    [FAR, uplink('10.0.0.3')],
  ]);
  const want = new NetworkWant(NAME, config, uplinks, new Set(sleeved));
  want.forward = { vni: VNI, mtu: 1376 };
  want.setMac(NEAR_MAC, NEAR);
  want.setMac(FAR_MAC, FAR);
  return want;
}

test('a bridge and a vxlan that appear make everything dirty, and their rows are read', () => {
  const want = wantWith([]);
  want.takeDirty();
  assert.equal(want.bindLinks(bound('bridge', 'vxlan4')), true);
  assert.equal(want.takeDirty().all, true);
});

test('a TAP that appears or is mended makes dirty only what the sleeve carries, and nothing is read for it', () => {
  const want = wantWith([FAR]);
  want.bindLinks(bound('bridge', 'vxlan4'));
  want.takeDirty();
  assert.equal(want.bindLinks(bound('bridge', 'vxlan4', 'sleeve')), false);
  const made = want.takeDirty();
  assert.deepEqual([made.all, [...made.macs]], [false, [FAR_MAC]]);
  want.markLink(want.tap!);
  const mended = want.takeDirty();
  assert.deepEqual([mended.all, [...mended.macs]], [false, [FAR_MAC]]);
});

test('a TAP that vanishes makes dirty what the sleeve carried', () => {
  const want = wantWith([FAR]);
  want.bindLinks(bound('bridge', 'vxlan4', 'sleeve'));
  want.takeDirty();
  assert.equal(want.bindLinks(bound('bridge', 'vxlan4')), false);
  assert.deepEqual([...want.takeDirty().macs], [FAR_MAC]);
});
