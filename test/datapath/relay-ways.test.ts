// A way through another peer: when it is asked for, taken, given back and told to be broken.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Ip, Millis, PeerId, RelayWay } from '../../router/types.js';
import { vtep } from '../support/datapath-lab.js';
import { AT_B, B, Bench, keys } from '../support/overlays-bench.js';
import { peerOf } from '../support/peers.js';

const R = peerOf(2);
const Q = peerOf(3);
const by = (via: PeerId, label = 7, relays = 1): RelayWay => ({ via, label, relays });

/** What was said of relays, in order. */
const said = (bench: Bench): string[] =>
  bench.reports.flatMap((r) =>
    r.kind === 'relayWanted' ? [`wanted ${r.wanted}`] : r.kind === 'relayFailed' ? [`failed ${r.via.slice(-1)}`] : [],
  );

/** With B, whose direct ways work, and neighbours R and Q. */
async function meshed(...args: Parameters<typeof Bench.joined>): Promise<Bench> {
  const bench = await Bench.joined(...args);
  bench.overlays.setPeer(R, { name: 'r', v4: { ip: vtep(2), port: 6785 } });
  bench.overlays.setPeer(Q, { name: 'q', v4: { ip: vtep(3), port: 6785 } });
  for (const via of [R, Q]) bench.sleeve.relayWires.set(via, 1_500);
  return bench;
}

/** Nothing gets to B directly any more. */
async function cutOff(bench: Bench): Promise<void> {
  bench.sleeve.wires.delete(B);
  const since = (bench.clock.now() - 200) as Millis;
  bench.vxlan({ losingSince: since });
  await bench.clock.run(500);
  bench.vxlan({ kind: 'down', losingSince: since, heardAt: since });
  await bench.clock.run(1_500);
}

test('when the vxlan begins to lose a way is asked for, and it carries when nothing direct does', async () => {
  const bench = await meshed();
  bench.vxlan({});
  bench.vxlan({ losingSince: (bench.clock.now() - 200) as Millis });
  assert.deepEqual(said(bench), ['wanted true'], 'before anything is down');
  bench.overlays.setRelayWay(B, by(R));
  assert.deepEqual(bench.sleeve.relayWays.get(B), by(R));
  await cutOff(bench);
  assert.deepEqual([bench.used.at(-1), bench.sleeve.carriers.get(B)], ['relay', 'relay']);
  const report = bench.describe({ state: 'down', reason: 'probes lost' });
  assert.deepEqual([report.overlay, report.state, report.rttMs], ['relay', 'up', 0]);
  assert.equal(report.reason, 'relayed by r (vxlan and sleeve get no answer)');
  assert.equal(report.remedy, 'open UDP 6784 and 6785 between this host and it');
  assert.deepEqual([report.txBytes, report.rxBytes], [10, 20]);
});

test('a way that is there before the sleeve is taken when it starts, with the rules', async () => {
  const bench = new Bench();
  bench.overlays.start(true);
  bench.overlays.setPeer(B, AT_B);
  bench.overlays.setRelayWay(B, by(R));
  bench.overlays.setRelayRule(9, { from: B, to: R, toLabel: 0 });
  await bench.clock.run(4_000);
  assert.deepEqual(bench.sleeve.relayWays.get(B), by(R));
  assert.deepEqual([...bench.sleeve.rules.keys()], [9]);
  bench.overlays.setRelayRule(9, undefined);
  assert.equal(bench.sleeve.rules.size, 0);
});

test('back on the vxlan what is in the TAP still goes over the relay, and the way is given back', async () => {
  const bench = await meshed();
  bench.vxlan({});
  bench.overlays.setRelayWay(B, by(R));
  await cutOff(bench);
  bench.vxlan({});
  await bench.clock.run(1_100);
  assert.equal(bench.used.at(-1), 'vxlan');
  assert.equal(bench.sleeve.carriers.get(B), 'relay');
  assert.deepEqual(said(bench), ['wanted true', 'wanted false']);
  bench.loseVxlan();
  bench.sleeve.wires.set(B, 1_500);
  await bench.clock.run(4_000);
  assert.deepEqual([bench.used.slice(-2), bench.sleeve.carriers.get(B)], [['relay', 'sleeve'], 'direct']);
});

test('a relay that loses is told once, and the next way carries as soon as it answers', async () => {
  const bench = await meshed();
  bench.vxlan({});
  bench.overlays.setRelayWay(B, by(R));
  await cutOff(bench);
  bench.sleeve.relayWires.delete(R);
  for (let i = 0; i < 20; i++) {
    bench.sleeve.moveFrames(B, 1, 100);
    await bench.clock.run(500);
  }
  assert.deepEqual(said(bench), ['wanted true', 'failed 2']);
  assert.equal(bench.used.at(-1), 'vxlan', 'nothing works: a dead router is not a dead kernel');
  bench.overlays.setRelayWay(B, by(Q, 8));
  await bench.clock.run(100);
  assert.equal(bench.used.at(-1), 'relay');
  assert.match(bench.describe().reason, /^relayed by q /);
});

test('a way that is withdrawn carries no longer, and is not called failed', async () => {
  const bench = await meshed();
  bench.vxlan({});
  bench.overlays.setRelayWay(B, by(R));
  await cutOff(bench);
  bench.overlays.setRelayWay(B, undefined);
  assert.equal(bench.used.at(-1), 'vxlan');
  assert.deepEqual(said(bench), ['wanted true']);
  assert.equal(bench.sleeve.relayWays.size, 0);
});

test('a way that broke while nobody needed it is called failed when somebody does', async () => {
  const bench = await meshed();
  bench.vxlan({});
  bench.overlays.setRelayWay(B, by(R));
  await bench.clock.run(1_000);
  bench.sleeve.relayWires.delete(R);
  await bench.clock.run(100_000);
  assert.deepEqual(said(bench), []);
  await cutOff(bench);
  assert.deepEqual(said(bench), ['wanted true', 'failed 2']);
});

test('the same way again changes nothing, another label is another way', async () => {
  const bench = await meshed();
  bench.overlays.setRelayWay(B, by(R));
  await bench.clock.run(1_000);
  const probes = (): number => bench.sleeve.probed.filter(({ way }) => way === 'relay').length;
  const before = probes();
  bench.overlays.setRelayWay(B, by(R));
  await bench.clock.run(100);
  assert.equal(probes(), before);
  bench.overlays.setRelayWay(B, by(R, 8));
  await bench.clock.run(100);
  assert.ok(probes() > before);
});

test('a peer with no address in common is reached through others alone', async () => {
  const bench = await meshed();
  const C = peerOf(4);
  bench.overlays.setPeer(C, { name: 'c', v6: { ip: 'fd99::4' as Ip, port: 6785 } });
  assert.deepEqual(said(bench), ['wanted true']);
  bench.overlays.setSession(C, keys(4));
  assert.equal(bench.sleeve.sessions.get(C)?.remote, undefined);
  assert.equal(bench.sleeve.carriers.get(C), 'relay');
  const none = {
    peer: C,
    overlay: 'none',
    state: 'down',
    reason: 'no address in common',
    remedy: 'give it one',
  } as const;
  assert.equal(bench.describe(none).reason, 'no way through others (no address in common)');
  bench.overlays.setRelayWay(C, by(R, 3, 3));
  await bench.clock.run(500);
  const { overlay, state, reason, remedy } = bench.describe(none);
  assert.deepEqual([overlay, state, remedy], ['relay', 'up', 'give it one']);
  assert.equal(reason, 'relayed by r and 2 more (no address in common)');
});

test('--overlay vxlan asks for no way and takes none', async () => {
  const bench = new Bench('vxlan');
  bench.overlays.start(true);
  bench.overlays.setPeer(B, AT_B);
  bench.loseVxlan();
  bench.overlays.setRelayWay(B, by(R));
  await bench.clock.run(10_000);
  assert.deepEqual([bench.used, bench.reports, bench.clock.armed], [['vxlan'], [], 0]);
});

test('with --overlay sleeve the way is asked for when the sleeve begins to lose', async () => {
  const bench = await meshed('sleeve');
  assert.deepEqual(said(bench), []);
  bench.sleeve.wires.delete(B);
  for (let i = 0; i < 8; i++) {
    bench.sleeve.moveFrames(B, 1, 100);
    await bench.clock.run(250);
  }
  bench.overlays.setRelayWay(B, by(R));
  await bench.clock.run(2_000);
  assert.deepEqual([said(bench), bench.used.at(-1)], [['wanted true'], 'relay']);
  assert.match(bench.describe().reason, /^relayed by r \(the sleeve gets no answer\)$/);
});
