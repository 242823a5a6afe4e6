// What somebody on the underlay gets out of a mesh that seals everything: he reads all of it, and says all of it again.
//
//   host zebra-a: quokka ══ sleeve ══ host zebra-b: numbat          host outsider
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { attached, joinedRouters } from '../support/mesh-lab.js';
import { createLab, eventually, LAB_SECRET, ping, type Namespace } from '../support/netns.js';
import { framesOf } from '../support/pcap.js';
import { datagramsTo, streamsOf, type RecordedDatagram } from '../support/recording.js';
import { launchRouter, type RouterProcess } from '../support/router-process.js';

const TELL_AGAIN = fileURLToPath(new URL('../support/tell-again-process.js', import.meta.url));
const SEND_FRAMES = fileURLToPath(new URL('../support/send-frames-process.js', import.meta.url));
const [PAYLOAD, ADDRESSES] = ['SEENPAYLOADMARKS', ['10.32.219.133', '10.32.171.86'] as const];
const FRAMES_AT_ONCE = 150;

const lab = createLab();
const outsider = lab.host('outsider');
const capture = await lab.capture();
const SEALED = ['--trusted-subnets', 'none'];
const a = await launchRouter(lab, lab.host('zebra-a'), ...SEALED);
const b = await launchRouter(lab, lab.host('zebra-b'), ...SEALED, a.host.v4);
after(() => Promise.all([a, b].map((r) => r.kill9())));
const [quokka, numbat] = [
  await attached(lab, a, 'quokka', `${ADDRESSES[0]}/12`),
  await attached(lab, b, 'numbat', `${ADDRESSES[1]}/12`),
];

for (const router of [a, b])
  await eventually(`${router.host.name} has a sealed way`, 30_000, async () =>
    (await router.status()).connections.find(({ overlay }) => overlay === 'sleeve'),
  );

/** Pings whose every byte is marked, small and large. */
async function speak(from: Namespace, to: string): Promise<void> {
  const pattern = Buffer.from(PAYLOAD).toString('hex');
  for (const size of ['56', '1200'])
    await from.must('ping', '-n', '-c', '3', '-i', '0.1', '-W', '1', '-p', pattern, '-s', size, to);
}

/** How what nobody may see is written in bytes and in words. */
async function markers(
  routers: readonly RouterProcess[],
  containers: readonly Namespace[],
  addresses: readonly string[],
) {
  const all = await Promise.all(routers.map((router) => router.status()));
  const macs = all.flatMap(({ endpoints }) => endpoints.map(({ mac }) => mac.replaceAll(':', '')));
  const ids = all.map(({ self }) => self.id);
  const bytes = (hex: string): Buffer => Buffer.from(hex, 'hex');
  const raw = addresses.map((ip) => Buffer.from(ip.split('.').map(Number)));
  return {
    payload: [Buffer.from(PAYLOAD.slice(0, 12))],
    names: [...all.map(({ self }) => self.name), ...containers.map(({ name }) => name.split('-').at(-1)!)].map((n) =>
      Buffer.from(n),
    ),
    ids: ids.flatMap((id) => [bytes(id), Buffer.from(id)]),
    macs: macs.flatMap((mac) => [bytes(mac), Buffer.from(mac), Buffer.from(mac.match(/../g)!.join(':'))]),
    addresses: [...raw, ...addresses.map((ip) => Buffer.from(ip))],
    secret: [Buffer.from(LAB_SECRET.slice(0, 24))],
  };
}

type Markers = Awaited<ReturnType<typeof markers>>;

/** How many frames show each. Four bytes are in some frame of a million by chance: one alone is no leak. */
function seenIn(frames: readonly Buffer[], all: Markers): Record<string, number> {
  const holding = (marker: Buffer): number => {
    const n = frames.filter((frame) => frame.includes(marker)).length;
    return marker.length === 4 && n === 1 ? 0 : n;
  };
  const sum = (of: readonly Buffer[]): number => of.reduce((n, marker) => n + holding(marker), 0);
  return Object.fromEntries(Object.entries(all).map(([what, of]) => [what, sum(of)]));
}

await speak(quokka, ADDRESSES[1]);
await speak(numbat, ADDRESSES[0]);
await sleep(3_000);
await capture.stop();
const frames = framesOf(capture.file);
const NOTHING = { payload: 0, names: 0, ids: 0, macs: 0, addresses: 0, secret: 0 };

test('no frame on the underlay shows a byte, a name, an id, a MAC or an address of what is sealed', async () => {
  const ports = [6783, 6784].map((port) => datagramsTo(frames, [port]).length);
  assert.ok(Math.min(...ports, streamsOf(frames, 6783).length) > 0, `recorded: ${ports.join(' and ')} datagrams`);
  assert.deepEqual(seenIn(frames, await markers([a, b], [quokka, numbat], ADDRESSES)), NOTHING);
});

test('the same search finds all that a mesh shows which trusts its underlay, and what is said in clear', async () => {
  const [c, d] = (await joinedRouters(lab, ['zebra-c', 'zebra-d'])) as [RouterProcess, RouterProcess];
  after(() => Promise.all([c, d].map((r) => r.kill9())));
  const addresses = ['10.32.219.13', '10.32.171.86'];
  const containers = [
    await attached(lab, c, 'quoll', `${addresses[0]}/12`),
    await attached(lab, d, 'bilby', `${addresses[1]}/12`),
  ] as const;
  const plain = await lab.capture();
  await speak(containers[0], addresses[1]!);
  const own = await markers([c, d], containers, addresses);
  const said = Buffer.concat([...own.names, ...own.ids, ...own.secret]).toString('base64');
  const file = write('leak.json', [[9, said]], []);
  await c.host.netns.must(process.execPath, TELL_AGAIN, d.host.v4, file);
  await plain.stop();
  for (const [what, n] of Object.entries(seenIn(framesOf(plain.file), own))) assert.ok(n > 0, `${what} was not found`);
});

function write(
  name: string,
  datagrams: readonly (readonly [number, string])[],
  streams: readonly (readonly [number, string])[],
): string {
  const file = join(lab.dir, name);
  writeFileSync(file, JSON.stringify({ datagrams, streams }));
  return file;
}

/** What may not change, whatever is said again. */
async function stateOf(router: RouterProcess): Promise<unknown> {
  const { self, peers, connections, targets, networks, endpoints, macs, evicted } = await router.status(true);
  return {
    self: [self.id, self.incarnation, self.endpoints],
    peers: peers.map(({ id, name, status }) => [id, name, status]),
    connections: connections.map(({ name, overlay }) => [name, overlay]),
    targets: targets.map(({ target }) => target),
    networks: networks.map(({ name, vni }) => [name, vni]),
    endpoints: endpoints.map(({ mac, ips }) => [mac, ips]),
    macs,
    evicted,
  };
}

const drops = async (what: RegExp): Promise<number> =>
  (await Promise.all([a, b].map((router) => router.status())))
    .flatMap(({ counters }) => Object.entries(counters))
    .reduce((sum, [name, n]) => (what.test(name) ? sum + n : sum), 0);

/** On the wire right before its host, as if it came from where it came. */
async function inject(datagrams: readonly RecordedDatagram[]): Promise<void> {
  for (const router of [a, b]) {
    const hex = datagrams.filter(({ to }) => to === router.host.v4).map(({ frame }) => frame.toString('hex'));
    for (let at = 0; at < hex.length; at += FRAMES_AT_ONCE)
      await lab.wire.must(
        process.execPath,
        SEND_FRAMES,
        `to-${router.host.name}`,
        ...hex.slice(at, at + FRAMES_AT_ONCE),
      );
  }
}

test('all of it said again, in order, backwards, and from elsewhere, changes nothing and is counted', async () => {
  const datagrams = datagramsTo(frames, [6783, 6784]).filter(({ frame }) => frame.length <= 1514);
  const streams = streamsOf(frames, 6783).filter(({ bytes }) => bytes.length > 0);
  const before = await Promise.all([a, b].map(stateOf));
  const COUNTED = /^datagram-(replay|stranger|destination|own)$/;
  const [control, sleeve, shaken] = [
    await drops(COUNTED),
    await drops(/sleeve.*replay/),
    await drops(/^handshake-(forged|stamp)/),
  ];

  await inject(datagrams);
  await inject([...datagrams].reverse());
  const ofControl = datagrams.filter(({ port }) => port === 6783).length;
  const file = write(
    'again.json',
    datagrams.map(({ port, payload }) => [port, payload.toString('base64')] as const),
    streams.map(({ bytes }) => [6783, bytes.toString('base64')] as const),
  );
  for (const from of [outsider, a.host, b.host])
    for (const to of [a.host, b.host])
      if (from !== to) await from.netns.must(process.execPath, TELL_AGAIN, to.v4, file);
  await sleep(3_000);

  const counted = [(await drops(COUNTED)) - control, (await drops(/sleeve.*replay/)) - sleeve] as const;
  console.log(
    `${datagrams.length} datagrams (${ofControl} of control), ${streams.length} streams; dropped: ${counted.join(', ')}`,
  );
  console.log(JSON.stringify((await a.status()).counters));
  assert.ok(counted[0] >= 2 * ofControl, `${counted[0]} of control`);
  assert.ok(counted[1] >= datagrams.length - ofControl, `${counted[1]} of the sleeve`);
  assert.ok((await drops(/^handshake-(forged|stamp)/)) > shaken, 'no handshake was said again');
  assert.deepEqual(await Promise.all([a, b].map(stateOf)), before);
  assert.equal((await ping(quokka, ADDRESSES[1], 10, 50)).received, 10);
  assert.equal((await ping(numbat, ADDRESSES[0], 10, 50)).received, 10);
});
