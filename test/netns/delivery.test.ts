// What reaches whom, and what never leaves a host.
//
//   a1, a2 ── host a ══╗
//   b1 ────── host b ══╬══ wire      host d has no container
//   c1 ────── host c ══╝
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { joinedRouters } from '../support/mesh-lab.js';
import { tablesAreTrue } from '../support/kernel-truth.js';
import { createLab, eventually, ping, type Capture, type Namespace } from '../support/netns.js';

const CAPTURE_MS = Number(process.env.MESH_CAPTURE_MS ?? 6_000);
const QUIET_AFTER_MS = 4_000; // an interface that is new asks for routers and reports its groups for some seconds

const lab = createLab();
const [a, b, c, d] = await joinedRouters(lab, ['a', 'b', 'c', 'd']);
const containers = new Map<string, Namespace>();
for (const [n, router, name] of [
  [1, a, 'a1'],
  [2, a, 'a2'],
  [3, b, 'b1'],
  [4, c, 'c1'],
] as const) {
  const container = lab.container(name);
  const ips = [`10.32.0.${n}/12`, `fd32::${n}/64`];
  await router!.client.attach({ target: container.name, ips, mac: `02:00:00:00:00:0${n}` });
  containers.set(name, container);
}
const [a1] = [...containers.values()];
await tablesAreTrue(
  [a!, b!, c!, d!],
  [...containers].map(([name, container]) => ({ on: { a, b, c }[name[0]!]!, container })),
);
await sleep(QUIET_AFTER_MS);

/** Inner frames of network `mesh`, with the outer line before each. */
async function inner(capture: Capture, filter = 'ip'): Promise<string[]> {
  const lines = await capture.lines(`udp port 6785 and ${filter}`, 'vxlan');
  return lines.flatMap((line, i) => (/vni 6785$/.test(line) ? [`${line} ${lines[i + 1]}`] : []));
}

test('no ARP request and no neighbour solicitation for an announced address crosses the wire', async (t) => {
  const capture = await lab.capture();
  const until = Date.now() + CAPTURE_MS;
  let rounds = 0;
  for (; rounds < 2 || Date.now() < until; rounds++) {
    for (const from of containers.values()) from.ip('neigh flush all');
    const pings = [...containers.values()].flatMap((from, i) =>
      [1, 2, 3, 4]
        .filter((n) => n !== i + 1)
        .flatMap((n) => [ping(from, `10.32.0.${n}`, 1), ping(from, `fd32::${n}`, 1)]),
    );
    for (const { received } of await Promise.all(pings)) assert.equal(received, 1);
  }
  const frames = await inner(capture);
  const asked = frames.filter((f) => /who-has|neighbor solicitation/.test(f));
  t.diagnostic(
    `${rounds} rounds of 24 pings from cold caches; ${frames.length} frames, ${asked.length} of them questions`,
  );
  assert.ok(frames.length > rounds * 10, 'the capture shows the pings');
  assert.deepEqual(
    asked.filter((f) => /> (ff:ff:ff:ff:ff:ff|33:33:)/.test(f)),
    [],
  );
});

const GROUPS = [
  ['10.47.255.255', 'ip daddr 10.47.255.255'],
  ['255.255.255.255', 'ip daddr 255.255.255.255'],
  ['224.0.0.251', 'ip daddr 224.0.0.251'],
  ['239.1.2.3', 'ip daddr 239.1.2.3'],
  ['ff02::1', 'ip6 daddr ff02::1 icmpv6 type echo-request'],
  ['ff02::1:3', 'ip6 daddr ff02::1:3 icmpv6 type echo-request'],
  ['ff05::2:4', 'ip6 daddr ff05::2:4 icmpv6 type echo-request'],
] as const;
const QUERIES = 'ip protocol igmp @th,0,8 0x11';
const PER_GROUP = 5;

/**
 * Counts every frame that comes out of the container's interface, joined or not. By a1's MAC, for the copies that its
 * own stack hands back to it have no Ethernet header.
 */
async function count(container: Namespace): Promise<void> {
  const matches = [...GROUPS.map(([, match]) => `ether saddr 02:00:00:00:00:01 ${match}`), QUERIES];
  const rules = matches.map((match, i) => `${match} counter name c${i}`);
  const counters = rules.map((_, i) => `counter c${i} { }`);
  await container.must(
    'sh',
    '-ec',
    `nft delete table netdev seen 2>/dev/null || true; nft -f - <<'END'
table netdev seen {
  ${counters.join('\n  ')}
  chain in { type filter hook ingress device "mesh0" priority 0;
    ${rules.join('\n    ')}
  }
}
END`,
  );
}

/** @returns frames seen, in the order of GROUPS, then IGMP queries */
async function counted(container: Namespace): Promise<number[]> {
  const text = await container.must('nft', '-j', 'list', 'counters', 'table', 'netdev', 'seen');
  const { nftables } = JSON.parse(text) as { nftables: { counter?: { name: string; packets: number } }[] };
  const byName = new Map(nftables.flatMap(({ counter }) => (counter ? [[counter.name, counter.packets]] : [])));
  return [...GROUPS, QUERIES].map((_, i) => byName.get(`c${i}`)!);
}

async function eachGroupIsHeardOnce(): Promise<void> {
  for (const container of containers.values()) await count(container);
  const capture = await lab.capture();
  for (const [group] of GROUPS)
    await a1!.run('ping', '-n', '-q', '-b', '-W', '1', '-i', '0.05', '-c', `${PER_GROUP}`, '-I', 'mesh0', group);
  for (const [name, container] of containers) {
    const want = GROUPS.map(() => (name === 'a1' ? 0 : PER_GROUP));
    assert.deepEqual((await counted(container)).slice(0, GROUPS.length), want, `frames at ${name}`);
  }
  // A host without members hears nothing, and each member's host one copy of each.
  assert.deepEqual(await inner(capture, 'dst host 10.99.0.4'), []);
  const copies = (await inner(capture, 'dst host 10.99.0.2')).filter((f) => f.includes('> 239.1.2.3'));
  assert.equal(copies.length, PER_GROUP);
}

test('broadcast and multicast reach every container once, and no host without containers', eachGroupIsHeardOnce);

test('the same with a multicast querier in the network', async () => {
  const b1 = containers.get('b1')!;
  await count(a1!);
  b1.ip(
    'link add name q mtu 1376 type bridge mcast_snooping 1 mcast_querier 1 mcast_query_use_ifaddr 0',
    'link set mesh0 master q',
    'link set q up',
  );
  await eventually('a query is heard', 5_000, async () => ((await counted(a1!)).at(-1)! > 0 ? true : undefined));
  await eachGroupIsHeardOnce();
  b1.ip('link del q');
});

test('a unicast frame to a MAC that nobody announced goes nowhere', async () => {
  const capture = await lab.capture();
  a1!.ip('neigh replace 10.32.0.99 lladdr 02:00:00:00:99:99 dev mesh0 nud permanent');
  assert.equal((await ping(a1!, '10.32.0.99', 3, 50)).received, 0);
  assert.equal((await ping(a1!, '10.32.0.3', 1)).received, 1);
  const frames = await inner(capture, 'src host 10.99.0.1');
  assert.ok(frames.some((f) => f.includes('> 10.32.0.3')));
  assert.deepEqual(
    frames.filter((f) => f.includes('02:00:00:00:99:99')),
    [],
  );
});
