// What the underlay may send to a router's VXLAN: a stranger nothing, a member what comes from its own MACs.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import type { Ip, Mac } from '../../router/types.js';
import { udp } from '../support/frames.js';
import { attached, joinedRouters } from '../support/mesh-lab.js';
import { createLab, eventually, ping, type Capture, type Host, type Namespace } from '../support/netns.js';

const lab = createLab();
const [a, b] = await joinedRouters(lab, ['a', 'b']);
const stranger = lab.host('x');
const web = await attached(lab, a!, 'web', '10.32.0.1/12', 'fd32::1/64');
const db = await attached(lab, b!, 'db', '10.32.0.2/12', 'fd32::2/64');
const { vni } = (await a!.status()).networks[0]!;

const macIn = async (netns: Namespace): Promise<Mac> =>
  /link\/ether (\S+)/.exec(await netns.must('ip', 'link', 'show', 'mesh0'))![1] as Mac;
const [webMac, dbMac] = [await macIn(web), await macIn(db)];
const foreign =
  `02:${createHash('sha256').update('foreign').digest('hex').slice(0, 10).match(/../g)!.join(':')}` as Mac;

/** RFC 7348 §5 around a frame for `web`. */
const vxlan = (from: Mac, words: string, network = vni): string =>
  Buffer.concat([
    Buffer.from([8, 0, 0, 0, network >> 16, (network >> 8) & 255, network & 255, 0]),
    udp({ to: webMac, from, ip: '10.32.0.2' as Ip, target: '10.32.0.1' as Ip, words }),
  ]).toString('hex');

const SEND = `const s = require('dgram').createSocket(process.argv[1].includes(':') ? 'udp6' : 'udp4');
const [to, port, ...all] = process.argv.slice(1);
(async () => { for (const hex of all) await new Promise((r) => s.send(Buffer.from(hex, 'hex'), Number(port), to, r)); s.close(); })();`;
const send = (from: Host, to: string, port: number, ...datagrams: readonly string[]): Promise<string> =>
  from.netns.must(process.execPath, '-e', SEND, to, `${port}`, ...datagrams);

async function heardBy(netns: Namespace, during: () => Promise<unknown>): Promise<readonly string[]> {
  const captured: Capture = await lab.capture(netns, 'mesh0');
  await during();
  assert.equal((await ping(db, '10.32.0.1', 2)).received, 2); // the wire keeps the order
  return captured.lines('udp port 9');
}

const counter = async (name: string): Promise<number> => (await a!.status()).counters[`datapath.${name}`] ?? 0;

test('a stranger that sends VXLAN is not heard, whatever MAC is inside, in either family, and it is counted', async () => {
  const before = await counter('guard-stranger-vxlan');
  const lines = await heardBy(web, async () => {
    for (const to of [a!.host.v4, a!.host.v6])
      await send(stranger, to, 6785, vxlan(dbMac, 'STRANGER'), vxlan(foreign, 'STRANGER'), vxlan(dbMac, 'PROBE', 0xffffff)); // prettier-ignore
  });
  assert.deepEqual(lines, []);
  assert.equal((await counter('guard-stranger-vxlan')) - before, 6);
});

test('a member is heard with its own MACs, and with no other', async () => {
  const before = await counter('guard-forged');
  const lines = await heardBy(web, () =>
    send(b!.host, a!.host.v4, 6785, vxlan(foreign, 'FORGED'), vxlan(webMac, 'FORGED'), vxlan(dbMac, 'FORGED', vni + 1)),
  );
  assert.deepEqual(lines, []);
  assert.equal((await counter('guard-forged')) - before, 3);
  assert.equal((await heardBy(web, () => send(b!.host, a!.host.v4, 6785, vxlan(dbMac, 'TRUE')))).length, 1);
});

test('a MAC is taken from its owner alone, as soon as it has another', async () => {
  const moves = await attached(lab, b!, 'moves', '10.32.0.3/12');
  const mac = await macIn(moves);
  await eventually('a knows it', 5_000, async () =>
    (await heardBy(web, () => send(b!.host, a!.host.v4, 6785, vxlan(mac, 'MINE')))).length === 1 ? true : undefined,
  );
  await b!.must('detach', moves.name);
  await eventually('a has forgotten it', 5_000, async () =>
    (await heardBy(web, () => send(b!.host, a!.host.v4, 6785, vxlan(mac, 'MINE')))).length === 0 ? true : undefined,
  );
});

test('members stay members while their routers are dead, and rules that are flushed are back within two seconds', async () => {
  await b!.kill9();
  assert.equal((await ping(web, '10.32.0.2', 3)).received, 3);
  await a!.kill9();
  assert.equal((await ping(web, 'fd32::2', 3)).received, 3);
  await a!.launch();
  await b!.launch();
  assert.equal((await ping(web, '10.32.0.2', 20, 50)).received, 20);
  for (const command of [
    'flush ruleset',
    'delete table inet mesh_6785_underlay',
    'flush set inet mesh_6785_underlay owned4',
  ]) {
    await a!.host.netns.must('nft', ...command.split(' '));
    await eventually(`after ${command}`, 2_000, async () => {
      const forged = await heardBy(web, () => send(stranger, a!.host.v4, 6785, vxlan(dbMac, 'LATE')));
      return forged.length === 0 ? true : undefined;
    });
  }
});

test('a container reaches no port of a router through the mesh, neither of its own host nor of another', async () => {
  await a!.must('expose', '--ip', '10.32.1.1/12');
  await b!.must('expose', '--ip', '10.32.1.2/12');
  for (const host of [a!.host, b!.host]) await host.netns.must('sysctl', '-qw', 'net.ipv4.ip_forward=1');
  await web.must('ip', 'route', 'add', '10.99.0.0/16', 'via', '10.32.1.1');
  const TRY = `const [to, port] = process.argv.slice(1);
    const s = require('net').connect({ host: to, port: Number(port), timeout: 700 });
    const end = (what) => { console.log(what); process.exit(); };
    s.on('connect', () => end('open')).on('timeout', () => end('silence')).on('error', (e) => end(e.code));`;
  const dial = async (to: string, port: number): Promise<string> =>
    (await web.must(process.execPath, '-e', TRY, to, `${port}`)).trim();
  assert.equal((await ping(web, '10.32.1.1', 1)).received, 1);
  assert.equal((await ping(web, '10.32.1.2', 1)).received, 1);
  assert.equal(await dial('10.32.1.1', 9), 'ECONNREFUSED', "other ports are the host's affair");
  const before = await counter('guard-inside');
  for (const to of ['10.32.1.1', '10.32.1.2', a!.host.v4, b!.host.v4])
    assert.equal(await dial(to, 6783), 'silence', to);
  const own: Host = { ...a!.host, netns: web };
  for (const port of [6783, 6784, 6785]) await send(own, '10.32.1.1', port, '00');
  assert.ok((await counter('guard-inside')) - before >= 3 + 2, 'counted');
});
