// `mesh evict` on real hosts: the peer is out everywhere, its containers are unreachable, and it cannot return.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { attached, joinedRouters } from '../support/mesh-lab.js';
import { createLab, eventually, ping, type Namespace } from '../support/netns.js';
import { allSeeAll, type RouterProcess } from '../support/router-process.js';

const lab = createLab();
const [a, b, c] = (await joinedRouters(lab, ['a', 'b', 'c'])) as [RouterProcess, RouterProcess, RouterProcess];
after(() => Promise.all([a, b, c].map((r) => r.kill9())));
const [onA, onB, onC] = (await Promise.all(
  [a, b, c].map((router, i) => attached(lab, router, `c${router.host.name}`, `10.32.0.${i + 1}/12`)),
)) as [Namespace, Namespace, Namespace];
const reaches = async (from: Namespace, address: string): Promise<boolean> =>
  (await ping(from, address, 3, 50)).received > 0;

/** Neither b nor a row of it is left on this host. */
async function isOut(router: RouterProcess): Promise<boolean> {
  const { peers, connections, macs, evicted } = await router.status(true);
  const fdb = await router.host.netns.must('bridge', 'fdb', 'show');
  return (
    evicted.some(({ name }) => name === 'b') &&
    [...peers, ...connections].every(({ name }) => name !== 'b') &&
    macs!.every(({ name }) => name !== 'b') &&
    !fdb.includes(`dst ${b.host.v4} `)
  );
}

test('of what cannot be evicted one sentence says why', async () => {
  for (const [word, why] of [
    ['a', 'it is this router itself, which leaves by: mesh reset'],
    ['nobody', 'no peer is called so'],
  ] as const) {
    const { code, stdout, stderr } = await a.mesh('evict', word);
    assert.deepEqual(
      { code, stdout, stderr },
      { code: 1, stdout: '', stderr: `mesh: cannot evict "${word}": ${why}\n  try: mesh status peers\n` },
    );
  }
});

test('an evicted peer is out on every host within 2 s, and its container reaches nobody', async (t) => {
  assert.ok((await reaches(onA, '10.32.0.2')) && (await reaches(onB, '10.32.0.3')));
  const { code, stderr } = await a.mesh('evict', 'b');
  const saidAt = Date.now();
  assert.equal(code, 0);
  assert.match(stderr, /^mesh: warning: "b": it is out for good, but it knows the secret .*: mesh secret rotate$/m);
  await eventually('b is out on a and c', 20_000, async () =>
    (await isOut(a)) && (await isOut(c)) ? true : undefined,
  );
  t.diagnostic(`out on both others ${Date.now() - saidAt} ms after the command returned`);
  assert.equal(await reaches(onA, '10.32.0.2'), false);
  assert.equal(await reaches(onC, '10.32.0.2'), false);
  assert.ok(await reaches(onA, '10.32.0.3'), 'the others go on');
  assert.match(await a.must('status'), /^evicted +b \([0-9a-f]+\)$/m);
});

test('it cannot return, and its status says why', async () => {
  await b.kill9();
  await b.launch(a.host.v4, c.host.v4);
  await eventually('b knows why nobody has it', 20_000, async () =>
    (await b.must('status')).includes('this router was evicted from the mesh') ? true : undefined,
  );
  assert.ok((await isOut(a)) && (await isOut(c)));
  const { code, stderr } = await a.mesh('connect', b.host.v4);
  assert.deepEqual(
    [code, stderr.split('\n')[0]],
    [1, `mesh: cannot connect to "${b.host.v4}": it was evicted from this mesh`],
  );
  assert.ok((await isOut(a)) && (await isOut(c)));
});

test('with a new key it may', async () => {
  await b.must('reset', '--force');
  await b.launch(a.host.v4);
  await allSeeAll([a, b, c], 20_000);
});
