// Bad input to the real program: one sentence, an exit code, and nothing changed.
//
//   host a: a router, container ca ══ host b: a router, container cb      host c: nothing, or what stands in the way
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { must, run, type Done } from '../../cli/demo/namespace.js';
import { attached, joinedRouters, sleevesUp } from '../support/mesh-lab.js';
import { createLab, eventually } from '../support/netns.js';
import { assertRefused, files, imprint, refuses, type Refusal } from '../support/refusal.js';
import { launchRouter, RouterProcess } from '../support/router-process.js';
import { STREAM_VERSION } from '../../router/wire/stream.js';

const MESH = fileURLToPath(new URL('../../cli/main.js', import.meta.url));

const lab = createLab();
const [a, b] = (await joinedRouters(lab, ['a', 'b'])) as [RouterProcess, RouterProcess];
const ca = await attached(lab, a, 'ca', '10.32.0.1/12', 'fd32::1/64');
await attached(lab, b, 'cb', '10.32.0.2/12');
await sleevesUp(a, b);
const free = lab.container('free');
const c = new RouterProcess(lab, lab.host('c'));
await a.must('expose', '--ip', '10.32.0.100/12');
const { id: idOf, mac: macOf } = (await a.status()).endpoints[0]!;

const IP = ['--ip', '10.32.0.9/12'];
const LAUNCH = ['launch', '--state-dir', c.stateDir, '--name', 'c'];
const USAGE = 2;
const NOT_RUNNING = 3;

/** What is typed on host a, and what is said. */
const COMMANDS: readonly (readonly [what: string, argv: readonly string[], refusal: Refusal])[] = [
  ['forget: a peer that nobody knows', ['forget', 'nobody'], { code: 1, says: 'forget "nobody": no peer and no target is called so', remedy: 'mesh status peers' }],
  ['forget: a peer that is alive', ['forget', 'b'], { code: 1, says: 'forget "b": it is alive; stop or reset it there first' }],
  ['connect: a name that does not resolve', ['connect', 'nowhere.example'], { code: 1, says: 'connect to "nowhere.example": cannot resolve "nowhere.example": the resolver does not answer' }],
  ['connect: its own address', ['connect', a.host.v4], { code: 1, says: `connect to "${a.host.v4}": that is this router itself` }],
  ['connect: its own IPv6 address', ['connect', `[${a.host.v6}]`], { code: 1, says: `connect to "[${a.host.v6}]": that is this router itself` }],
  ['connect: loopback', ['connect', '127.0.0.1'], { code: 1, says: 'connect to "127.0.0.1": that is this router itself' }],
  ['attach: no address', ['attach', free.name], { code: 1, says: `attach "${free.name}": no address is given, and automatic addresses are not built yet` }],
  ['attach: a malformed address', ['attach', free.name, '--ip', '10.32.0.300/12'], { code: USAGE, says: 'attach: --ip "10.32.0.300/12" is malformed, it is ADDRESS/LENGTH, as 10.32.0.7/12' }],
  ["attach: the network's own address", ['attach', free.name, '--ip', '10.32.0.0/24'], { code: USAGE, says: `attach "${free.name}": 10.32.0.0 is the network address of 10.32.0.0/24` }],
  ['attach: the broadcast address', ['attach', free.name, '--ip', '10.32.0.255/24'], { code: USAGE, says: `attach "${free.name}": 10.32.0.255 is the broadcast address of 10.32.0.255/24` }],
  ['attach: a link-local address', ['attach', free.name, '--ip', 'fe80::1/64'], { code: USAGE, says: `attach "${free.name}": fe80::1 is not an address that a container can have` }],
  ['attach: a malformed MAC', ['attach', free.name, ...IP, '--mac', '02:00:00:00:00'], { code: USAGE, says: /^attach: --mac "02:00:00:00:00" is malformed/ }],
  ['attach: a malformed interface name', ['attach', free.name, ...IP, '--ifname', 'a/b'], { code: USAGE, says: /^attach: --ifname "a\/b" is malformed/ }],
  ['attach: a malformed network name', ['attach', free.name, ...IP, '--network', 'Blue'], { code: USAGE, says: /^attach: --network "Blue" is malformed/ }],
  ['attach: a network that does not exist', ['attach', free.name, ...IP, '--network', 'blue'], { code: 1, says: `attach "${free.name}": there is no network "blue" in this mesh`, remedy: 'mesh status networks' }],
  ['attach: an address in use on another host', ['attach', free.name, '--ip', '10.32.0.2/12'], { code: 1, says: `attach "${free.name}": 10.32.0.2 is in use on b`, remedy: 'mesh status macs' }],
  ['attach: an address in use on this host', ['attach', free.name, '--ip', '10.32.0.1/12'], { code: 1, says: `attach "${free.name}": 10.32.0.1 is in use by ${ca.path} on this host`, remedy: `mesh detach ${idOf}` }],
  ['attach: an address that the host itself has', ['attach', free.name, '--ip', '10.32.0.100/12'], { code: 1, says: `attach "${free.name}": 10.32.0.100 is in use by this host itself` }],
  ['attach: a MAC in use on this host', ['attach', free.name, ...IP, '--mac', macOf], { code: 1, says: `attach "${free.name}": ${macOf} is in use by ${ca.path} on this host` }],
  ['attach: twice', ['attach', ca.name, ...IP], { code: 1, says: `attach "${ca.name}": it is attached already, as mesh0`, remedy: `mesh detach ${ca.name}` }],
  ['attach: twice, by another name of the namespace', ['attach', ca.path, ...IP], { code: 1, says: `attach "${ca.path}": it is attached already, as mesh0` }],
  ['attach: an interface name that is taken', ['attach', free.name, ...IP, '--ifname', 'lo'], { code: 1, says: `attach "${free.name}": it has an interface "lo" already`, remedy: `mesh attach ${free.name} --ifname lo0, with the same --ip` }],
  ['attach: a namespace that is gone', ['attach', 'gone', ...IP], { code: 1, says: 'attach "gone": there is no namespace of that name in /run/netns, and Docker does not answer' }],
  ['attach: a path that is gone', ['attach', '/run/netns/gone', ...IP], { code: 1, says: 'attach "/run/netns/gone": there is no /run/netns/gone' }],
  ['attach: a file that is no namespace', ['attach', '/etc/passwd', ...IP], { code: 1, says: 'attach "/etc/passwd": /etc/passwd is not a network namespace' }],
  ['attach: a namespace of another kind', ['attach', '/proc/1/ns/mnt', ...IP], { code: 1, says: 'attach "/proc/1/ns/mnt": it is not a network namespace, or is gone' }],
  ['attach: a pid that is no process', ['attach', '4194305', ...IP], { code: 1, says: 'attach "4194305": no process has the pid 4194305' }],
  ["attach: a pid in the router's own namespace", ['attach', `${a.pid}`, ...IP], { code: 1, says: `attach "${a.pid}": /proc/${a.pid}/ns/net is the router's own namespace`, remedy: 'mesh expose --ip 10.32.0.254/12' }],
  ['detach: what is not attached', ['detach', free.name], { code: 1, says: `detach "${free.name}": it is not attached`, remedy: 'mesh status endpoints' }],
  ['detach: an interface that is not there', ['detach', ca.name, '--ifname', 'eth7'], { code: 1, says: `detach "${ca.name}": it has no such interface of ours` }],
  ['detach: a namespace that is gone', ['detach', 'gone'], { code: 1, says: /^detach "gone": there is no namespace of that name/ }],
  ['expose: an address in use on another host', ['expose', '--ip', '10.32.0.2/12'], { code: 1, says: 'expose this host: 10.32.0.2 is in use on b' }],
  ['expose: an address of a container here', ['expose', '--ip', '10.32.0.1/12'], { code: 1, says: `expose this host: 10.32.0.1 is in use by ${ca.path} on this host` }],
  ['expose: a network that does not exist', ['expose', '--ip', '10.32.0.9/12', '--network', 'blue'], { code: 1, says: 'expose this host: there is no network "blue" in this mesh' }],
  ['hide: an address that it does not have', ['hide', '--ip', '10.32.0.101/12'], { code: 1, says: 'hide this host: it does not have 10.32.0.101 on the network' }],
  ['hide: on a network where it has none', ['hide', '--network', 'blue'], { code: 1, says: 'hide this host: it has no address on the network' }],
  ['reset: while an endpoint is attached', ['reset'], { code: 1, says: 'reset: 1 endpoint is attached and would lose the network', remedy: 'mesh reset --force' }],
  ['status: a view that does not exist', ['status', 'weather'], { code: USAGE, says: /^show the status: view "weather" is unknown/ }],
]; // prettier-ignore

for (const [what, argv, refusal] of COMMANDS)
  test(`${what} is refused in a sentence and changes nothing`, () => refuses(a, argv, refusal));

test('a peer that answers with the bytes of something else is refused at once and not kept', async () => {
  await standIn(`net.createServer((s) => s.write(require('crypto').randomBytes(500))).listen(7001)
    net.createServer((s) => s.write('SSH-2.0-OpenSSH_9.2\\r\\n')).listen(7002)
    require('http').createServer((q, r) => r.end('hello')).listen(7003)`);
  for (const port of [7001, 7002, 7003]) {
    const peer = `${c.host.v4}:${port}`;
    await refuses(a, ['connect', peer], {
      code: 1,
      says: `connect to "${peer}": what answers there is not a mesh router`,
      remedy: 'mesh status connections',
    });
  }
});

test('a peer that may yet answer is kept, and the warning says what it did', async () => {
  await standIn(`net.createServer(() => {}).listen(7004)
    net.createServer((s) => s.end()).listen(7005)
    net.createServer((s) => s.resetAndDestroy()).listen(7006)`);
  const kept = [
    [7004, 'it has not answered yet'],
    [7005, 'it closed the connection before it said who it is'],
    [7006, 'it broke off the connection before it said who it is'],
    [7007, `nothing listens at ${c.host.v4} port 7007`],
  ] as const;
  for (const [port, why] of kept) {
    const peer = `${c.host.v4}:${port}`;
    const done = await a.mesh('connect', peer);
    const warning = `mesh: warning: "${peer}": ${why}; it is dialled until it answers or is forgotten\n`;
    assert.deepEqual([done.code, done.stdout, done.stderr], [0, '', warning]);
    const target = (await a.status()).targets.find((t) => t.target === peer);
    assert.equal(
      target?.remedy === '' ? target.state : target?.remedy,
      port === 7004 ? 'dialling' : `mesh forget ${peer}`,
    );
    await a.must('forget', peer);
  }
});

test('a peer of another version of the control stream is refused in words, and a target of launch keeps them', async () => {
  await standIn(`net.createServer((s) => s.write('mesh\\x09\\x09')).listen(7008)`);
  const peer = `${c.host.v4}:7008`;
  const why = `it speaks version 9 of the control stream and this router version ${STREAM_VERSION}: upgrade the local mesh`;
  await refuses(a, ['connect', peer], { code: 1, says: `connect to "${peer}": ${why}` });
  const d = await launchRouter(lab, lab.host('d'), peer);
  const target = await eventually('the peer was dialled', 5_000, async () =>
    (await d.status()).targets.find((t) => t.reason !== ''),
  );
  assert.deepEqual([target.target, target.reason, target.remedy], [peer, why, `mesh forget ${peer}`]);
  await d.must('reset');
});

/** A program in the way on host c; it ends with the test file. */
async function standIn(script: string): Promise<() => void> {
  const argv = [
    process.execPath,
    '-e',
    `const net = require('net');${script};console.log('ready')
    process.on('uncaughtException', (e) => e.code === 'ECONNRESET' || e.code === 'EPIPE' || process.exit(1))`,
  ];
  const child = c.host.netns.start(argv, ['ignore', 'pipe', 'inherit']);
  after(() => child.kill('SIGKILL'));
  await new Promise((resolve) => child.stdout!.once('data', resolve));
  return () => child.kill('SIGKILL');
}

const LISTENING: readonly (readonly [string, string, string])[] = [
  ['TCP 6783', 'net.createServer().listen(6783)', 'TCP port 6783'],
  ['TCP 6783 on one address', `net.createServer().listen(6783, '${lab.host('c').v4}')`, 'TCP port 6783'],
  ['UDP 6783', `require('dgram').createSocket('udp4').bind(6783)`, 'UDP port 6783'],
  ['UDP 6785, which is for VXLAN', `require('dgram').createSocket('udp4').bind(6785)`, 'UDP port 6785'],
];

for (const [what, script, port] of LISTENING)
  test(`a launch while another program has ${what} is refused and leaves nothing`, async () => {
    const end = await standIn(script);
    await refusesLaunch(LAUNCH, { code: 1, says: `launch: ${port} is in use by another program` });
    end();
  });

test('a launch without CAP_NET_ADMIN is refused and leaves nothing', async () => {
  const argv = ['setpriv', '--bounding-set', '-net_admin', '--inh-caps', '-net_admin', process.execPath, MESH];
  await refusesLaunch(LAUNCH, { code: 1, says: 'launch: it needs CAP_NET_ADMIN', remedy: 'sudo mesh launch' }, argv);
});

test('a launch on a host without an address is refused and leaves nothing', async () => {
  c.host.netns.ip('link set eth0 down', 'addr flush dev eth0');
  await refusesLaunch(LAUNCH, { code: 1, says: 'launch: this host has no address that other hosts can reach' });
  c.host.netns.ip(`addr add ${c.host.v4}/24 dev eth0`, `addr add ${c.host.v6}/64 dev eth0 nodad`, 'link set eth0 up');
});

test("a launch on an address that is not the host's is refused", async () => {
  await refusesLaunch([...LAUNCH, '--listen', '10.99.0.200'], {
    code: 1,
    says: 'launch: 10.99.0.200 is not an address of this host',
    remedy: 'ip -brief address',
  });
});

test("a launch with another router's socket is refused, and that router serves it on", async () => {
  const before = await imprint(a);
  await refusesLaunch([...LAUNCH, '--socket', a.socket], {
    code: 1,
    says: `launch: another router serves "${a.socket}"`,
  });
  assert.deepEqual(await imprint(a), before);
});

test('a launch with the path of a file as its socket is refused, and the file is kept', async () => {
  const path = join(lab.dir, 'precious');
  writeFileSync(path, 'data');
  await refusesLaunch([...LAUNCH, '--socket', path], { code: 1, says: `launch: "${path}" exists and is no socket` });
  assert.equal(readFileSync(path, 'utf8'), 'data');
});

test('a socket that cannot be made, or whose path is too long, is refused', async () => {
  const long = join(lab.dir, 's'.repeat(120));
  await refusesLaunch([...LAUNCH, '--socket', '/proc/x/mesh.sock'], { code: 1, says: /^launch: the control socket "\/proc\/x\/mesh.sock" cannot be made/ });
  await refusesLaunch([...LAUNCH, '--socket', long], { code: USAGE, says: /^launch: --socket ".*" is \d+ bytes long, a socket path has at most 107$/ });
}); // prettier-ignore

test('a launch beside another router, or on its state, is refused and harms it in nothing', async () => {
  const before = await imprint(a);
  const [other, socket] = [join(lab.dir, 'beside'), join(lab.dir, 'beside.sock')];
  const beside = ['launch', '--state-dir', other, '--socket', socket, '--port', '7100'];
  assertRefused(await a.mesh(...beside), { code: 1, says: 'launch: another router runs in this network namespace' });
  assert.equal(files(other), undefined);
  const same = await c.mesh('launch', '--state-dir', a.stateDir);
  const says = `launch: the state directory "${a.stateDir}" is in use by another router (process ${a.pid})`;
  assertRefused(same, { code: 1, says, remedy: 'mesh status' });
  assert.deepEqual(await imprint(a), before);
});

test('a state directory that cannot be used is refused', async () => {
  const readOnly = join(lab.dir, 'read-only');
  mkdirSync(readOnly);
  await must(['mount', '-t', 'tmpfs', '-o', 'ro', 'tmpfs', readOnly]);
  after(() => run(['umount', readOnly]));
  const asFile = join(lab.dir, 'a-file');
  writeFileSync(asFile, '');
  const at = (dir: string): readonly string[] => ['launch', '--state-dir', dir];
  const cannot = (dir: string): string => `launch: cannot use the state directory "${dir}"`;
  await refusesLaunch(at(readOnly), { code: 1, says: `${cannot(readOnly)}: the file system is read-only` });
  await refusesLaunch(at(asFile), { code: 1, says: `${cannot(asFile)}: it is not a directory` });
  await refusesLaunch(at(join(asFile, 'x')), { code: 1, says: `${cannot(join(asFile, 'x'))}: it is not a directory` });
  await refusesLaunch(at('/proc/x'), { code: 1, says: `${cannot('/proc/x')}: ENOENT` });
  const detached = await c.mesh('launch', '--detach', '--state-dir', '/proc/x');
  assert.deepEqual([detached.code, detached.stdout], [1, '']);
  assert.match(detached.stderr, /^mesh: cannot launch: cannot write to the state directory "\/proc\/x": .*\n$/);
});

test('a command without a router says how to start one', async () => {
  for (const argv of [['status'], ['stop'], ['reset', '--force'], ['attach', free.name, ...IP], ['report'], ['connect', 'b']]) {
    const done = await c.mesh(...argv);
    assertRefused(done, { code: NOT_RUNNING, says: /: the router is not running$/, remedy: `sudo mesh launch --detach --socket ${c.socket} --state-dir DIR` });
  }
}); // prettier-ignore

test('a state file that is truncated, random or of a newer version is refused and kept as it is', async () => {
  await c.launch();
  await attached(lab, c, 'cc', '10.32.0.3/12');
  await c.mesh('connect', '10.99.0.250');
  await c.must('stop');
  for (const name of ['identity.json', 'incarnation.json', 'targets.json', 'endpoints.json']) {
    const path = join(c.stateDir, name);
    const good = readFileSync(path);
    const corrupt = `launch: "${path}" is corrupt: it is not a JSON object`;
    const broken: readonly (readonly [Uint8Array, string])[] = [
      [good.subarray(0, good.length >> 1), corrupt],
      [randomBytes(200), corrupt],
      [new Uint8Array(0), corrupt],
      [Buffer.from('{"version":1}'), `launch: "${path}" is corrupt: it lacks a field, or one has a wrong value`],
      [Buffer.from('{"version":99}'), `launch: "${path}" was written by a newer mesh`],
    ];
    for (const [bytes, says] of broken) {
      writeFileSync(path, bytes);
      await refusesLaunch(LAUNCH, { code: 1, says });
    }
    writeFileSync(path, good);
  }
});

test('a cache that cannot be read is said and done without', async () => {
  writeFileSync(join(c.stateDir, 'cache.bin'), randomBytes(100));
  await c.launch();
  assert.match(c.log(), /cache-unread +reason=.*is corrupt: its header is wrong/);
  assert.equal((await c.status()).endpoints[0]?.state, 'attached');
  await c.must('reset', '--force');
});

test('stop and reset a second time find no router', async () => {
  for (const argv of [['stop'], ['reset', '--force']]) {
    await c.launch();
    assert.deepEqual(await c.mesh(...argv), { code: 0, stdout: '', stderr: '' });
    assertRefused(await c.mesh(...argv), { code: NOT_RUNNING, says: `${argv[0]}: the router is not running` });
  }
  assert.equal(files(c.stateDir), undefined);
});

/** A launch on host c, ended when it is not refused; its state directory and its links stay what they were. */
async function refusesLaunch(
  argv: readonly string[],
  refusal: Refusal,
  mesh = [process.execPath, MESH],
): Promise<void> {
  const links = (): Promise<string> => c.host.netns.must('ip', '-o', 'link', 'show');
  const before = [files(c.stateDir, STATE), await links(), await c.host.netns.must('nft', 'list', 'ruleset')];
  const done: Done = await run(c.host.netns.inside(['timeout', '15', ...mesh, ...argv]), {
    ...process.env,
    MESH_SOCKET: c.socket,
  });
  assertRefused(done, refusal);
  const now = [files(c.stateDir, STATE), await links(), await c.host.netns.must('nft', 'list', 'ruleset')];
  assert.deepEqual(now, before);
}

const STATE = ['identity.json', 'incarnation.json', 'targets.json', 'endpoints.json', 'cache.bin'];
