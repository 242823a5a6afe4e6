// Two thousand packets a second at each port of a router, from strangers: whoever has the secret does not notice, or gets in all the
// same, and nothing that remembers strangers has more entries than it may.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { MAX_CALLERS, MAX_MEMBERS, MAX_SENDERS } from '../../datapath/guard/flood-limits.js';
import { Attacker } from '../support/flood/flood-lab.js';
import { attached, joinedRouters, pathsUp, sleevesUp } from '../support/mesh-lab.js';
import { createLab, ping } from '../support/netns.js';
import { allSeeAll, launchRouter } from '../support/router-process.js';

const PER_S = 2_000;
const JOIN_WITHIN_MS = 60_000;

const lab = createLab();
const heard = await lab.capture();
const [a, b] = await joinedRouters(lab, ['a', 'b']);
const [ca, cb] = [await attached(lab, a!, 'ca', '10.32.0.1/12'), await attached(lab, b!, 'cb', '10.32.0.2/12')];
await ping(cb, '10.32.0.1', 3);
const attacker = new Attacker(lab.host('x'), a!.host, 16);
await sleevesUp(a!, b!);
await sleep(6_000); // a quiet sleeve is probed every five seconds
await attacker.record(heard);
for (const at of ['streams', 'datagrams', 'sleeve', 'vxlan'] as const) assert.ok(attacker.recorded(at) > 0, at);

const before = (await a!.status()).counters;
for (const at of ['streams', 'datagrams', 'sleeve', 'vxlan'] as const) attacker.flood({ at, perS: PER_S, sources: 0 });
const counters = async (): Promise<Record<string, number>> => {
  const now = (await a!.status()).counters;
  return Object.fromEntries(Object.entries(now).map(([name, n]) => [name, n - (before[name] ?? 0)]));
};

const LIMITED = ['streams', 'datagrams', 'sleeve'].map((at) => `datapath.guard-limited-${at}`);

test('a flood at each port is dropped and counted, peers stay peers, and no ping is lost', async () => {
  const { sent, received } = await ping(ca, '10.32.0.2', 200, 20);
  assert.equal(received, sent);
  const now = await counters();
  for (const name of [...LIMITED, 'datapath.guard-stranger-vxlan'])
    assert.ok(now[name]! > PER_S, `${name} ${now[name]}`);
  for (const router of [a!, b!])
    assert.deepEqual(
      (await router.status()).peers.map(({ status }) => status),
      ['alive'],
    );
  assert.match(a!.log(), /flood/);
  assert.doesNotMatch(a!.log(), /\bbug\b/);
});

test('who was a member and is killed comes back meanwhile', async () => {
  await b!.kill9();
  await b!.launch(a!.host.v4);
  await allSeeAll([a!, b!], 10_000);
  await pathsUp(a!, 1);
});

test('who has the secret and was never heard of joins meanwhile', async () => {
  const from = performance.now();
  const c = await launchRouter(lab, lab.host('c'), a!.host.v4);
  await allSeeAll([a!, b!, c], JOIN_WITHIN_MS);
  console.log(`joined after ${((performance.now() - from) / 1_000).toFixed(1)} s`);
});

test('what remembers strangers is bounded, and nobody was let in', async () => {
  const sizes = { caller: MAX_CALLERS, sender: MAX_SENDERS, member_caller: MAX_MEMBERS, member_sender: MAX_MEMBERS };
  for (const [name, size] of Object.entries(sizes)) {
    const text = await a!.host.netns.must('nft', '-j', 'list', 'set', 'inet', 'mesh_6785_underlay', `${name}4`);
    const { set } = (JSON.parse(text) as { nftables: { set?: { size: number; elem?: unknown[] } }[] }).nftables[1]!;
    assert.equal(set!.size, size);
    assert.ok((set!.elem?.length ?? 0) <= size, `${name}: ${set!.elem?.length} of ${size}`);
    console.log(`${name}4: ${set!.elem?.length ?? 0} of ${size}`);
  }
  const now = await counters();
  console.log(JSON.stringify(now));
  assert.ok(now['handshake-stamp'] === undefined, 'what is recorded is genuine');
  const { peers } = await a!.status();
  assert.deepEqual(peers.map(({ name }) => name).sort(), ['b', 'c']);
  console.log(`${await attacker.end()} packets sent`);
});
