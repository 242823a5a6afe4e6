// Where the operator does not trust the underlay nothing goes over VXLAN: not out, not in, not for a moment.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { attached, joinedRouters, pathsUp } from '../support/mesh-lab.js';
import { createLab, eventually, ping } from '../support/netns.js';
import { launchRouter } from '../support/router-process.js';

const lab = createLab();
const [a, b] = await joinedRouters(lab, ['a', 'b']);

test('with a peer that trusts no subnet all data is sealed, both ways and from the first packet, and status says why', async () => {
  const captured = await lab.capture();
  const c = await launchRouter(lab, lab.host('c'), '--trusted-subnets', 'none', a!.host.v4);
  const [web, db] = [await attached(lab, a!, 'web', '10.32.0.1/12'), await attached(lab, c, 'db', '10.32.0.3/12')];
  for (const [router, other] of [
    [a!, 'c'],
    [c, 'a'],
  ] as const)
    // prettier-ignore
    await eventually(`${router.host.name} has a sealed way to ${other}`, 30_000, async () =>
      (await router.status()).connections.find(({ name, overlay }) => name === other && overlay === 'sleeve'),
    );
  assert.equal((await ping(web, '10.32.0.3', 5)).received, 5);
  assert.equal((await ping(db, '10.32.0.1', 5)).received, 5);
  const plain = await captured.lines(`udp port 6785 and host ${c.host.v4}`);
  assert.deepEqual(plain, []);
  const says = async (router: typeof c, other: string): Promise<string> =>
    (await router.status()).connections.find(({ name }) => name === other)!.reason;
  assert.equal(await says(c, 'a'), `sealed: ${a!.host.v4} is not in --trusted-subnets`);
  assert.equal(await says(a!, 'c'), `sealed: ${c.host.v4} is not in --trusted-subnets of c`);
  assert.match(await a!.must('status', 'connections'), /vxlan plain/);
  assert.match(await c.must('status'), /no problems/);
});

test('those who trust each other go on by VXLAN', async () => {
  await pathsUp(a!, 1);
  const web = await attached(lab, b!, 'mail', '10.32.0.2/12');
  assert.equal((await ping(web, '10.32.0.1', 3)).received, 3);
});
