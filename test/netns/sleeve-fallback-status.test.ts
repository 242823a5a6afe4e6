// A host that lacks a part of the fast path, as whole routers see it: what they agree on, and what `mesh status` says.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { attached } from '../support/mesh-lab.js';
import { createLab, eventually } from '../support/netns.js';
import { carriedBy } from '../support/overlay-lab.js';
import { allSeeAll, launchRouter, type RouterProcess } from '../support/router-process.js';
import { echoes, transfer } from '../support/traffic.js';

const CPUINFO = '/proc/cpuinfo';

const lab = createLab();

/** Launches a router that reads of a processor without AES. The sandbox's /proc is its own. */
async function launchWithoutAes(name: string, ...args: readonly string[]): Promise<RouterProcess> {
  const file = join(lab.dir, 'cpuinfo');
  writeFileSync(file, readFileSync(CPUINFO, 'utf8').replace(/\b(v?aes|pclmulqdq|pmull)\b/g, ''));
  execFileSync('mount', ['--bind', file, CPUINFO]);
  try {
    return await launchRouter(lab, lab.host(name), ...args);
  } finally {
    execFileSync('umount', [CPUINFO]);
  }
}

test('a processor without AES has the pair seal with the other cipher, and both say so', async (t) => {
  const a = await launchWithoutAes('a', '--overlay=sleeve');
  const b = await launchRouter(lab, lab.host('b'), a.host.v4, '--overlay=sleeve');
  await allSeeAll([a, b], 60_000);
  const ca = await attached(lab, a, 'ca', '10.32.0.1/12', 'fd32::1/64');
  const cb = await attached(lab, b, 'cb', '10.32.0.2/12', 'fd32::2/64');
  await carriedBy('sleeve', a, b);
  await eventually('there is a way', 10_000, async () =>
    (await ca.run('ping', '-nc1', '-W1', '10.32.0.2')).code === 0 ? true : undefined,
  );
  await transfer(ca, cb, '10.32.0.2', { bytes: 4e6 });
  await echoes(cb, ca, 'fd32::1', 640);
  for (const router of [a, b]) {
    const { problems } = await router.status();
    const reasons = problems.filter(({ what }) => what === 'sleeve').map(({ reason }) => reason);
    assert.ok(reasons.some((reason) => reason.startsWith('no AES')), reasons.join()); // prettier-ignore
    assert.match(await router.must('status'), /no AES/);
  }
  t.diagnostic(await a.must('status'));
});

test('routers whose processor has AES have nothing to say of it', async () => {
  const c = await launchRouter(lab, lab.host('c'), '--overlay=sleeve');
  const d = await launchRouter(lab, lab.host('d'), c.host.v4, '--overlay=sleeve');
  await carriedBy('sleeve', c, d);
  const { problems } = await c.status();
  const complains = problems.some(({ reason }) => reason.startsWith('no AES'));
  assert.equal(complains, !/\baes\b/.test(readFileSync(CPUINFO, 'utf8')));
});
