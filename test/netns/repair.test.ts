// Whatever another tool does to a host's links, rows and rules, traffic is back within two seconds.
//
//   ca ── host a ══ vxlan ══ host b ── cb      cc ── host c
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { attached, joinedRouters, sleevesUp } from '../support/mesh-lab.js';
import { tablesAreTrue, type Placed } from '../support/kernel-truth.js';
import { createLab, eventually, ping } from '../support/netns.js';
import { PingWatch } from '../support/ping-watch.js';
import type { RouterProcess } from '../support/router-process.js';

const MENDED_MS = 3_000; // 2,000 is promised
/** Until the vxlan carries again, when it or its probes were gone: the sleeve does meanwhile, and no ping waits for it. */
const BACK_MS = 15_000;
/** Repairs that follow on another wait up to a second, which is the harder case; with 5,500 each is the first. */
const CALM_MS = Number(process.env.MESH_CALM_MS ?? 0);
const STORM_FRAMES = 3_000; // what crosses the switch during one repair; a loop makes a hundred times as many

const lab = createLab();
const routers = await joinedRouters(lab, ['a', 'b', 'c']);
const [a, b, c] = routers as [RouterProcess, RouterProcess, RouterProcess];
const ca = await attached(lab, a, 'ca', '10.32.0.1/12', 'fd32::1/64');
const ca2 = await attached(lab, a, 'ca2', '10.32.0.11/12', 'fd32::11/64');
const cb = await attached(lab, b, 'cb', '10.32.0.2/12', 'fd32::2/64');
const cc = await attached(lab, c, 'cc', '10.32.0.3/12', 'fd32::3/64');
const placed: Placed[] = [
  { on: a, container: ca },
  { on: a, container: ca2 },
  { on: b, container: cb },
  { on: c, container: cc },
];
await sleevesUp(...routers);
const before = await links();

/** Of host a, without what changes by itself. */
async function links(): Promise<string[]> {
  const list = JSON.parse(await a.host.netns.must('ip', '-j', '-d', 'link')) as {
    ifname: string;
    address: string;
    mtu: number;
    master?: string;
    flags: string[];
    linkinfo?: { info_slave_data?: Record<string, unknown> };
  }[];
  return list
    .map(({ ifname, mtu, master, flags, linkinfo, address }) => {
      const port = linkinfo?.info_slave_data ?? {};
      const on = ['isolated', 'learning', 'flood', 'mcast_flood', 'bcast_flood', 'neigh_suppress'].filter(
        (f) => port[f],
      );
      const mac = ifname === 'mb-mesh' ? address : ''; // of the others it may be any
      return `${ifname} ${mac} ${mtu} ${master} ${flags.includes('UP')} ${on.join()}`;
    })
    .sort();
}

/** Frames that crossed the switch so far. */
async function wireFrames(): Promise<number> {
  const [link] = JSON.parse(await lab.wire.must('ip', '-j', '-s', 'link', 'show', 'to-a')) as {
    stats64: { rx: { packets: number }; tx: { packets: number } };
  }[];
  return link!.stats64.rx.packets + link!.stats64.tx.packets;
}

/** What is done to host a, as shell. PORT is the link of container ca. */
const TROUBLES: readonly (readonly [what: string, shell: string])[] = [
  ['the FDB of the bridge is flushed', 'bridge fdb flush dev mb-mesh'],
  ['the FDB of the vxlan is flushed', 'bridge fdb flush dev mv-mesh'],
  ['the neighbours are flushed', 'ip neigh flush nud permanent dev mb-mesh'],
  ['the vxlan is deleted', 'ip link del mv-mesh'],
  ['the vxlan is set down', 'ip link set mv-mesh down'],
  ['the vxlan is taken off the bridge', 'ip link set mv-mesh nomaster'],
  [
    'the flags of the uplink are turned round',
    'bridge link set dev mv-mesh isolated off learning on flood on neigh_suppress off',
  ],
  ['the TAP of the sleeve is deleted', 'ip link del ms-mesh'],
  ['the TAP of the sleeve is taken off the bridge', 'ip link set ms-mesh nomaster'],
  ['the bridge is deleted', 'ip link del mb-mesh'],
  ['the bridge is set down', 'ip link set mb-mesh down'],
  ['the MAC of the bridge is changed', 'ip link set mb-mesh address 02:00:00:00:77:77'],
  ['the MTU of the bridge is changed', 'ip link set mb-mesh mtu 1000'],
  ['a port is set down', 'ip link set $PORT down'],
  ['a port is taken off the bridge', 'ip link set $PORT nomaster'],
  ['a port is deleted', 'ip link del $PORT'],
  ['the probe device is deleted', 'ip link del mesh-vxp'],
  ['the nft table is deleted', 'nft delete table inet mesh_6785'],
  [
    'all of it at once',
    'ip link del mb-mesh; ip link del mv-mesh; ip link del ms-mesh; ip link del mesh-vxp; ip link del $PORT; nft flush ruleset',
  ],
];

for (const [what, shell] of TROUBLES)
  test(`${what}: mended`, async (t) => {
    await sleep(CALM_MS);
    const port = await portOf();
    const pings = [
      new PingWatch(ca, '10.32.0.2', 10),
      new PingWatch(cb, 'fd32::1', 10),
      new PingWatch(ca, 'fd32::11', 10),
    ];
    t.after(() => Promise.all(pings.map((watch) => watch.stop())));
    for (const watch of pings) await watch.answered(3_000);
    const frames = await wireFrames();
    const at = Date.now();
    await a.host.netns.must('sh', '-ec', shell.replaceAll('$PORT', port));
    await eventually('the links are as before', MENDED_MS, async () => {
      assert.deepEqual(await links(), before);
      return true;
    });
    await tablesAreTrue([a], placed, BACK_MS);
    const tablesMs = Date.now() - at;
    for (const watch of pings) await watch.answered(MENDED_MS, 10);
    const gaps = await Promise.all(pings.map((watch) => watch.stop(at - 100)));
    const crossed = (await wireFrames()) - frames;
    t.diagnostic(
      `without a reply for ${gaps.map((g) => g.gapMs.toFixed(0)).join(', ')} ms (to b by IPv4, from b by IPv6, on the host); ` +
        `all in place after ${tablesMs} ms; ${crossed} frames on the wire`,
    );
    for (const { gapMs } of gaps) assert.ok(gapMs < MENDED_MS, `${gapMs} ms without a reply`);
    assert.ok(crossed < STORM_FRAMES, `${crossed} frames crossed the wire`);
  });

async function portOf(): Promise<string> {
  const { endpoints } = await a.status();
  const id = endpoints.find((e) => e.ips.includes('10.32.0.1/12'))!.id;
  const list = JSON.parse(await a.host.netns.must('ip', '-j', 'link')) as { ifname: string; ifalias?: string }[];
  return list.find((link) => link.ifalias?.endsWith(`:${id}`))!.ifname;
}

test('after all of it a broadcast is heard once, and paths and counters are there', async () => {
  const ruleset = `table netdev seen { chain in { type filter hook ingress device "mesh0" priority 0; ip6 daddr ff02::1 icmpv6 type echo-request counter; }; }`;
  for (const box of [ca2, cb, cc]) await box.must('nft', ruleset);
  await ca.run('ping', '-n', '-q', '-W', '1', '-i', '0.05', '-c', '5', '-I', 'mesh0', 'ff02::1');
  for (const box of [ca2, cb, cc]) assert.match(await box.must('nft', 'list', 'ruleset'), /counter packets 5 /);
  await eventually('paths are up and counted', 8_000, async () => {
    const { connections } = await a.status();
    return connections.every((conn) => conn.overlay === 'vxlan' && conn.mtu === 1376 && conn.txBytes !== null)
      ? true
      : undefined;
  });
});

test('a host whose FORWARD chain drops still forwards', async () => {
  const sh = (line: string): Promise<string> => a.host.netns.must('sh', '-ec', line);
  await sh('sysctl -qw net.bridge.bridge-nf-call-iptables=1 net.bridge.bridge-nf-call-ip6tables=1');
  await sh('iptables -P FORWARD DROP; ip6tables -P FORWARD DROP');
  for (const address of ['10.32.0.11', 'fd32::11', '10.32.0.2', 'fd32::2'])
    await eventually(`${address} answers`, 5_000, async () =>
      (await ping(ca, address, 1)).received === 1 ? true : undefined,
    );
  await sh('iptables -F FORWARD; ip6tables -F FORWARD');
  for (const address of ['10.32.0.11', 'fd32::11'])
    await eventually(`${address} answers`, 5_000, async () =>
      (await ping(ca, address, 1)).received === 1 ? true : undefined,
    );
  await sh('iptables -P FORWARD ACCEPT; ip6tables -P FORWARD ACCEPT');
});

test('a container that dies is withdrawn everywhere, and one of its name that returns is attached again', async (t) => {
  const mac = '02:00:00:00:dd:01';
  const target = lab.container('doomed').name;
  const attachedAt = await a.client.attach({ target, ips: ['10.32.0.66/12', 'fd32::66/64'], mac });
  assert.equal(attachedAt.endpoint.mac, mac);
  await tablesAreTrue(routers, [...placed, { on: a, container: lab.container('doomed') }]);
  const died = Date.now();
  lab.removeContainer('doomed');
  await tablesAreTrue(routers, placed);
  t.diagnostic(`withdrawn everywhere ${Date.now() - died} ms after its death began`);
  assert.deepEqual(
    (await b.status(true)).macs!.filter((m) => m.mac === mac),
    [],
  );
  const born = Date.now();
  const again = { on: a, container: lab.container('doomed') };
  await eventually('attached again', 5_000, async () => (await ping(cc, '10.32.0.66', 1)).received || undefined);
  t.diagnostic(`attached again after ${Date.now() - born} ms`);
  await tablesAreTrue(routers, [...placed, again]);
});
