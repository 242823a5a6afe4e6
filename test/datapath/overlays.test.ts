// The shell of the choice among overlays, on a clock that a test moves and a sleeve that keeps what it is told.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FAST_PATH, type FastPart } from '../../datapath/sleeve/fast-path.js';
import { SyscallError } from '../../datapath/syscalls.js';
import type { Ip } from '../../router/types.js';
import { vtep } from '../support/datapath-lab.js';
import { AT_B, B, Bench, keys } from '../support/overlays-bench.js';
import { peerOf } from '../support/peers.js';

const FAST_PARTS = Object.keys(FAST_PATH) as FastPart[];

test('a sleeve starts three seconds after the router, and wants keys for each peer', async () => {
  const bench = new Bench();
  bench.overlays.start(true);
  bench.overlays.setPeer(B, AT_B);
  await bench.clock.run(2_900);
  assert.deepEqual([bench.sleeves.length, bench.reports], [0, []]);
  await bench.clock.run(200);
  assert.deepEqual(bench.reports, [{ kind: 'sessionWanted', peer: B, wanted: true }]);
  const C = peerOf(2);
  bench.overlays.setPeer(C, { name: 'c', v4: { ip: vtep(2), port: 7001 } });
  bench.overlays.setPeer(B, undefined);
  assert.deepEqual(bench.reports.slice(1), [
    { kind: 'sessionWanted', peer: C, wanted: true },
    { kind: 'sessionWanted', peer: B, wanted: false },
  ]);
});

test('while peers come a sleeve waits, for half a minute at most', async () => {
  const bench = new Bench();
  bench.overlays.start(true);
  for (let n = 1; n <= 14; n++) {
    bench.overlays.setPeer(peerOf(n), { name: `p${n}`, v4: { ip: vtep(n), port: 7001 } });
    await bench.clock.run(2_000);
  }
  assert.equal(bench.sleeves.length, 0);
  await bench.clock.run(900);
  assert.equal(bench.sleeves.length, 0, 'three seconds since the last');
  bench.overlays.setPeer(peerOf(15), { name: 'p15', v4: { ip: vtep(15), port: 7001 } });
  await bench.clock.run(1_200);
  assert.equal(bench.sleeves.length, 1, 'half a minute');
});

test('it starts at once where nothing else carries, and never with --overlay vxlan', async () => {
  for (const [overlay, hasVxlan, expected] of [
    ['sleeve', true, 1],
    ['auto', false, 1],
    ['vxlan', true, 0],
  ] as const) {
    const bench = new Bench(overlay);
    bench.overlays.start(hasVxlan);
    await bench.clock.run(1);
    assert.equal(bench.sleeves.length, expected, overlay);
    if (expected === 1) continue;
    bench.overlays.setPeer(B, AT_B);
    bench.loseVxlan();
    await bench.clock.run(60_000);
    assert.deepEqual(bench.used, ['vxlan']);
    assert.deepEqual([bench.sleeves.length, bench.reports.length, bench.clock.armed], [0, 0, 0]);
  }
});

test('a vxlan that does not work from the start is not waited for', async () => {
  const bench = new Bench();
  bench.overlays.start(true);
  bench.overlays.setPeer(B, AT_B);
  await bench.clock.run(1_000);
  bench.loseVxlan();
  bench.loseVxlan();
  await bench.clock.run(1);
  assert.equal(bench.sleeves.length, 1);
  await bench.clock.run(10_000);
  assert.equal(bench.sleeves.length, 1);
});

test('keys go to the sleeve with the port below the vxlan of the peer, and are confirmed', async () => {
  const bench = await Bench.joined();
  assert.deepEqual(bench.sleeve.sessions.get(B)?.remote, { ip: vtep(1), port: 6784 });
  assert.equal(bench.sleeve.sessions.get(B)?.waits, false);
  bench.overlays.setSession(B, keys(2, false));
  assert.equal(bench.sleeve.sessions.get(B)?.waits, true);
  bench.overlays.confirmSession(B, 2);
  assert.deepEqual(bench.sleeve.confirmed, [2]);
  bench.overlays.setPeer(B, { name: 'b', v4: { ip: vtep(3), port: 7001 } });
  assert.deepEqual(bench.sleeve.sessions.get(B)?.remote, { ip: vtep(3), port: 7000 });
  bench.overlays.setSession(B, undefined);
  assert.equal(bench.sleeve.sessions.has(B), false);
});

test('keys of a peer that is gone, or that come before the sleeve, are nobody’s', async () => {
  const bench = new Bench();
  bench.overlays.start(true);
  bench.overlays.setPeer(B, AT_B);
  bench.overlays.setSession(B, keys(1));
  await bench.clock.run(4_000);
  bench.overlays.setPeer(B, undefined);
  bench.overlays.setSession(B, keys(1));
  assert.equal(bench.sleeve.sessions.size, 0);
});

test('a vxlan that is lost gives way to a sleeve that is heard, and has it back when it works for a second', async () => {
  const bench = await Bench.joined();
  bench.vxlan({});
  assert.deepEqual(bench.used, ['vxlan']);
  bench.vxlan({ losingSince: bench.clock.now() });
  await bench.clock.run(700); // the sleeve was asked in a hurry meanwhile, and answered
  bench.loseVxlan();
  assert.deepEqual(bench.used, ['vxlan', 'sleeve']);
  assert.ok(bench.news.includes(B));
  assert.deepEqual(bench.logged, ['overlay-changed b sleeve lost']);
  const report = bench.describe({ state: 'down', reason: 'probes lost', remedy: 'open it' });
  assert.deepEqual(
    [report.overlay, report.state, report.reason, report.remedy, report.rttMs, report.mtu],
    ['sleeve', 'up', 'vxlan: probes lost', 'open it', 0, 1_376],
  );
  bench.vxlan({});
  await bench.clock.run(900);
  assert.equal(bench.used.at(-1), 'sleeve');
  await bench.clock.run(200);
  assert.equal(bench.used.at(-1), 'vxlan');
  assert.equal(bench.describe().overlay, 'vxlan');
  assert.deepEqual(bench.overlays.counters(), { 'overlay-lost': 1, 'overlay-better': 1 });
});

test('a peer that is lost on both stays on the vxlan: a dead router is not a dead kernel', async () => {
  const bench = await Bench.joined();
  bench.vxlan({});
  bench.sleeve.wires.delete(B);
  bench.loseVxlan();
  await bench.clock.run(60_000);
  bench.loseVxlan();
  await bench.clock.run(60_000);
  assert.deepEqual(bench.used, ['vxlan']);
});

test('while the sleeve carries and begins to lose, whether the vxlan works is asked at once', async () => {
  const bench = await Bench.joined();
  bench.vxlan({ losingSince: bench.clock.now() });
  await bench.clock.run(700);
  bench.loseVxlan();
  assert.equal(bench.used.at(-1), 'sleeve');
  bench.sleeve.wires.delete(B);
  await bench.clock.run(30_000);
  assert.deepEqual(bench.hurried, [B]);
});

test('a vxlan too narrow for whole frames gives way, and the sleeve’s path is told how wide it is', async () => {
  const bench = await Bench.joined();
  bench.overlays.setCeiling(1_376);
  bench.sleeve.wires.set(B, 1_300);
  bench.overlays.setCeiling(1_377); // searched anew
  await bench.clock.run(20_000);
  assert.ok(Math.abs(bench.sleeve.pathMtus.get(B)! - 1_300) <= 8, `${bench.sleeve.pathMtus.get(B)}`);
  bench.vxlan({ mtu: 1_226 });
  assert.deepEqual(bench.used, ['vxlan', 'sleeve']);
  assert.deepEqual(bench.logged, ['overlay-changed b sleeve narrow']);
});

test('frames that go by the sleeve quicken its probes', async () => {
  const bench = await Bench.joined('sleeve');
  await bench.clock.run(120_000);
  const idle = bench.sleeve.probed.length;
  await bench.clock.run(20_000);
  assert.ok(bench.sleeve.probed.length - idle <= 2);
  for (let i = 0; i < 40; i++) {
    bench.sleeve.moveFrames(B, 1, 100);
    await bench.clock.run(500);
  }
  const busy = bench.sleeve.probed.length;
  assert.ok(busy - idle > 40, `${busy - idle} probes in 20 s of traffic`);
  assert.deepEqual([bench.describe().txBytes, bench.describe().rxBytes], [4_010, 4_020]);
});

test('a sleeve that is refused says why, and is tried again', async () => {
  const bench = new Bench('sleeve');
  bench.refusal = new SyscallError('bind 0.0.0.0:6784', 'EADDRINUSE');
  bench.overlays.start(true);
  bench.overlays.setPeer(B, AT_B);
  await bench.clock.run(25_000);
  assert.equal(bench.logged.length, 1, 'once');
  const [capability] = bench.overlays.capabilities();
  assert.equal(capability?.ok, false);
  assert.match(capability?.reason ?? '', /EADDRINUSE/);
  assert.equal(capability?.remedy, 'ss -lunp | grep 6784');
  assert.match(bench.describe().reason, /^no sleeve: .*EADDRINUSE/);
  bench.refusal = undefined;
  await bench.clock.run(10_000);
  assert.deepEqual([bench.sleeves.length, bench.overlays.capabilities()], [1, []]);
});

test('what the sleeve does without is in the status, with what helps', async () => {
  const bench = await Bench.joined();
  assert.deepEqual(bench.overlays.capabilities(), []);
  for (const part of FAST_PARTS) bench.sleeve.emit({ kind: 'fallback', what: part });
  const said = bench.overlays.capabilities();
  assert.deepEqual(
    said.map(({ name, ok, reason, remedy }) => [name, ok, reason !== '' && remedy !== '']),
    FAST_PARTS.map(() => ['sleeve', false, true]),
  );
  assert.equal(said[FAST_PARTS.indexOf('udp-gro')]?.reason, 'no UDP_GRO: a system call for each datagram that comes');
});

test('what the threads tell is logged by the peer’s name, asked of the router, or looked into', async () => {
  const bench = await Bench.joined();
  const { sleeve } = bench;
  bench.reports.length = 0;
  sleeve.emit({ kind: 'needRekey', peer: B });
  sleeve.emit({ kind: 'moved', peer: B, remote: { ip: '192.0.2.9' as Ip, port: 6784 } });
  assert.deepEqual(bench.heardAt, [[B, '192.0.2.9']]);
  sleeve.emit({ kind: 'workerDied', worker: 'rx', why: 'it broke' });
  sleeve.emit({ kind: 'workerRestarted', worker: 'rx' });
  sleeve.emit({ kind: 'fallback', what: 'uso' });
  sleeve.emit({ kind: 'tapLost', vni: 100 as never });
  assert.deepEqual(bench.reports, [{ kind: 'sessionWorn', peer: B }]);
  assert.deepEqual(bench.logged, [
    'sleeve-moved b 192.0.2.9',
    'sleeve-thread-died rx it broke',
    'sleeve-thread-restarted rx',
    'sleeve-fallback uso',
  ]);
  assert.equal(bench.tapsLost, 1);
});

test('after a stop no timer is left, and the sleeve is closed', async () => {
  const bench = await Bench.joined();
  bench.vxlan({});
  await bench.overlays.stop();
  assert.equal(bench.clock.armed, 0);
  assert.ok(bench.sleeve.isClosed);
});

test('an idle peer gets no keys while its vxlan works, and gets them when it is lost or needed', async () => {
  const bench = new Bench();
  bench.overlays.start(true);
  bench.overlays.setIdle(B, true);
  bench.overlays.setPeer(B, AT_B);
  await bench.clock.run(4_000);
  bench.vxlan({});
  assert.equal(bench.reports.length, 0);
  bench.loseVxlan();
  bench.vxlan({});
  bench.overlays.setIdle(B, false);
  bench.overlays.setIdle(B, true);
  const wanted = bench.reports.flatMap((r) => (r.kind === 'sessionWanted' ? [r.wanted] : []));
  assert.deepEqual(wanted, [true, false, true, false]);
});

test('a sleeve that was given up with its keys is not taken for one that works', async () => {
  const bench = await Bench.joined();
  bench.vxlan({});
  bench.overlays.setIdle(B, true);
  bench.overlays.setSession(B, undefined);
  bench.vxlan({ mtu: 1_000 });
  assert.deepEqual(bench.used, ['vxlan']);
});
