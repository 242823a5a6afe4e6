import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Denied, EXIT, Failure } from '../../cli/command.js';
import { assertGolden } from './golden.js';
import { mesh, type World } from './fakes.js';

const COMMANDS = 'launch connect forget evict attach detach expose hide status report stop reset demo'
  .split(' ')
  .flatMap((name) => (name === 'evict' ? [['secret', 'rotate'], [name]] : [[name]]));

test('the help of mesh and of every command is as it was read', async () => {
  const pages = await Promise.all(
    [['--help'], ...COMMANDS.map((name) => [...name, '--help'])].map((argv) => mesh(argv)),
  );
  for (const page of pages) assert.deepEqual([page.code, page.err, page.calls], [0, '', []]);
  assertGolden('help', pages.map((page) => page.out).join(`\n${'-'.repeat(80)}\n\n`));
});

test('mesh alone prints its help, and mesh help COMMAND that of the command', async () => {
  assert.deepEqual(await mesh([]), await mesh(['--help']));
  assert.deepEqual(await mesh(['help']), await mesh(['--help']));
  assert.deepEqual(await mesh(['help', 'attach']), await mesh(['attach', '--help']));
});

test('the version is one line on stdout', async () => {
  const { code, out, err } = await mesh(['--version']);
  assert.deepEqual([code, err], [0, '']);
  assert.match(out, /^\d+\.\d+\.\d+\n$/);
});

const long = `/${'s'.repeat(120)}`;

/** What is typed, and what is said: exit 2, nothing on stdout, and the router is not asked. */
const WRONG: readonly (readonly [string, string, World?])[] = [
  ['bogus', 'mesh: cannot run "bogus": there is no such command\n  try: mesh --help'],
  ['statsu', 'mesh: cannot run "statsu": there is no such command\n  try: mesh status'],
  ['constructor', 'mesh: cannot run "constructor": there is no such command\n  try: mesh --help'],
  ['--bogus', 'mesh: cannot start: unknown option "--bogus"\n  try: mesh --help'],
  ['status --jsn', 'mesh: cannot show the status: unknown option "--jsn", did you mean --json?\n  try: mesh status --help'],
  ['status foo', 'mesh: cannot show the status: view "foo" is unknown, it is one of topology, peers, connections, macs, networks, endpoints, counters, peer\n  try: mesh status topology'],
  ['status peers macs', 'mesh: cannot show the status: too many arguments\n  try: mesh status --help'],
  ['stop now', 'mesh: cannot stop: too many arguments\n  try: mesh stop --help'],
  ['attach', 'mesh: cannot attach: TARGET is missing\n  try: mesh attach --help'],
  ['attach web --ip', 'mesh: cannot attach: option "--ip <cidr>" needs a value\n  try: mesh attach --help'],
  ['attach web --ip 10.32.0.1', 'mesh: cannot attach: --ip "10.32.0.1" is malformed, it is ADDRESS/LENGTH, as 10.32.0.7/12\n  try: mesh attach --help'],
  ['attach web --ip 10.32.0.1/33', 'mesh: cannot attach: --ip "10.32.0.1/33" is malformed, it is ADDRESS/LENGTH, as 10.32.0.7/12\n  try: mesh attach --help'],
  ['attach web --ip 10.32.0.1/12,10.1/8', 'mesh: cannot attach: --ip "10.1/8" is malformed, it is ADDRESS/LENGTH, as 10.32.0.7/12\n  try: mesh attach --help'],
  ['attach web --ip 224.0.0.1/4', 'mesh: cannot attach: --ip "224.0.0.1/4" is not an address that a host can have\n  try: mesh attach --help'],
  ['attach web --mac 02:6d:0:0:0:1', 'mesh: cannot attach: --mac "02:6d:0:0:0:1" is malformed, it is six hex pairs as 02:6d:00:00:00:01, not a group address\n  try: mesh attach --help'],
  ['attach web --mac 01:00:5e:00:00:01', 'mesh: cannot attach: --mac "01:00:5e:00:00:01" is malformed, it is six hex pairs as 02:6d:00:00:00:01, not a group address\n  try: mesh attach --help'],
  ['attach web --ifname sixteen-bytes-xx', 'mesh: cannot attach: --ifname "sixteen-bytes-xx" is malformed, it is 1 to 15 bytes without slash, colon or space\n  try: mesh attach --help'],
  ['attach web --ifname a/b', 'mesh: cannot attach: --ifname "a/b" is malformed, it is 1 to 15 bytes without slash, colon or space\n  try: mesh attach --help'],
  ['attach web --ifname ..', 'mesh: cannot attach: --ifname ".." is malformed, it is 1 to 15 bytes without slash, colon or space\n  try: mesh attach --help'],
  ['attach web --network Blue_1', 'mesh: cannot attach: --network "Blue_1" is malformed, it is a letter, then up to 31 of a-z 0-9 -\n  try: mesh attach --help'],
  ['attach web --id a/b', 'mesh: cannot attach: --id "a/b" is malformed, it is 1 to 64 of A-Z a-z 0-9 . _ -, beginning with a letter or digit\n  try: mesh attach --help'],
  ['detach', 'mesh: cannot detach: TARGET is missing\n  try: mesh detach --help'],
  ['connect', 'mesh: cannot connect: PEER is missing\n  try: mesh connect --help'],
  ['connect 10.0.0.2:99999', 'mesh: cannot connect: peer "10.0.0.2:99999" is malformed, a peer is HOST, HOST:PORT or [IPV6]:PORT\n  try: mesh connect --help'],
  ['connect b 10.0.0.256', 'mesh: cannot connect: peer "10.0.0.256" is malformed, a peer is HOST, HOST:PORT or [IPV6]:PORT\n  try: mesh connect --help'],
  ['connect http://b', 'mesh: cannot connect: peer "http://b" is malformed, a peer is HOST, HOST:PORT or [IPV6]:PORT\n  try: mesh connect --help'],
  ['forget', 'mesh: cannot forget: PEER is missing\n  try: mesh forget --help'],
  ['evict', 'mesh: cannot evict: PEER is missing\n  try: mesh evict --help'],
  ['evict b --secret able-zoo', 'mesh: cannot evict: a secret is of use with --rotate alone\n  try: mesh evict PEER --rotate'],
  ['evict b --rotate --secret hunter2', 'mesh: cannot evict: --secret will not do: it has 7 characters, 12 characters of several kinds, or the words that `mesh secret` prints, will do\n  try: mesh secret rotate, which makes a good one'],
  ['secret rotat', 'mesh: cannot tell the secret: too many arguments\n  try: mesh secret --help'],
  ['secret rotate now', 'mesh: cannot rotate the secret: too many arguments\n  try: mesh secret rotate --help'],
  ['secret rotate --secret hunter2', 'mesh: cannot rotate the secret: --secret will not do: it has 7 characters, 12 characters of several kinds, or the words that `mesh secret` prints, will do\n  try: mesh secret rotate, which makes a good one'],
  ['expose', 'mesh: cannot expose this host: --ip is missing\n  try: mesh expose --ip 10.32.0.254/12'],
  ['expose --ip x', 'mesh: cannot expose this host: --ip "x" is malformed, it is ADDRESS/LENGTH, as 10.32.0.7/12\n  try: mesh expose --help'],
  ['launch --name a/b', 'mesh: cannot launch: --name "a/b" is malformed, it is 1 to 63 of A-Z a-z 0-9 . _ -, beginning with a letter or digit\n  try: mesh launch --help'],
  ['launch --listen eth0', 'mesh: cannot launch: --listen "eth0" is malformed, it is an IPv4 or IPv6 address of this host\'s\n  try: mesh launch --help'],
  ['launch --advertise 10.0.0.1,127.0.0.1', 'mesh: cannot launch: --advertise "127.0.0.1" is not an address that another host can reach\n  try: mesh launch --help'],
  ['launch --advertise me', 'mesh: cannot launch: --advertise "me" is malformed, it is an IPv4 or IPv6 address\n  try: mesh launch --help'],
  ['launch --port 0', 'mesh: cannot launch: --port "0" will not do, a port and the two after it must fit: 1 to 65533\n  try: mesh launch --help'],
  ['launch --port 65534', 'mesh: cannot launch: --port "65534" will not do, a port and the two after it must fit: 1 to 65533\n  try: mesh launch --help'],
  ['launch --port 0x10', 'mesh: cannot launch: --port "0x10" will not do, a port and the two after it must fit: 1 to 65533\n  try: mesh launch --help'],
  ['launch --mtu 575', 'mesh: cannot launch: --mtu "575" will not do, an MTU is 576 to 65000 bytes\n  try: mesh launch --help'],
  ['launch --mtu 65001', 'mesh: cannot launch: --mtu "65001" will not do, an MTU is 576 to 65000 bytes\n  try: mesh launch --help'],
  ['launch --range 10.32.0.0', 'mesh: cannot launch: --range "10.32.0.0" is malformed, it is NETWORK/LENGTH, as 10.32.0.0/12\n  try: mesh launch --help'],
  ['launch --range 10.32.0.1/12', 'mesh: cannot launch: --range "10.32.0.1/12" is an address inside a network, its bits after /12 must be 0\n  try: mesh launch --help'],
  ['launch --range 10.32.0.0/31', 'mesh: cannot launch: --range "10.32.0.0/31" is too small, it must hold 4 addresses or more\n  try: mesh launch --help'],
  ['launch --overlay geneve', 'mesh: cannot launch: --overlay "geneve" is unknown, it is auto or vxlan or sleeve\n  try: mesh launch --help'],
  ['launch --log-format xml', 'mesh: cannot launch: --log-format "xml" is unknown, it is text or json\n  try: mesh launch --help'],
  ['launch a:b', 'mesh: cannot launch: peer "a:b" is malformed, a peer is HOST, HOST:PORT or [IPV6]:PORT\n  try: mesh launch --help'],
  [`launch --socket ${long}`, `mesh: cannot launch: --socket "${long}" is 121 bytes long, a socket path has at most 107\n  try: mesh launch --help`],
  ['status', `mesh: cannot show the status: MESH_SOCKET "${long}" is 121 bytes long, a socket path has at most 107\n  try: mesh status --help`, { env: { MESH_SOCKET: long } }],
]; // prettier-ignore

for (const [line, said, world] of WRONG) {
  test(`mesh ${line.slice(0, 60)} is refused before anyone is asked`, async () => {
    const { code, out, err, calls, launched } = await mesh(line.split(' '), world);
    assert.equal(err, `${said}\n`);
    assert.deepEqual([code, out, calls, launched], [EXIT.usage, '', [], undefined]);
  });
}

test('an empty value is no value', async () => {
  for (const argv of [
    ['attach', ''],
    ['attach', 'web', '--ip='],
    ['forget', ''],
    ['evict', ''],
    ['connect', ''],
    ['launch', '--name='],
  ]) {
    const { code, calls, launched } = await mesh(argv);
    assert.deepEqual([argv, code, calls, launched], [argv, EXIT.usage, [], undefined]);
  }
});

test('an overlay is one of three', async () => {
  for (const overlay of ['auto', 'vxlan', 'sleeve']) {
    const { code, launched } = await mesh(['launch', '--overlay', overlay]);
    assert.deepEqual([code, launched?.overlay], [EXIT.done, overlay]);
  }
  const { code, launched } = await mesh(['launch', '--overlay', 'ipsec']);
  assert.deepEqual([code, launched], [EXIT.usage, undefined]);
});

const NO_ROUTER = new Failure(EXIT.notRunning, 'the router is not running', 'sudo mesh launch');

/** Every command that needs a router, and what it says without one. */
const NEEDS_ROUTER = {
  'connect b': 'connect to "b"',
  'forget b': 'forget "b"',
  'evict b': 'evict "b"',
  'evict b --rotate': 'evict "b"',
  'secret rotate': 'rotate the secret',
  'attach web --ip 10.32.0.1/12': 'attach "web"',
  'detach web': 'detach "web"',
  'expose --ip 10.32.0.1/12': 'expose this host',
  hide: 'hide this host',
  status: 'show the status',
  report: 'report',
  stop: 'stop',
  reset: 'reset',
} as const;

for (const [line, doing] of Object.entries(NEEDS_ROUTER)) {
  test(`mesh ${line} without a router says how to start one`, async () => {
    const refuse = (): Promise<never> => Promise.reject(NO_ROUTER);
    const router = Object.fromEntries(
      'connect forget evict rotate attach detach expose hide status report stop reset'
        .split(' ')
        .map((name) => [name, refuse]),
    );
    const { code, out, err } = await mesh(line.split(' '), { router });
    assert.equal(err, `mesh: cannot ${doing}: the router is not running\n  try: sudo mesh launch\n`);
    assert.deepEqual([code, out], [EXIT.notRunning, '']);
  });
}

test('a socket that is not for this user: the same command line with sudo', async () => {
  const router = {
    attach: () => Promise.reject(new Denied('permission denied on the control socket "/run/mesh/mesh.sock"')),
  };
  const { code, err } = await mesh(['attach', 'web', '--ip', '10.32.0.1/12'], { router });
  assert.equal(
    err,
    'mesh: cannot attach "web": permission denied on the control socket "/run/mesh/mesh.sock"\n  try: sudo mesh attach web --ip 10.32.0.1/12\n',
  );
  assert.equal(code, EXIT.refused);
});

test('a bug of ours is said to be one, with a stack only on demand', async () => {
  const router = { status: () => Promise.reject(new TypeError('x is not a function\nmore')) };
  const { code, out, err } = await mesh(['status'], { router });
  assert.equal(err, 'mesh: a bug: x is not a function\n  try: MESH_DEBUG=1 mesh status\n');
  assert.deepEqual([code, out], [EXIT.bug, '']);
  assert.match((await mesh(['status'], { router, env: { MESH_DEBUG: '1' } })).err, /\n {4}at /);
});

test('the flag names the socket, else MESH_SOCKET, else /run', async () => {
  const env = { MESH_SOCKET: '/tmp/b.sock' };
  assert.equal((await mesh(['status', '--socket', '/tmp/a.sock'], { env })).socket, '/tmp/a.sock');
  assert.equal((await mesh(['status'], { env })).socket, '/tmp/b.sock');
  assert.equal((await mesh(['status'])).socket, '/run/mesh/mesh.sock');
});
