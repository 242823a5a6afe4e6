import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bytesOfAll } from '../../datapath/peer-traffic.js';
import { B, Bench, AT_B } from '../support/overlays-bench.js';

const VXLAN = { tx: { frames: 1, bytes: 10 }, rx: { frames: 2, bytes: 20 } };

test('bytes are those of all overlays that count, and unknown where none does', () => {
  assert.deepEqual(bytesOfAll({ txBytes: 1, rxBytes: 2 }, { txBytes: 10, rxBytes: 20 }), { txBytes: 11, rxBytes: 22 });
  assert.deepEqual(bytesOfAll({}, { txBytes: 10, rxBytes: 20 }), { txBytes: 10, rxBytes: 20 });
  assert.deepEqual(bytesOfAll({ txBytes: 1, rxBytes: 2 }, undefined), { txBytes: 1, rxBytes: 2 });
  assert.deepEqual(bytesOfAll({}, undefined), { txBytes: undefined, rxBytes: undefined });
});

test('each change of overlay is counted of its peer, with its time and its reason; the first choice is none', async () => {
  const bench = await Bench.joined();
  bench.vxlan({});
  assert.deepEqual(bench.overlays.traffic(B, VXLAN).changes, { count: 0, last: undefined });
  bench.vxlan({ losingSince: bench.clock.now() });
  await bench.clock.run(700);
  bench.loseVxlan();
  const lostAt = bench.clock.now();
  await bench.clock.run(50);
  const lost = bench.overlays.traffic(B, VXLAN);
  assert.deepEqual([lost.changes, lost.now], [{ count: 1, last: { at: lostAt, why: 'lost' } }, lostAt + 50]);
  bench.vxlan({});
  await bench.clock.run(1_100);
  bench.overlays.setPeer(B, { ...AT_B, name: 'renamed' });
  const { count, last } = bench.overlays.traffic(B, VXLAN).changes;
  assert.deepEqual([count, last?.why], [2, 'better']);
});

test('what went by the sleeve stands apart, and is not forgotten when the vxlan carries again', async () => {
  const bench = await Bench.joined();
  bench.vxlan({});
  assert.equal(bench.overlays.traffic(B, VXLAN).sleeve, undefined);
  bench.sleeve.moveFrames(B, 3, 100);
  const { vxlan, sleeve } = bench.overlays.traffic(B, VXLAN);
  assert.deepEqual(vxlan, VXLAN);
  assert.deepEqual([sleeve?.direct.txFrames, sleeve?.direct.txBytes, sleeve?.relay.txFrames], [3, 100, 0]);
  assert.deepEqual([bench.describe().overlay, bench.describe().txBytes, bench.describe().rxBytes], ['vxlan', 110, 120]);
  const blind = bench.describe({ txBytes: undefined, rxBytes: undefined });
  assert.equal(blind.txBytes, undefined, 'half of it would look like all of it');
});
