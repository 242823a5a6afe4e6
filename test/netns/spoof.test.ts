// A container that sends what is not its own gets nothing through, and what is its own comes through: two routers, each with
// containers, and recordings at the containers that are lied to.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { linkLocalOf } from '../../router/address.js';
import type { Ip, Mac } from '../../router/types.js';
import { arp, BROADCAST, discovery, udp } from '../support/frames.js';
import { joinedRouters } from '../support/mesh-lab.js';
import { createLab, eventually, ping, type Capture, type Namespace } from '../support/netns.js';
import type { RouterProcess } from '../support/router-process.js';

const SENDER = fileURLToPath(new URL('../support/send-frames-process.js', import.meta.url));
const ALL_NODES = { mac: '33:33:00:00:00:01' as Mac, ip: 'ff02::1' as Ip };

/**
 * What the two say by themselves: memberships, duplicate address detection, what it is asked for, and the pings by which we
 * know that all has arrived.
 */
const isKernelsOwn = (line: string): boolean =>
  [
    /multicast listener report/,
    /:: > ff02::1:ff.* who has fe80:/,
    /fe80::\S+ > ff02::2: ICMP6, router solicitation/,
    /10\.32\.0\.1 > 10\.32\.0\.[23]: ICMP echo/,
    /Request who-has 10\.32\.0\.[23] .*tell 10\.32\.0\.1,/,
    new RegExp(`Reply 10\\.32\\.0\\.1 is-at ${eve.mac}`),
  ].some((own) => own.test(line));

interface Box {
  readonly netns: Namespace;
  readonly mac: Mac;
  readonly v4: Ip;
  readonly v6: Ip;
}

const lab = createLab();
const [a, b] = await joinedRouters(lab, ['a', 'b']);
/** Lies, on the first host. */
const eve = await box(a!, 'eve', 1);
/** Is lied to, beside it and on the other host. */
const near = await box(a!, 'near', 2);
const far = await box(b!, 'far', 3);
/** Whose name is taken: it has not spoken yet. */
const mallory = await box(b!, 'victim', 4);

async function box(router: RouterProcess, name: string, n: number, ...flags: string[]): Promise<Box> {
  const netns = lab.container(name);
  const [v4, v6] = [`10.32.0.${n}` as Ip, `fd32::${n}` as Ip];
  await router.must('attach', netns.name, '--ip', `${v4}/12`, '--ip', `${v6}/64`, ...flags);
  const { endpoints } = await router.status();
  return { netns, v4, v6, mac: endpoints.find((e) => e.target.endsWith(netns.name))!.mac as Mac };
}

const send = (from: Box, ...frames: readonly Buffer[]): Promise<string> =>
  from.netns.must(process.execPath, SENDER, 'mesh0', ...frames.map((frame) => frame.toString('hex')));

/** What `near` and `far` heard while `during` went on, as tcpdump prints it. */
async function heard(during: () => Promise<unknown>, filter: string): Promise<readonly string[]> {
  const captures: Capture[] = [await lab.capture(near.netns, 'mesh0'), await lab.capture(far.netns, 'mesh0')];
  await during();
  // What was sent before has arrived when this has: the wire keeps the order.
  assert.equal((await ping(eve.netns, near.v4, 2)).received, 2);
  assert.equal((await ping(eve.netns, far.v4, 2)).received, 2);
  return (await Promise.all(captures.map((capture) => capture.lines(filter)))).flat();
}

const deniedOf = async (target: string): Promise<number> =>
  (await a!.status()).endpoints.find((e) => e.target.endsWith(target))!.denied;

/** Every forgery, to one neighbour. */
const forgeries = (to: Box): readonly Buffer[] => {
  const words = 'FORGED';
  const own = { to: to.mac, from: eve.mac, words };
  const stolen = { mac: eve.mac, ip: mallory.v4 };
  const nd = { mac: eve.mac, target: mallory.v6 };
  const all = { to: ALL_NODES.mac, toIp: ALL_NODES.ip };
  return [
    // Another's MAC, to it and to all; another's address; both.
    udp({ ...own, from: mallory.mac, ip: eve.v4, target: to.v4 }),
    udp({ ...own, from: mallory.mac, to: BROADCAST, ip: eve.v4, target: '255.255.255.255' as Ip }),
    udp({ ...own, ip: mallory.v4, target: to.v4 }),
    udp({ ...own, from: mallory.mac, ip: mallory.v4, target: to.v4 }),
    udp({ ...own, ip: '10.99.0.1' as Ip, target: to.v4 }),
    udp({ ...own, ip: '0.0.0.0' as Ip, target: to.v4 }),
    udp({ ...own, ip: mallory.v6, target: to.v6 }),
    udp({ ...own, ip: linkLocalOf(mallory.mac), target: to.v6 }),
    udp({ ...own, ip: '::' as Ip, target: to.v6 }),
    // The same under tags: that of VLAN 0 is taken away by who receives it.
    udp({ ...own, ip: mallory.v4, target: to.v4, tags: [0] }),
    udp({ ...own, ip: mallory.v4, target: to.v4, tags: [0, 0] }),
    udp({ ...own, ip: eve.v4, target: to.v4, tags: [7] }),
    // arping as another: gratuitous, as an answer, with another's MAC, as another kind of link.
    arp({ ...stolen, op: 1, target: mallory.v4 }),
    arp({ ...stolen, op: 2, target: to.v4, to: to.mac }),
    arp({ ...stolen, op: 2, target: to.v4, to: to.mac, htype: 6 }),
    arp({ op: 2, mac: mallory.mac, from: eve.mac, ip: eve.v4, target: to.v4, to: to.mac }),
    arp({ op: 2, mac: mallory.mac, ip: mallory.v4, target: to.v4, to: to.mac }),
    // Neighbour discovery: for another's address, with another's source, against its duplicate address detection; as a router.
    discovery({ ...nd, ...all, type: 136, ip: eve.v6 }),
    discovery({ ...nd, type: 136, ip: eve.v6, to: to.mac, toIp: to.v6 }),
    discovery({ ...nd, type: 136, ip: mallory.v6, to: to.mac, toIp: to.v6 }),
    discovery({ ...nd, type: 135, ip: mallory.v6, target: to.v6, to: to.mac, toIp: to.v6 }),
    discovery({ ...nd, ...all, type: 135, ip: '::' as Ip }),
    discovery({ ...nd, ...all, type: 134, ip: linkLocalOf(eve.mac) }),
    discovery({ ...nd, ...all, type: 137, ip: eve.v6 }),
  ];
};

test('of all that a container forges nothing arrives, on its host or another, and status says how much it was', async () => {
  const all = [...forgeries(near), ...forgeries(far)];
  const before = await deniedOf('eve');
  const lines = await heard(() => send(eve, ...all), `ether src ${mallory.mac} or ether src ${eve.mac}`);
  assert.deepEqual(
    lines.filter((line) => !isKernelsOwn(line)),
    [],
  ); // prettier-ignore
  assert.equal((await deniedOf('eve')) - before, all.length);
  const { reason, remedy } = (await a!.status()).endpoints.find((e) => e.target.endsWith('eve'))!;
  assert.match(reason, /dropped what it may not send: .*MAC that is not its own.*VLAN.*ARP.*neighbour discovery/);
  assert.match(remedy, /--allow-spoof/);
  // Nobody believes a word of it.
  for (const { netns } of [near, far]) assert.doesNotMatch(await netns.must('ip', 'neigh'), new RegExp(`${mallory.v4} .*${eve.mac}`)); // prettier-ignore
  assert.equal((await ping(near.netns, mallory.v4, 2)).received, 2);
  assert.equal((await ping(far.netns, mallory.v6, 2)).received, 2);
});

test('what is its own arrives: both families, its own gratuitous ARP and advertisement, probes, DHCP, other protocols', async () => {
  const before = await deniedOf('eve');
  const own = [
    arp({ op: 1, mac: eve.mac, ip: eve.v4, target: eve.v4 }),
    arp({ op: 1, mac: eve.mac, ip: '0.0.0.0' as Ip, target: '10.32.0.77' as Ip }),
    discovery({ type: 135, mac: eve.mac, ip: '::' as Ip, target: eve.v6, to: '33:33:ff:00:00:01' as Mac, toIp: 'ff02::1:ff00:1' as Ip }), // prettier-ignore
    discovery({ type: 136, mac: eve.mac, ip: eve.v6, target: eve.v6, to: ALL_NODES.mac, toIp: ALL_NODES.ip }),
    discovery({ type: 133, mac: eve.mac, ip: '::' as Ip, target: '::' as Ip, to: ALL_NODES.mac, toIp: 'ff02::2' as Ip }), // prettier-ignore
    udp({ to: BROADCAST, from: eve.mac, ip: '0.0.0.0' as Ip, target: '255.255.255.255' as Ip, words: 'DISCOVER', port: 67 }), // prettier-ignore
    udp({ to: near.mac, from: eve.mac, ip: eve.v4, target: near.v4, words: 'HONEST' }),
    udp({ to: near.mac, from: eve.mac, ip: linkLocalOf(eve.mac), target: linkLocalOf(near.mac), words: 'HONEST' }),
  ];
  const captured = await lab.capture(near.netns, 'mesh0');
  await send(eve, ...own);
  assert.equal((await ping(eve.netns, near.v6, 2)).received, 2);
  assert.equal((await ping(eve.netns, far.v6, 2)).received, 2);
  assert.equal((await ping(eve.netns, far.v4, 2)).received, 2);
  const lines = (await captured.lines(`ether src ${eve.mac}`)).join('\n');
  const arrived = [
    [/Request who-has 10\.32\.0\.1 .*tell 10\.32\.0\.1/, 'gratuitous ARP'],
    [/Request who-has 10\.32\.0\.77 .*tell 0\.0\.0\.0/, 'a probe'],
    [/:: > ff02::1:ff00:1: ICMP6, neighbor solicitation, who has fd32::1/, 'duplicate address detection'],
    [/fd32::1 > ff02::1: ICMP6, neighbor advertisement/, 'an advertisement'],
    [/:: > ff02::2: ICMP6, router solicitation/, 'a router solicitation'],
    [/0\.0\.0\.0\.68 > 255\.255\.255\.255\.67/, 'DHCP'],
    [/10\.32\.0\.1\.4000 > 10\.32\.0\.2\.9/, 'UDP'],
    [/fe80::[0-9a-f:]+\.4000 > fe80::[0-9a-f:]+\.9/, 'UDP on link-local addresses'],
  ] as const;
  for (const [line, what] of arrived) assert.match(lines, line, what);
  assert.equal(await deniedOf('eve'), before);
});

test('a container that may spoof does so, and the other MACs behind it are learnt', async () => {
  const router = await box(a!, 'gate', 5, '--allow-spoof');
  const guest = '02:99:00:00:00:01' as Mac;
  const frame = (ip: Ip, from: Mac): Buffer => udp({ to: near.mac, from, ip, target: near.v4, words: 'ROUTED' });
  const lines = await heard(
    () => send(router, frame('192.0.2.9' as Ip, router.mac), frame('192.0.2.9' as Ip, guest)),
    'host 192.0.2.9',
  );
  assert.equal(lines.length, 2, lines.join('\n'));
  await eventually('b knows the guest', 5_000, async () =>
    (await b!.status(true)).macs!.find(({ mac, name }) => mac === guest && name === 'a'),
  );
  const { stdout } = await a!.mesh('status', 'endpoints');
  assert.match(stdout, /attached, unguarded/);
  await a!.kill9();
  await a!.launch();
  await eventually('it may still', 10_000, async () => {
    const { endpoints } = await a!.status();
    return endpoints.find((e) => e.target.endsWith('gate') && e.allowSpoof && e.state === 'attached');
  });
});

test('rules that are flushed are back within two seconds, and a restart of the router opens no gap', async () => {
  const frames = Array.from({ length: 20 }, () => udp({ to: near.mac, from: eve.mac, ip: mallory.v4, target: near.v4, words: 'LATE' })); // prettier-ignore
  await a!.kill9();
  assert.deepEqual(await heardOf(frames), [], 'while the router is dead');
  await a!.launch();
  assert.deepEqual(await heardOf(frames), [], 'once it is back');
  for (const command of [
    'flush ruleset',
    'flush table bridge mesh_6785_ports',
    'delete table bridge mesh_6785_ports',
  ]) {
    await a!.host.netns.must('nft', ...command.split(' '));
    await eventually(`after ${command}`, 2_000, async () => ((await heardOf(frames)).length === 0 ? true : undefined));
  }
  await a!.host.netns.must(
    'nft',
    'delete',
    'element',
    'bridge',
    'mesh_6785_ports',
    'ports',
    `{ ${await portOf(eve)} }`,
  );
  await eventually('after its port was let go', 2_000, async () =>
    (await heardOf(frames)).length === 0 ? true : undefined,
  );
});

async function heardOf(frames: readonly Buffer[]): Promise<readonly string[]> {
  const captured = await lab.capture(near.netns, 'mesh0');
  await send(eve, ...frames);
  return captured.lines(`src host ${mallory.v4} and udp`);
}

/** The host's end of its veth. */
async function portOf({ mac }: Box): Promise<string> {
  const fdb = await a!.host.netns.must('bridge', 'fdb', 'show', 'br', 'mb-mesh');
  return new RegExp(`${mac} dev (\\S+)`).exec(fdb)![1]!;
}
