// Overlays that were asked for, meshes that use several, and a way too narrow for the vxlan.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { attached } from '../support/mesh-lab.js';
import { createLab, eventually, ping, type Namespace } from '../support/netns.js';
import { blockVxlan, bothWays, broadcastHeard, carriedBy, connection, launchMesh } from '../support/overlay-lab.js';
import type { RouterProcess } from '../support/router-process.js';

const lab = createLab();

/** One container on each router, `10.32.0.N` and `fd32::N`. */
const containers = (routers: readonly RouterProcess[]): Promise<Namespace[]> =>
  Promise.all(routers.map((r, i) => attached(lab, r, `c-${r.host.name}`, `10.32.0.${i + 1}/12`, `fd32::${i + 1}/64`)));

const end = (routers: readonly RouterProcess[]): Promise<unknown> => Promise.all(routers.map((r) => r.terminate()));

async function allArrive(from: Namespace, address: string, ...args: readonly string[]): Promise<void> {
  const { code, stdout } = await from.run('ping', '-nqc', '20', '-i', '0.02', '-W', '2', ...args, address);
  assert.ok(code === 0 && / 0% packet loss/.test(stdout), stdout);
}

test('--overlay sleeve carries pings, packets in parts, broadcasts and TCP, over both families', async (t) => {
  const routers = await launchMesh(lab, { a: ['--overlay=sleeve'], b: ['--overlay=sleeve'] });
  const [a, b] = routers as [RouterProcess, RouterProcess];
  const [ca, cb] = (await containers(routers)) as [Namespace, Namespace];
  await carriedBy('sleeve', a, b);
  for (const address of ['10.32.0.2', 'fd32::2']) {
    await allArrive(ca, address);
    await allArrive(ca, address, '-s', '10000');
  }
  assert.deepEqual([await broadcastHeard(ca, [cb]), await broadcastHeard(cb, [ca])], [[10], [10]]);
  const rates = await bothWays(ca, cb, '10.32.0.2', 2);
  t.diagnostic(`iperf3 both ways: ${rates.map((r) => (r / 1e6).toFixed(0)).join(' and ')} Mbit/s`);
  assert.ok(rates.every((rate) => rate > 20e6));
  const { reason, remedy, txBytes } = await connection(a, b);
  assert.deepEqual([reason, remedy], ['', '']);
  assert.ok(txBytes! > 1e6);
  await end(routers);
});

test('--overlay vxlan on one side is never left for the sleeve, and both sides say what is wrong', async () => {
  const routers = await launchMesh(lab, { c: ['--overlay=vxlan'], d: [] });
  const [c, d] = routers as [RouterProcess, RouterProcess];
  await carriedBy('vxlan', c, d);
  const [cc] = (await containers(routers)) as [Namespace, Namespace];
  await allArrive(cc, '10.32.0.2');
  await sleep(5_000); // d's sleeve has started by now
  await Promise.all([blockVxlan(c), blockVxlan(d)]);
  for (const [one, other] of [
    [c, d],
    [d, c],
  ] as const)
    await eventually(`${one.host.name} says what is wrong`, 30_000, async () => {
      const { overlay, reason, remedy } = await connection(one, other);
      return overlay === 'none' && reason === 'probes lost' && /UDP 6785/.test(remedy) ? true : undefined;
    });
  assert.match(await d.must('status'), /probes lost/);
  for (const router of routers) assert.doesNotMatch(router.log(), /overlay=sleeve/);
  assert.doesNotMatch(await c.host.netns.must('ip', '-br', 'link'), /ms-mesh/);
  await end(routers);
});

test('where one pair of three is on the sleeve, a broadcast reaches each host exactly once', async () => {
  const routers = await launchMesh(lab, { e: [], f: [], g: [] });
  const [e, f, g] = routers as [RouterProcess, RouterProcess, RouterProcess];
  const all = (await containers(routers)) as [Namespace, Namespace, Namespace];
  await Promise.all([blockVxlan(e, f), blockVxlan(f, e)]);
  await carriedBy('sleeve', e, f, 60_000);
  await Promise.all([carriedBy('vxlan', e, g), carriedBy('vxlan', f, g)]);
  for (const from of all) {
    const others = all.filter((container) => container !== from);
    assert.deepEqual(await broadcastHeard(from, others), [10, 10], `from ${from.name}`);
    for (const n of [1, 2, 3]) assert.equal((await ping(from, `10.32.0.${n}`, 5, 20)).received, 5);
  }
  await end(routers);
});

test('where the way is narrower than the network the sleeve cuts, and status says why', async (t) => {
  for (const name of ['h', 'i']) lab.host(name).netns.ip('link set eth0 gso_max_segs 1');
  await lab.wire.must('nft', 'add rule bridge lab cuts ip protocol udp meta length > 1300 drop');
  const routers = await launchMesh(lab, { h: [], i: [] });
  const [h, i] = routers as [RouterProcess, RouterProcess];
  const [ch, ci] = (await containers(routers)) as [Namespace, Namespace];
  await carriedBy('sleeve', h, i, 60_000);
  for (const address of ['10.32.0.2', 'fd32::2']) {
    await allArrive(ch, address);
    await allArrive(ch, address, '-s', '10000');
  }
  const rates = await bothWays(ch, ci, '10.32.0.2', 2);
  t.diagnostic(`iperf3 both ways: ${rates.map((r) => (r / 1e6).toFixed(0)).join(' and ')} Mbit/s`);
  assert.ok(rates.every((rate) => rate > 1e6));
  const { reason, remedy } = await connection(h, i);
  assert.match(reason, /^vxlan: path MTU 12\d\d is less than the network's 1376$/);
  assert.match(remedy, /^raise the MTU between/);
  assert.match(await h.must('status', 'connections'), /vxlan: path MTU/);
  t.diagnostic(await h.must('status'));
  t.diagnostic(await h.must('status', 'connections'));
  t.diagnostic(await h.must('status', 'topology'));
  await end(routers);
});
