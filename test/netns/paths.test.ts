// Path probing on Linux, between hosts that are namespaces.
//
//   c1, c2 ── mb-x ── mv-x ── eth0 │ a │──── wire ────│ b │ eth0 ── mv-x ── mb-x ── d1
//             mesh-vxp, mesh-vxp6 ─┘                    └─ mesh-vxp, mesh-vxp6
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { after, test, type TestContext } from 'node:test';
import type { Capability } from '../../datapath/datapath.js';
import { probeMac } from '../../datapath/paths/probe/frame.js';
import type { Ip, LinkIndex, Mac, PathReport, PeerForward, PeerId } from '../../router/types.js';
import { createLab, eventually, ping, type Host, type Lab } from '../support/netns.js';
import type { Command, Reply } from './paths-host.js';

const SCRIPT = fileURLToPath(new URL('./paths-host.js', import.meta.url));
const PORT = 6785;
const NETWORK_MTU = 1376;

interface State {
  readonly paths: readonly PathReport[];
  readonly capabilities: readonly Capability[];
  readonly counters: Readonly<Record<string, number>>;
  readonly cpuMs: number;
}

/** A host and the process in it. */
class Prober {
  readonly host: Host;
  readonly id: PeerId;
  readonly reports: { readonly path: PathReport; readonly at: number }[] = [];
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, (reply: Reply) => void>();
  #next = 0;

  constructor(host: Host, id: PeerId) {
    this.host = host;
    this.id = id;
    this.#child = host.netns.start([process.execPath, SCRIPT], ['ignore', 'inherit', 'inherit', 'ipc']);
    this.#child.on('message', (m: Reply | { report: { kind: string; path: PathReport }; at: number }) => {
      if ('report' in m) this.reports.push({ path: m.report.path, at: m.at });
      else this.#waiting.get(m.id)?.(m);
    });
  }

  do(command: Command): Promise<unknown> {
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, (r) => (r.error === undefined ? resolve(r.value) : reject(new Error(r.error))));
      this.#child.send({ id, command });
    });
  }

  async state(): Promise<State> {
    return (await this.do({ kind: 'state' })) as State;
  }

  async path(): Promise<PathReport> {
    return (await this.state()).paths[0]!;
  }

  /** The path once `holds` says so of it. */
  until(what: string, withinMs: number, holds: (p: PathReport) => boolean): Promise<PathReport> {
    return eventually(what, withinMs, async () => {
      const path = await this.path();
      if (!holds(path)) throw new Error(JSON.stringify(path));
      return path;
    });
  }

  end(): void {
    this.#child.kill('SIGKILL');
  }
}

type Families = readonly ('v4' | 'v6')[];

/** Two hosts whose probers know each other. */
async function pair(
  lab: Lab,
  names: readonly [string, string],
  families: Families = ['v4'],
): Promise<[Prober, Prober]> {
  const ids = [`${names[0]}1`, `${names[1]}2`].map((n) => Buffer.from(n.padEnd(16, '.')).toString('hex') as PeerId);
  const [a, b] = names.map((name, i) => new Prober(lab.host(name), ids[i]!)) as [Prober, Prober];
  after(() => [a, b].forEach((p) => p.end()));
  for (const p of [a, b]) {
    const local = Object.fromEntries(families.map((f) => [f, p.host[f] as Ip]));
    await p.do({ kind: 'init', config: { self: p.id, vxlanPort: PORT, local } });
  }
  for (const [p, other] of [
    [a, b],
    [b, a],
  ] as const)
    await p.do({ kind: 'setPeer', args: [other.id, forwardOf(other, families)] });
  return [a, b];
}

const forwardOf = (p: Prober, families: Families): PeerForward => ({
  name: p.host.name,
  ...Object.fromEntries(families.map((f) => [f, { ip: p.host[f] as Ip, port: PORT }])),
});

const containerMac = (n: number): string => `02:00:00:00:00:0${n}`;

/** A network made by hand: the bridge, its vxlan, and containers with the addresses 10.32.0.n and fd32::n. */
function network(lab: Lab, host: Host, remote: Host, here: readonly number[], there: readonly number[]): void {
  host.netns.ip(
    `link add mb-x address 02:aa:00:00:00:01 mtu ${NETWORK_MTU} type bridge mcast_snooping 0`,
    'link set mb-x addrgenmode none up',
    `link add mv-x mtu ${NETWORK_MTU} type vxlan id 100 local ${host.v4} dstport ${PORT} nolearning`,
    'link set mv-x addrgenmode none master mb-x up',
  );
  for (const n of here) {
    const container = lab.container(`${host.name}${n}`);
    host.netns.ip(
      `link add p${n} mtu ${NETWORK_MTU} type veth peer name eth0 address ${containerMac(n)} netns ${container.name}`,
      `link set p${n} addrgenmode none master mb-x up`,
    );
    container.ip(
      `link set eth0 mtu ${NETWORK_MTU} up`,
      `addr add 10.32.0.${n}/24 dev eth0`,
      `addr add fd32::${n}/64 dev eth0 nodad`,
    );
    for (const m of [...here, ...there])
      if (m !== n) container.ip(`neigh replace 10.32.0.${m} lladdr ${containerMac(m)} dev eth0 nud permanent`);
  }
  for (const n of there) {
    lab.host(host.name); // the rows are bridge(8)'s, which has no batch for a namespace by name
    fdb.push([host, `fdb replace ${containerMac(n)} dev mv-x dst ${remote.v4} self permanent`]);
    fdb.push([host, `fdb replace ${containerMac(n)} dev mv-x master static`]);
  }
}
const fdb: [Host, string][] = [];

async function programFdb(): Promise<void> {
  for (const [host, line] of fdb.splice(0)) await host.netns.must('bridge', ...line.split(' '));
}

const indexOf = async (host: Host, link: string): Promise<LinkIndex> =>
  (JSON.parse(await host.netns.must('ip', '-j', 'link', 'show', link)) as { ifindex: LinkIndex }[])[0]!.ifindex;

const isUp = (p: PathReport): boolean => p.state === 'up' && p.mtu !== undefined;

test('a path over IPv4 comes up with RTT and MTU, and goes down and up with its UDP port', async (t: TestContext) => {
  const lab = createLab();
  const [a, b] = await pair(lab, ['a', 'b']);
  network(lab, a.host, b.host, [1], [3]);
  network(lab, b.host, a.host, [3], [1]);
  await programFdb();
  for (const p of [a, b]) await p.do({ kind: 'setCeiling', args: [NETWORK_MTU] });
  const up = await a.until('up', 5_000, isUp);
  assert.equal(up.mtu, NETWORK_MTU);
  assert.ok(up.rttMs! > 0 && up.rttMs! < 100);
  assert.deepEqual([up.overlay, up.reason, up.remedy], ['vxlan', '', '']);

  // Probes are no traffic; what a container sends is, in both directions and on both sides.
  await a.until('counted', 5_000, (p) => p.txBytes === 0 && p.rxBytes === 0);
  const pings = await ping(lab.container('a1'), '10.32.0.3', 20, 5);
  assert.equal(pings.received, 20);
  const outerBytes = 20 * (84 + 14 + 36); // ICMP with 56 bytes of data, Ethernet, VXLAN, UDP, IP
  for (const p of [a, b]) {
    const counted = await p.until('traffic', 6_000, ({ txBytes }) => (txBytes ?? 0) >= outerBytes);
    assert.deepEqual([counted.txBytes, counted.rxBytes], [outerBytes, outerBytes]);
  }

  const stream = lab.container('a1').start(['ping', '-n', '-q', '-i', '0.02', '10.32.0.3'], 'ignore');
  await sleep(2_500); // the counters are read every 2 s
  for (const p of [a, b]) p.reports.length = 0;
  const cutAt = Date.now();
  await b.host.netns.must(
    'nft',
    `table inet block { chain in { type filter hook input priority -400; udp dport ${PORT} drop; }; }`,
  );
  const down = await a.until('down', 5_000, (p) => p.state === 'down');
  t.diagnostic(`down after ${a.reports.find((r) => r.path.state === 'down')!.at - cutAt} ms with traffic`);
  assert.equal(down.reason, 'probes lost');
  assert.equal(down.remedy, `is UDP 6785 open from ${a.host.v4} to ${b.host.v4} (b)?`);
  stream.kill('SIGKILL');
  await b.until('down there too', 5_000, (p) => p.state === 'down');
  const healedAt = Date.now();
  await b.host.netns.must('nft', 'delete table inet block');
  await a.until('up again', 5_000, isUp);
  t.diagnostic(`up ${a.reports.findLast((r) => r.path.state === 'up')!.at - healedAt} ms after the cure`);
});

test('the RTT is that of ping, within 0.5 ms, while every processor is busy', async (t: TestContext) => {
  const lab = createLab();
  const spin = [process.execPath, '-e', 'for (;;);'];
  const hogs = Array.from({ length: 2 * availableParallelism() }, () => lab.host('t').netns.start(spin, 'ignore'));
  t.after(() => hogs.forEach((hog) => hog.kill('SIGKILL')));
  const [a, b] = await pair(lab, ['t', 'u']);
  for (const p of [a, b]) await p.until('up', 20_000, isUp);
  const { rttMs: pings } = await ping(a.host.netns, b.host.v4, 21, 20);
  const median = pings.toSorted((x, y) => x - y)[10]!;
  for (const p of [a, b]) {
    const { rttMs } = await p.path();
    t.diagnostic(`${p.host.name}: ${rttMs!.toFixed(3)} ms, ping ${median} ms, ${p.reports.length} reports`);
    assert.ok(Math.abs(rttMs! - median) < 0.5);
  }
});

test('a narrow hop is found to the byte, over IPv4 and IPv6, and said', async () => {
  const lab = createLab();
  for (const [family, names, mtu] of [
    ['v4', ['m', 'n'], 1350],
    ['v6', ['o', 'q'], 1330],
  ] as const) {
    lab.host(names[0]);
    lab.host(names[1]);
    lab.wire.ip(`link set to-${names[1]} mtu 1400`); // a bridge says nothing of what it drops
    const [a] = await pair(lab, names, [family]);
    const narrow = await a.until('the MTU', 20_000, isUp);
    assert.equal(narrow.mtu, mtu);
    assert.match(narrow.reason, new RegExp(`^path MTU ${mtu} is less than the network's 1376$`));
  }
});

test('hosts without a common family have no path, and are told', async () => {
  const lab = createLab();
  const [a] = await pair(lab, ['r', 's'], ['v4']);
  await a.do({ kind: 'setPeer', args: [probePeer(9), { name: 'six', v6: { ip: 'fd99::9' as Ip, port: PORT } }] });
  const six = (await a.state()).paths[1]!;
  assert.deepEqual([six.overlay, six.state, six.reason], ['none', 'down', 'no address in common']);
});

const probePeer = (n: number): PeerId => `${n}`.repeat(32) as PeerId;

test('the probe device is adopted, repaired when it is deleted or its rows are, and gone after a reset', async () => {
  const lab = createLab();
  const [a, b] = await pair(lab, ['e', 'f'], ['v4', 'v6']);
  await a.until('up', 5_000, isUp);
  const index = await indexOf(a.host, 'mesh-vxp');
  assert.match(
    await a.host.netns.must('ip', '-d', 'link', 'show', 'mesh-vxp'),
    new RegExp(`${probeMac(a.id)}.*id 16777215 srcport.* df set`, 's'),
  );
  assert.equal((await a.host.netns.must('ip', 'addr', 'show', 'mesh-vxp')).includes('inet'), false);

  await a.do({ kind: 'stop' });
  await a.do({ kind: 'restart' });
  await a.do({ kind: 'setPeer', args: [b.id, forwardOf(b, ['v4', 'v6'])] });
  await a.until('up after a restart', 5_000, isUp);
  assert.equal(await indexOf(a.host, 'mesh-vxp'), index);

  const row = `${probeMac(b.id)} dst ${b.host.v4} self permanent`;
  const rows = () => a.host.netns.must('bridge', 'fdb', 'show', 'dev', 'mesh-vxp');
  await a.host.netns.must('bridge', 'fdb', 'del', probeMac(b.id), 'dev', 'mesh-vxp', 'self');
  await eventually('the row', 3_000, async () => ((await rows()).includes(row) ? true : undefined));
  await a.host.netns.must('ip', 'link', 'del', 'mesh-vxp');
  await eventually('the device', 3_000, async () => ((await rows()).includes(row) ? true : undefined));
  await a.host.netns.must('ip', 'link', 'set', 'mesh-vxp', 'down');
  await eventually('up', 3_000, async () =>
    /[<,]UP[,>]/.test(await a.host.netns.must('ip', 'link', 'show', 'mesh-vxp')) ? true : undefined,
  );
  await a.until('up after repairs', 8_000, isUp);

  await a.host.netns.must('nft', 'flush', 'ruleset');
  const table = () => a.host.netns.run('nft', 'list', 'table', 'inet', 'mesh_6785');
  await eventually('the table', 5_000, async () => ((await table()).stdout.includes(b.host.v4) ? true : undefined));
  await a.do({ kind: 'reset' });
  await a.do({ kind: 'reset' });
  assert.notEqual((await table()).code, 0);
  assert.doesNotMatch(await a.host.netns.must('ip', 'link'), /mesh-vxp/);
});

test('an announcement replaces what a container has cached, for IPv4 and IPv6, and does not reach the wire', async () => {
  const lab = createLab();
  const [a, b] = await pair(lab, ['g', 'h']);
  network(lab, a.host, b.host, [1], []);
  await a.host.netns.must('bridge', ...'link set dev mv-x neigh_suppress on'.split(' '));
  const box = lab.container('g1');
  box.ip(...['10.32.0.9', 'fd32::9'].map((ip) => `neigh replace ${ip} lladdr 02:00:00:00:00:99 dev eth0 nud stale`));
  const moved = '02:00:00:00:00:77' as Mac;
  const entries = ['10.32.0.9', 'fd32::9'].map((ip) => ({ ip: ip as Ip, mac: moved }));
  await a.do({ kind: 'announce', args: [await indexOf(a.host, 'mb-x'), entries] });
  for (const { ip } of entries)
    await eventually(`${ip} in the cache`, 2_000, async () =>
      (await box.must('ip', 'neigh', 'show', ip)).includes(moved) ? true : undefined,
    );
  assert.equal((await a.state()).counters['announce-sent'], 2);
  assert.match(await a.host.netns.must('ip', '-s', '-j', 'link', 'show', 'mv-x'), /"tx":\{"bytes":0,/);
  assert.doesNotMatch(await a.host.netns.must('bridge', 'fdb', 'show', 'br', 'mb-x'), new RegExp(moved));
});

for (const how of ['iptables', 'iptables with DOCKER-USER', 'iptables-legacy', 'nft'] as const)
  test(`containers reach each other though the host forwards nothing (${how})`, async () => {
    const lab = createLab();
    const [a, b] = await pair(lab, ['i', 'j']);
    network(lab, a.host, b.host, [1, 2], []);
    const sh = (line: string) => a.host.netns.must('sh', '-ec', line);
    const tool = how === 'iptables-legacy' ? how : 'iptables';
    if (how === 'nft')
      await sh(`nft 'table inet fw { chain closed { type filter hook forward priority 0; policy drop; }; }'`);
    else await sh(`${tool} -P FORWARD DROP`);
    await sh('sysctl -qw net.bridge.bridge-nf-call-iptables=1');
    if (how.endsWith('USER')) await sh('iptables -N DOCKER-USER; iptables -A FORWARD -j DOCKER-USER');
    const reaches = async () => ((await ping(lab.container('i1'), '10.32.0.2', 1)).received === 1 ? true : undefined);
    assert.equal(await reaches(), undefined);
    await a.do({ kind: 'setBridges', args: [['mb-x']] });
    await eventually('forwarding', 5_000, reaches);
    const rules = () => sh(how === 'nft' ? 'nft list table inet fw' : `${tool} -S`);
    assert.match(await rules(), how.endsWith('USER') ? /-A DOCKER-USER -i mb-x -o mb-x .*mesh_6785/ : /mesh_6785/);
    const forward = (await a.state()).capabilities.find((c) => c.name === 'forward')!;
    assert.match(`${forward.ok} ${forward.reason}`, /^true .*drops; accepted mb-x there$/);
    await sh(
      how === 'nft'
        ? 'nft flush chain inet fw closed'
        : `${tool} -F ${how.endsWith('USER') ? 'DOCKER-USER' : 'FORWARD'}`,
    );
    await eventually('forwarding after a flush', 6_000, reaches);
    await a.do({ kind: 'reset' });
    assert.doesNotMatch(await rules(), /mesh/);
  });
