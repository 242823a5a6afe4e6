// Routers that die, freeze, move, are cut off, or were never all connected: the others see it rightly.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { attached, joinedRouters, pathsUp } from '../support/mesh-lab.js';
import { tablesAreTrue } from '../support/kernel-truth.js';
import { createLab, eventually, ping, type Lab, type Namespace } from '../support/netns.js';
import { allSeeAll, launchRouter, type RouterProcess } from '../support/router-process.js';

const PARTITION_MS = Number(process.env.MESH_PARTITION_MS ?? 10_000);
const CALM_MS = Number(process.env.MESH_CALM_MS ?? 15_000); // in which nobody may be called dead
const SPOKES = Number(process.env.MESH_SPOKES ?? 5);
const WITHIN_MS = 20_000; // 5,000 is asked of a machine that does nothing else; the diagnostics say what was

const lab = createLab();
const routers = [...(await joinedRouters(lab, ['a', 'b', 'c', 'd', 'e']))];
const [a, b, c, d, e] = routers as [RouterProcess, RouterProcess, RouterProcess, RouterProcess, RouterProcess];
const ca = await attached(lab, a, 'ca', '10.32.0.1/12', 'fd32::1/64');
const ce = await attached(lab, e, 'ce', '10.32.0.5/12', 'fd32::5/64');

/** Waits until all of `by` call the peer that. @returns how long it took, ms */
async function isSeen(name: string, status: string, by: readonly RouterProcess[]): Promise<number> {
  const start = Date.now();
  await eventually(`${name} is ${status} for ${by.map((r) => r.host.name).join(' ')}`, WITHIN_MS, async () => {
    const documents = await Promise.all(by.map((r) => r.status()));
    const seen = documents.map((doc) => doc.peers.find((p) => p.name === name)?.status);
    assert.deepEqual(seen, by.map(() => status)); // prettier-ignore
    return true;
  });
  return Date.now() - start;
}

/** How often a router has called another dead so far, by its log. */
const deaths = (r: RouterProcess): number =>
  r
    .log()
    .split('\n')
    .filter((line) => line.includes('peer-faulty')).length;

async function reach(from: Namespace, ...addresses: readonly string[]): Promise<void> {
  for (const address of addresses)
    await eventually(`${from.name} reaches ${address}`, 8_000, async () =>
      (await ping(from, address, 2, 20)).received === 2 ? true : undefined,
    );
}

test('a router that is killed is faulty for all, and alive for all when it is back', async (t) => {
  await b.kill9();
  t.diagnostic(`faulty for all after ${await isSeen('b', 'faulty', [a, c, d, e])} ms`);
  await b.launch();
  t.diagnostic(`alive for all ${await isSeen('b', 'alive', [a, c, d, e])} ms after it served its socket`);
  await allSeeAll(routers, WITHIN_MS);
});

test('a router that is frozen for 3 s is not dead for ever', async () => {
  c.freeze();
  await sleep(3_000);
  c.thaw();
  await sleep(1_000);
  await allSeeAll(routers, WITHIN_MS);
});

test('a router that returns with a new address is reached there, and its containers are', async (t) => {
  await e.kill9();
  await isSeen('e', 'faulty', [a, b, c, d]);
  e.host.netns.ip('addr flush dev eth0', 'addr add 10.99.0.77/24 dev eth0', 'addr add fd99::77/64 dev eth0 nodad');
  await e.launch();
  t.diagnostic(`alive for all ${await isSeen('e', 'alive', [a, b, c, d])} ms after it served its socket`);
  await eventually('all name the new address', WITHIN_MS, async () => {
    const documents = await Promise.all([a, b, c, d].map((r) => r.status()));
    const seen = documents.map((doc) => doc.peers.find((p) => p.name === 'e')!.endpoints[0]);
    assert.deepEqual([...new Set(seen)], ['10.99.0.77:6783']);
    return true;
  });
  const moved = { ...e, host: { ...e.host, v4: '10.99.0.77' } } as unknown as RouterProcess;
  await tablesAreTrue([a, b], [{ on: a, container: ca }, { on: moved, container: ce }], WITHIN_MS); // prettier-ignore
  await reach(ca, '10.32.0.5', 'fd32::5');
  await reach(ce, '10.32.0.1', 'fd32::1');
});

test('a partition is seen on both sides, traffic within each goes on, and it heals', async (t) => {
  lab.partition(['a', 'b'], ['c', 'd', 'e']);
  const cut = Date.now();
  await Promise.all([isSeen('e', 'faulty', [a, b]), isSeen('d', 'faulty', [a, b]), isSeen('a', 'faulty', [c, d, e])]);
  t.diagnostic(`the other side is faulty after ${Date.now() - cut} ms`);
  await sleep(Math.max(0, PARTITION_MS - (Date.now() - cut)));
  const cb = await attached(lab, b, 'cb', '10.32.0.2/12');
  const cc = await attached(lab, c, 'cc', '10.32.0.3/12');
  await reach(cb, '10.32.0.1');
  await reach(cc, '10.32.0.5');
  lab.healAll();
  const healed = Date.now();
  await allSeeAll(routers, WITHIN_MS);
  t.diagnostic(`all see all ${Date.now() - healed} ms after the heal`);
  await reach(cb, '10.32.0.3', '10.32.0.5');
  t.diagnostic(`what was attached on either side is reached ${Date.now() - healed} ms after the heal`);
  await Promise.all(routers.map((r) => r.kill9()));
});

/** Launches the hosts with these cables cut, each with one peer to begin with; all see all, and nobody dies for a while. */
async function grown(
  own: Lab,
  names: readonly string[],
  seedOf: (i: number) => number,
  isCut: (i: number, j: number) => boolean,
): Promise<{ mesh: RouterProcess[]; joinedMs: number }> {
  const hosts = names.map((name) => own.host(name));
  for (const [i, x] of names.entries()) for (const [j, y] of names.entries()) if (i < j && isCut(i, j)) own.cut(x, y);
  const mesh: RouterProcess[] = [];
  for (const [i, host] of hosts.entries())
    mesh.push(await launchRouter(own, host, ...(i === 0 ? [] : [hosts[seedOf(i)]!.v4])));
  const served = Date.now();
  await allSeeAll(mesh, WITHIN_MS);
  const joinedMs = Date.now() - served;
  const before = mesh.map(deaths);
  await sleep(CALM_MS);
  await allSeeAll(mesh, WITHIN_MS);
  assert.deepEqual(mesh.map(deaths), before, 'nobody was called dead');
  return { mesh, joinedMs };
}

test('a hub whose spokes cannot reach each other is a healthy mesh', async (t) => {
  const own = createLab();
  const names = ['hub', ...Array.from({ length: SPOKES }, (_, i) => `s${i + 1}`)];
  const { mesh, joinedMs } = await grown(own, names, () => 0, (i) => i > 0); // prettier-ignore
  t.diagnostic(
    `all see all ${joinedMs} ms after the last of ${SPOKES} spokes served its socket; no death in ${CALM_MS} ms`,
  );
  await pathsUp(mesh[0]!, SPOKES);
  const [hub, s1, s2] = mesh as [RouterProcess, RouterProcess, RouterProcess];
  assert.equal((await s1.status()).peers.find((p) => p.name === 's2')!.reach, 'via hub');
  const box = await attached(own, hub, 'at-hub', '10.32.0.1/12', 'fd32::1/64');
  const spoke = await attached(own, s1, 'at-s1', '10.32.0.2/12', 'fd32::2/64');
  await attached(own, s2, 'at-s2', '10.32.0.3/12');
  await reach(box, '10.32.0.2', 'fd32::2', '10.32.0.3');
  await reach(spoke, '10.32.0.1', 'fd32::1');
  await s2.kill9();
  t.diagnostic(
    `a spoke that was killed is faulty for all after ${await isSeen(
      's2',
      'faulty',
      mesh.filter((r) => r !== s2),
    )} ms`,
  );
  await Promise.all(mesh.map((r) => r.kill9()));
});

test('a line of five hosts is a healthy mesh', async (t) => {
  const own = createLab();
  const names = ['l1', 'l2', 'l3', 'l4', 'l5'];
  const { mesh, joinedMs } = await grown(own, names, (i) => i - 1, (i, j) => j > i + 1); // prettier-ignore
  t.diagnostic(`all see all ${joinedMs} ms after the last of the line served its socket; no death in ${CALM_MS} ms`);
  assert.equal((await mesh[0]!.status()).peers.find((p) => p.name === 'l5')!.reach, 'via l2');
  const boxes: Namespace[] = [];
  for (const [i, router] of mesh.entries())
    boxes.push(await attached(own, router, `at-l${i + 1}`, `10.32.0.${i + 1}/12`));
  for (const [i, box] of boxes.slice(1).entries()) await reach(box, `10.32.0.${i + 1}`);
  // What is attached at one end is known at the other, though no path leads there.
  await eventually('the far end knows', WITHIN_MS, async () =>
    (await mesh[4]!.status(true)).macs!.some((m) => m.name === 'l1') ? true : undefined,
  );
  await Promise.all(mesh.map((r) => r.kill9()));
});
