// Two hosts in namespaces of one process, on the real kernel: what is forwarded, and what is mended.
import assert from 'node:assert/strict';
import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createDatapath } from '../../datapath/index.js';
import type { Datapath } from '../../datapath/datapath.js';
import { portName } from '../../datapath/names.js';
import { createLinuxKernel } from '../../datapath/netlink/linux-kernel.js';
import { closeFd, openNetns } from '../../datapath/syscalls.js';
import type { Cidr, DatapathReport, ForwardingDelta, Ip } from '../../router/types.js';
import { FakePaths, id, macOf, NET, network } from '../support/datapath-lab.js';
import { peerOf } from '../support/peers.js';

assert.equal(process.env['MESH_SANDBOX'], '1', 'this test changes links: run it by scripts/sandbox.sh');

const ip = (...args: string[]): string => execFileSync('ip', args, { encoding: 'utf8' });
const inside = (ns: string, ...args: string[]): string => ip('netns', 'exec', ns, ...args);

interface Host {
  readonly n: number;
  readonly ns: string;
  datapath: Datapath;
  readonly reports: DatapathReport[];
}

const hosts: Host[] = [];

function launch(n: number, reports: DatapathReport[]): Datapath {
  const fd = openNetns(`/run/netns/dp-h${n}`);
  const kernel = createLinuxKernel().inNamespace(fd);
  closeFd(fd);
  const local = { v4: `10.9.0.${n}` as Ip, v6: `fd09::${n}` as Ip };
  const config = { self: peerOf(n), vxlanPort: 6785, local, onReport: (r: DatapathReport) => void reports.push(r) };
  return createDatapath({ ...config, overlay: 'vxlan', log: () => {} }, { kernel, paths: new FakePaths() });
}

/** What host `n` is told of host `other`: its vtep, its container and that container's addresses. */
function tableOf(other: number, family: 'v4' | 'v6'): ForwardingDelta[] {
  const address = { ip: (family === 'v4' ? `10.9.0.${other}` : `fd09::${other}`) as Ip, port: 6785 };
  return [
    network(),
    { kind: 'peer', peer: peerOf(other), value: { name: `h${other}`, [family]: address } },
    { kind: 'member', network: NET, peer: peerOf(other), value: true },
    { kind: 'mac', network: NET, mac: macOf(other), value: peerOf(other) },
    { kind: 'neigh', network: NET, ip: `10.32.0.${other}` as Ip, value: macOf(other) },
    { kind: 'neigh', network: NET, ip: `fd32::${other}` as Ip, value: macOf(other) },
  ];
}

async function attach(host: Host): Promise<void> {
  const ips = [`10.32.0.${host.n}/16`, `fd32::${host.n}/64`] as Cidr[];
  await host.datapath.endpointCreate({ id: id(`c${host.n}`), network: NET, mac: macOf(host.n), ips });
  await host.datapath.endpointJoin(id(`c${host.n}`), { netns: `/run/netns/dp-c${host.n}`, ifname: 'eth0' });
}

before(async () => {
  ip('link', 'add', 'dp-u1', 'type', 'veth', 'peer', 'name', 'dp-u2');
  for (const n of [1, 2]) {
    const ns = `dp-h${n}`;
    for (const name of [ns, `dp-c${n}`]) {
      ip('netns', 'add', name);
      ip('-n', name, 'link', 'set', 'lo', 'up');
    }
    ip('link', 'set', `dp-u${n}`, 'netns', ns);
    ip('-n', ns, 'addr', 'add', `10.9.0.${n}/24`, 'dev', `dp-u${n}`);
    ip('-n', ns, 'addr', 'add', `fd09::${n}/64`, 'dev', `dp-u${n}`, 'nodad');
    ip('-n', ns, 'link', 'set', `dp-u${n}`, 'up');
    const reports: DatapathReport[] = [];
    hosts.push({ n, ns, reports, datapath: launch(n, reports) });
  }
  for (const host of hosts) {
    await host.datapath.start();
    host.datapath.apply(tableOf(3 - host.n, 'v4'));
    host.datapath.settled();
    await attach(host);
  }
});

after(async () => {
  for (const host of hosts) await host.datapath.stop();
  for (const n of [1, 2]) for (const name of [`dp-h${n}`, `dp-c${n}`]) spawnSync('ip', ['netns', 'del', name]);
});

/** @returns replies to `count` pings from container 1 */
function pings(target: string, count = 5): number {
  const run = spawnSync('ip', ['netns', 'exec', 'dp-c1', 'ping', '-i', '0.02', '-W', '1', '-c', `${count}`, target]);
  return Number(/(\d+) received/.exec(run.stdout.toString())?.[1] ?? 0);
}

/** Until `target` answers again; the deadline is the project's promise of a repair within 2 s. */
async function untilMended(what: string, target = '10.32.0.2'): Promise<void> {
  for (let i = 0; i < 40; i++) {
    await sleep(50);
    if (pings(target, 1) === 1) return;
  }
  assert.fail(`no answer 2 s after ${what}`);
}

const fdb = (ns: string): string => inside(ns, 'bridge', 'fdb', 'show');

test('containers on two hosts reach each other over vxlan, by IPv4 and IPv6, from the first packet', () => {
  assert.equal(pings('10.32.0.2'), 5);
  assert.equal(pings('fd32::2'), 5);
});

test('a full-size packet passes and the network MTU is what the container has', () => {
  const run = spawnSync('ip', ['netns', 'exec', 'dp-c1', 'ping', '-M', 'do', '-s', '1348', '-c', '1', '10.32.0.2']);
  assert.equal(run.status, 0);
  assert.match(ip('-n', 'dp-c1', 'link', 'show', 'eth0'), /mtu 1376/);
});

test('a restarted router adopts the links: the same indices, and not a ping lost', async () => {
  const host = hosts[0]!;
  const indices = (): string => ip('-n', host.ns, '-br', 'link', 'show').replace(/ .*/gm, '');
  const links = indices();
  const args = ['netns', 'exec', 'dp-c1', 'ping', '-i', '0.01', '-c', '150', '10.32.0.2'];
  const pinging = new Promise<string>((resolve) => {
    execFile('ip', args, (_error, stdout) => resolve(stdout));
  });
  await host.datapath.stop();
  host.datapath = launch(1, host.reports);
  await host.datapath.start();
  host.datapath.apply([network()]);
  await attach(host);
  host.datapath.apply(tableOf(2, 'v4'));
  host.datapath.settled();
  await host.datapath.flushed();
  assert.match(await pinging, / 150 received/);
  assert.equal(indices(), links);
  assert.deepEqual(host.reports, []);
});

test('a flushed bridge FDB, a deleted vxlan, a port down and a bridge down are mended', async () => {
  inside('dp-h1', 'bridge', 'fdb', 'flush', 'dev', 'mb-web');
  inside('dp-h1', 'bridge', 'fdb', 'flush', 'dev', 'mv-web');
  await untilMended('a flush');
  ip('-n', 'dp-h1', 'link', 'del', 'mv-web');
  await untilMended('the loss of the vxlan');
  ip('-n', 'dp-h1', 'link', 'set', 'mv-web', 'down');
  await untilMended('the vxlan going down');
  ip('-n', 'dp-h1', 'link', 'set', portName(id('c1')), 'down');
  await untilMended('the port going down');
  ip('-n', 'dp-h1', 'link', 'set', 'mb-web', 'down');
  await untilMended('the bridge going down');
  ip('-n', 'dp-h1', 'link', 'set', 'mv-web', 'nomaster');
  await untilMended('the uplink leaving the bridge');
  ip('-n', 'dp-h1', 'link', 'del', 'mb-web');
  await untilMended('the loss of the bridge');
  await hosts[0]!.datapath.flushed();
  assert.match(fdb('dp-h1'), /02:00:00:00:00:02 dev mv-web master mb-web static/);
  assert.match(ip('-n', 'dp-h1', 'neigh', 'show', 'dev', 'mb-web'), /10\.32\.0\.2 .*PERMANENT/);
});

test('peers that have only IPv6 underneath reach each other over the second vxlan', async () => {
  for (const host of hosts) host.datapath.apply(tableOf(3 - host.n, 'v6'));
  for (const host of hosts) await host.datapath.flushed();
  assert.equal(pings('10.32.0.2'), 5);
  assert.match(fdb('dp-h1'), /02:00:00:00:00:02 dev mw-web dst fd09::2/);
  assert.doesNotMatch(fdb('dp-h1'), /dev mv-web dst/);
});

test('an exposed host is reached and hidden again without loss to the containers', async () => {
  const host = hosts[1]!;
  const mac = await host.datapath.expose(NET, ['10.32.0.20/16' as Cidr]);
  hosts[0]!.datapath.apply([
    { kind: 'mac', network: NET, mac, value: peerOf(2) },
    { kind: 'neigh', network: NET, ip: '10.32.0.20' as Ip, value: mac },
  ]);
  await hosts[0]!.datapath.flushed();
  assert.equal(pings('10.32.0.20'), 5);
  await host.datapath.hide(NET, ['10.32.0.20/16' as Cidr]);
  assert.equal(pings('10.32.0.20', 1), 0);
  assert.match(ip('-n', 'dp-h2', 'neigh', 'show', 'dev', 'mb-web'), /10\.32\.0\.1 .*PERMANENT/);
  assert.equal(pings('10.32.0.2'), 5);
});

test('the death of a namespace takes the endpoint with it, and says so', async () => {
  const gone = new Promise<void>((resolve) => {
    const timer = setInterval(() => {
      if (!hosts[1]!.reports.some((r) => r.kind === 'endpointGone')) return;
      clearInterval(timer);
      resolve();
    }, 20);
  });
  ip('netns', 'del', 'dp-c2');
  await gone;
  assert.deepEqual(hosts[1]!.reports, [{ kind: 'endpointGone', id: 'c2' }]);
});

test('reset removes every link', async () => {
  for (const host of hosts) await host.datapath.reset();
  assert.doesNotMatch(ip('-n', 'dp-h1', 'link', 'show'), /m[bvw]-web|mp[0-9a-f]{10}/);
});
