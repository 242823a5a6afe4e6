// Ways through other hosts, where nothing passes between two.
//
//        ┌── host c ──┐                  one switch, all reach all, until the cable between a and b is cut
//   ca ─ a ─────×──── b ─ cb
//        └── host d ──┘                  d comes later, and takes over when c's router is killed
//
//   ce ─ e ─── f ─── g ─── h ─ ch        cables: e and h have no route to one another
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { attached, joinedRouters, pathsUp, PingStream } from '../support/mesh-lab.js';
import { createLab, eventually, ping, type Host, type Namespace } from '../support/netns.js';
import { bothWays, broadcastHeard, carriedBy, connection, sleeveStands } from '../support/overlay-lab.js';
import { PingWatch } from '../support/ping-watch.js';
import { allSeeAll, launchRouter, type RouterProcess } from '../support/router-process.js';

/** 1,000 is promised, and kept where the machine is not the tests' alone (they print it). */
const LEFT_WITHIN_MS = 3_000;
const BACK_WITHIN_MS = 5_000;
/** Traffic quickens the probes when two looks in a row have seen it. */
const NOTICED_MS = 7_000;

const lab = createLab();
const [a, b, c] = (await joinedRouters(lab, ['a', 'b', 'c'])) as [RouterProcess, RouterProcess, RouterProcess];
const ca = await attached(lab, a, 'ca', '10.32.0.1/12', 'fd32::1/64');
const cb = await attached(lab, b, 'cb', '10.32.0.2/12', 'fd32::2/64');
const cc = await attached(lab, c, 'cc', '10.32.0.3/12', 'fd32::3/64');

/** All of these have found that the sleeves to all of the others work. */
async function sleevesStand(routers: readonly RouterProcess[]): Promise<void> {
  await Promise.all(routers.map(sleeveStands));
  await sleep(2_000); // keys for each pair, and a first probe
}

const words = (silences: readonly { gapMs: number; lost: number }[]): string =>
  silences.map(({ gapMs, lost }) => `${gapMs.toFixed(0)} ms (${lost} pings)`).join(', ');

async function allArrive(from: Namespace, address: string, ...args: readonly string[]): Promise<void> {
  const { code, stdout } = await from.run('ping', '-nqc', '20', '-i', '0.02', '-W', '2', ...args, address);
  assert.ok(code === 0 && / 0% packet loss/.test(stdout), stdout);
}

test('when nothing passes between two hosts any more a third one relays within a second, and ceases without a loss', async (t) => {
  await sleevesStand([a, b, c]);
  const pings = [new PingWatch(ca, '10.32.0.2', 10), new PingWatch(cb, 'fd32::1', 10)];
  await sleep(NOTICED_MS);
  const cutAt = Date.now();
  lab.cut('a', 'b');
  await carriedBy('relay', a, b, 10_000);
  await sleep(3_000);
  const silences = await Promise.all(pings.map((p) => p.stop(cutAt - 1_000)));
  t.diagnostic(`the longest silence each way: ${words(silences)}`);

  const { overlay, reason, remedy, mtu } = await connection(a, b);
  assert.deepEqual([overlay, reason, mtu], ['relay', 'relayed by c (vxlan and sleeve get no answer)', 1_376]);
  assert.equal(remedy, 'open UDP 6784 and 6785 between this host and it');
  for (const view of [[], ['connections'], ['topology']])
    assert.match(await a.must('status', ...view), /relayed by c/, view.join());
  assert.equal((await connection(a, c)).overlay, 'vxlan');

  const rates = await bothWays(ca, cb, '10.32.0.2', 2);
  t.diagnostic(`iperf3 both ways over the relay: ${rates.map((r) => (r / 1e6).toFixed(0)).join(' and ')} Mbit/s`);
  for (const [from, others] of [
    [ca, [cb, cc]],
    [cb, [ca, cc]],
    [cc, [ca, cb]],
  ] as const)
    assert.deepEqual(await broadcastHeard(from, others), [10, 10], `from ${from.name}`);

  const back = [new PingStream(ca, '10.32.0.2', 10, 800), new PingStream(cb, 'fd32::1', 10, 800)];
  await sleep(500);
  lab.heal('a', 'b');
  const backMs = await carriedBy('vxlan', a, b, 15_000);
  t.diagnostic(`back on the vxlan after ${backMs.toFixed(0)} ms`);
  for (const stream of back) await stream.lostNone();
  assert.ok(
    silences.every(({ gapMs }) => gapMs < LEFT_WITHIN_MS),
    words(silences),
  );
  assert.ok(backMs < BACK_WITHIN_MS, `${backMs} ms`);
  assert.ok(rates.every((rate) => rate > 5e6));
});

test('when the relay’s router is killed another relay takes over', async (t) => {
  const d = await launchRouter(lab, lab.host('d'), a.host.v4);
  await allSeeAll([a, b, c, d], 60_000);
  await Promise.all([pathsUp(d, 3), sleevesStand([d])]);
  const pings = [new PingWatch(ca, '10.32.0.2', 10), new PingWatch(cb, 'fd32::1', 10)];
  lab.cut('a', 'b');
  await carriedBy('relay', a, b, 15_000);
  await sleep(NOTICED_MS);
  const first = /^relayed by (\w)/.exec((await connection(a, b)).reason)?.[1];
  const [relay, rest] = first === 'c' ? [c, d] : [d, c];
  const killedAt = Date.now();
  await relay.kill9();
  for (const [one, other] of [
    [a, b],
    [b, a],
  ] as const)
    await eventually(`${one.host.name} is relayed by ${rest.host.name}`, 15_000, async () =>
      (await connection(one, other)).reason.startsWith(`relayed by ${rest.host.name}`) ? true : undefined,
    );
  await sleep(2_000);
  const silences = await Promise.all(pings.map((p) => p.stop(killedAt - 1_000)));
  t.diagnostic(`the longest silence each way: ${words(silences)}`);
  await relay.launch();
  lab.heal('a', 'b');
  assert.ok(
    silences.every(({ gapMs }) => gapMs < LEFT_WITHIN_MS),
    words(silences),
  );
});

/** Four hosts in a row that have no other way but the cable to the next. */
async function line(names: readonly string[]): Promise<readonly RouterProcess[]> {
  const hosts = names.map((name) => lab.host(name));
  for (const { netns } of hosts) netns.ip('link del eth0');
  for (const [i, { netns }] of hosts.slice(1).entries()) {
    const before = hosts[i]!.netns;
    before.ip(
      `link add right type veth peer name left netns ${netns.name}`,
      `addr add 10.98.${i}.1/24 dev right`,
      'link set right up',
    );
    netns.ip(`addr add 10.98.${i}.2/24 dev left`, 'link set left up');
  }
  const routers: RouterProcess[] = [];
  for (const [i, host] of hosts.entries())
    routers.push(await launchRouter(lab, host, ...(i > 0 ? [`10.98.${i - 1}.1`] : [])));
  await allSeeAll(routers, 60_000);
  return routers;
}

test('in a line of four hosts the ends ping each other and do TCP over two relays', async (t) => {
  const since = performance.now();
  const [e, f, g, h] = (await line(['e', 'f', 'g', 'h'])) as [
    RouterProcess,
    RouterProcess,
    RouterProcess,
    RouterProcess,
  ];
  const all = await Promise.all(
    [e, f, g, h].map((r, i) => attached(lab, r, `c${r.host.name}`, `10.32.0.${i + 1}/12`, `fd32::${i + 1}/64`)),
  );
  await carriedBy('relay', e, h, 60_000);
  t.diagnostic(`the ends reach each other ${(performance.now() - since).toFixed(0)} ms after the first launch`);
  await Promise.all([carriedBy('relay', e, g), carriedBy('relay', f, h)]);
  const [ce, , , ch] = all as [Namespace, Namespace, Namespace, Namespace];
  for (const address of ['10.32.0.4', 'fd32::4']) {
    await allArrive(ce, address);
    await allArrive(ce, address, '-s', '10000');
  }
  const { reason } = await connection(e, h);
  assert.equal(reason, 'relayed by f and 1 more (vxlan and sleeve get no answer)');
  const rates = await bothWays(ce, ch, '10.32.0.4', 2);
  t.diagnostic(`iperf3 both ways over two relays: ${rates.map((r) => (r / 1e6).toFixed(0)).join(' and ')} Mbit/s`);
  assert.ok(rates.every((rate) => rate > 5e6));
  for (const from of all) {
    const others = all.filter((one) => one !== from);
    assert.deepEqual(await broadcastHeard(from, others), [10, 10, 10], `from ${from.name}`);
  }
  assert.equal((await ping(ch, 'fd32::1', 20, 20)).received, 20);
  t.diagnostic(await e.must('status'));
  t.diagnostic(await e.must('status', 'topology'));
  t.diagnostic(await e.must('status', 'connections'));
});

test('hosts with no address in common reach each other through one that has both', async () => {
  const [four, six, both] = ['i', 'j', 'k'].map((name) => lab.host(name)) as [Host, Host, Host];
  four.netns.ip(`addr del ${four.v6}/64 dev eth0`);
  six.netns.ip(`addr del ${six.v4}/24 dev eth0`);
  const k = await launchRouter(lab, both);
  const i = await launchRouter(lab, four, both.v4);
  const j = await launchRouter(lab, six, `[${both.v6}]`);
  await allSeeAll([i, j, k], 60_000);
  const ci = await attached(lab, i, 'ci', '10.33.0.1/12', 'fd32::b1/64');
  await attached(lab, j, 'cj', '10.33.0.2/12', 'fd32::b2/64');
  await carriedBy('relay', i, j);
  assert.equal((await connection(i, j)).reason, 'relayed by k (no address in common)');
  for (const address of ['10.33.0.2', 'fd32::b2']) {
    await allArrive(ci, address);
    await allArrive(ci, address, '-s', '10000');
  }
});
