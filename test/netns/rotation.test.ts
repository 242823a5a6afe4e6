// `mesh secret rotate` on ten real hosts under traffic, and the ways in and out after it.
//
//   c0 ── h0 ══ vxlan ══ h1 ── c1      c2 ── h2 ══ sleeve ══ h3 ── c3      h4 … h9      iperf3 on both pairs
import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Done } from '../../cli/demo/namespace.js';
import { attached, pathsUp } from '../support/mesh-lab.js';
import { createLab, eventually, LAB_SECRET, ping, type Namespace } from '../support/netns.js';
import { allSeeAll, launchRouter, type RouterProcess } from '../support/router-process.js';

const lab = createLab();
delete process.env.MESH_SECRET; // nobody has one but by what this test does
const TRAFFIC_S = 14;

const hosts = Array.from({ length: 10 }, (_, i) => lab.host(`h${i}`));
const founder = await launchRouter(lab, hosts[0]!);
const secretOf = async (r: RouterProcess): Promise<string> => (await r.must('secret', '--bare')).trim();
const FIRST = await secretOf(founder);
const sealed = (i: number): readonly string[] => (i === 2 || i === 3 ? ['--trusted-subnets', 'none'] : []);
const others = await Promise.all(
  hosts.slice(1).map((host, i) => launchRouter(lab, host, '--secret', FIRST, ...sealed(i + 1), founder.host.v4)),
);
const all = [founder, ...others];
await allSeeAll(all, 60_000);
const containers = await Promise.all(
  [0, 1, 2, 3, 9].map((i) => attached(lab, all[i]!, `c${i}`, `10.32.0.${i + 1}/12`)),
);
const [c0, c1, c2, c3] = containers as [Namespace, Namespace, Namespace, Namespace];

/** @returns what the client says when it has ended */
async function transfer(from: Namespace, to: Namespace, address: string): Promise<Done> {
  const server = to.start(['iperf3', '-s', '-1'], 'ignore');
  await sleep(300);
  return from.run('iperf3', '-c', address, '-t', `${TRAFFIC_S}`, '-b', '50M', '-J').finally(() => server.kill());
}

const keyOf = async (r: RouterProcess): Promise<string | undefined> => {
  const { rotation } = await r.status();
  return rotation?.isOver === true ? rotation.key : undefined;
};

/** How many control connections it made since it was launched. */
const streamsOf = (r: RouterProcess): number => r.log().split('connection-up').length;

test('ten routers have a new secret within 10 s, and no TCP session is lost, of containers or of routers', async (t) => {
  await pathsUp(founder, 7);
  await eventually('the sleeve carries between h2 and h3', 30_000, async () =>
    (await all[2]!.status()).connections.some((c) => c.name === 'h3' && c.overlay === 'sleeve') ? true : undefined,
  );
  const streams = all.map(streamsOf);
  const runs = [transfer(c0, c1, '10.32.0.2'), transfer(c2, c3, '10.32.0.4')];
  await sleep(2_000);
  const startedAt = performance.now();
  const { code, stdout, stderr } = await all[4]!.mesh('secret', 'rotate');
  const seconds = (performance.now() - startedAt) / 1_000;
  assert.equal(code, 0, stderr);
  t.diagnostic(`${stderr.trim()}; the command took ${seconds.toFixed(1)} s`);
  assert.match(stderr, /^mesh: 10 of 10 routers have the new secret, and the old one is refused, after \d\.\d s\n$/);
  const keys = await eventually('all ten have retired the old one', 10_000 - seconds * 1_000, async () => {
    const known = await Promise.all(all.map(keyOf));
    return known.includes(undefined) ? undefined : known;
  });
  t.diagnostic(
    `all ten refuse the old one ${((performance.now() - startedAt) / 1_000).toFixed(1)} s after it was typed`,
  );
  assert.equal(new Set(keys).size, 1);
  assert.deepEqual(new Set(await Promise.all(all.map(secretOf))).size, 1);
  assert.match(stdout, /^sudo mesh launch --detach --secret ([a-z]+-){11}[a-z]+ 10\.99\.0\.5\n$/);
  assert.ok(!stdout.includes(FIRST));
  assert.equal(statSync(join(all[7]!.stateDir, 'secret.json')).mode & 0o777, 0o600);
  for (const run of runs) {
    const done = await run;
    assert.equal(done.code, 0, done.stdout + done.stderr);
    const { end } = JSON.parse(done.stdout) as { end: { sum_received: { bits_per_second: number; seconds: number } } };
    t.diagnostic(`iperf3 meanwhile: ${(end.sum_received.bits_per_second / 1e6).toFixed(1)} of 50 Mbit/s`);
    assert.ok(end.sum_received.seconds >= TRAFFIC_S - 1 && end.sum_received.bits_per_second > 1e6);
  }
  assert.deepEqual(all.map(streamsOf), streams, 'no control stream was made anew');
});

test('the old secret is refused, and it is said on both sides', async () => {
  const late = await launchRouter(lab, lab.host('late'), '--secret', FIRST, hosts[3]!.v4);
  const said = await eventually('it says why', 5_000, async () => {
    const [target] = (await late.status()).targets;
    return target?.reason === '' ? undefined : target;
  });
  assert.equal(said.reason, 'its mesh has changed its secret');
  const problem = (await all[3]!.status()).problems.find(({ what }) => what.startsWith(late.host.v4));
  assert.equal(problem?.reason, 'it has a former secret of this mesh: it was away when that was changed');
  assert.equal(
    problem.remedy,
    `on it: mesh connect ${hosts[3]!.v4} --secret SECRET, as "mesh secret --bare" tells it here`,
  );
  await late.kill9();
});

test('what cannot be rotated to is one sentence, and changes nothing', async () => {
  const secret = await secretOf(founder);
  for (const [args, why] of [
    [['--secret', secret], 'the new secret will not do: it is the secret that the mesh has'],
    [['--secret', FIRST], 'the new secret will not do: the mesh had it before'],
    [['--secret', 'hunter2'], '--secret will not do: it has 7 characters, 12 characters of several kinds'],
    [['--secret', 'aaaaaaaaaaaaaaaaaa'], '--secret will not do: it is easily guessed'],
    [['--secret-file', '/nowhere'], 'cannot read "/nowhere": ENOENT'],
  ] as const) {
    const { code, stdout, stderr } = await founder.mesh('secret', 'rotate', ...args);
    assert.ok(code !== 0 && stdout === '', stderr);
    assert.ok(stderr.startsWith(`mesh: cannot rotate the secret: ${why}`), stderr);
  }
  assert.equal(await secretOf(founder), secret);
});

test('a host that was away is refused, and one line brings it back with its endpoint', async (t) => {
  const away = all[9]!;
  await away.kill9();
  await eventually('it is given up', 20_000, async () =>
    (await founder.status()).peers.some((p) => p.name === 'h9' && p.status === 'faulty') ? true : undefined,
  );
  const { code, stderr } = await founder.mesh('secret', 'rotate', '--secret', LAB_SECRET);
  assert.equal(code, 0, stderr);
  assert.match(
    stderr,
    /^mesh: 9 of 10 routers have the new secret, and the old one is refused, after .* s\n {2}h9: it does not answer\nmesh: on a host that was away:\n {2}sudo mesh connect 10\.99\.0\.1 --secret legal-/,
  );
  await away.launch();
  const problem = await eventually('its status says why', 20_000, async () =>
    (await away.status()).problems.find(({ reason }) => reason.startsWith('the mesh has changed its secret')),
  );
  assert.match(problem.remedy, /^mesh connect 10\.99\.0\.\d+ --secret SECRET/);
  assert.match(away.log(), /secret-outdated/);
  assert.equal((await away.status()).endpoints.length, 1);
  const startedAt = performance.now();
  await away.must('connect', founder.host.v4, '--secret', LAB_SECRET);
  await allSeeAll(all, 20_000);
  t.diagnostic(`all see it ${Math.round(performance.now() - startedAt)} ms after the line was typed`);
  assert.ok((await ping(c0, '10.32.0.10', 20, 200)).received > 0, 'its container is there');
  assert.equal(await secretOf(away), LAB_SECRET);
});

test('an evicted peer is out everywhere within 2 s, does not learn the new secret, and comes back with neither', async (t) => {
  const [out, by] = [all[8]!, all[1]!];
  const rest = all.filter((r) => r !== out);
  const startedAt = performance.now();
  const command = by.mesh('evict', 'h8', '--rotate');
  await eventually('it is out on all others', 20_000, async () => {
    const documents = await Promise.all(rest.map((r) => r.status()));
    return documents.every((d) => d.evicted.length === 1 && d.peers.every((p) => p.name !== 'h8')) ? true : undefined;
  });
  t.diagnostic(`out on nine others ${Math.round(performance.now() - startedAt)} ms after the command began`);
  const { code, stderr } = await command;
  assert.equal(code, 0, stderr);
  assert.match(stderr, /^mesh: 9 of 9 routers have the new secret, and the old one is refused/);
  const secret = await secretOf(by);
  assert.equal(await secretOf(out), LAB_SECRET, 'it was not told');
  assert.ok(secret !== LAB_SECRET && (await secretOf(all[5]!)) === secret);
  await out.must('reset', '--force');
  await out.launch('--secret', LAB_SECRET, ...rest.map(({ host }) => host.v4)); // another key
  await sleep(3_000);
  const { targets, peers } = await out.status();
  assert.deepEqual(
    [targets.map((target) => target.reason), peers],
    [rest.map(() => 'its mesh has changed its secret'), []],
  );
  for (const r of rest) assert.equal((await r.status()).peers.length, 8);
});
