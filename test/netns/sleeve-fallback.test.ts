// A host that lacks a part of the fast path carries the same traffic, and says what it lacks.
//
//   container ── mb-x ── ms-x (TAP) ── sleeve │ a │ eth0 ──── wire ──── eth0 │ b │ sleeve ── ms-x ── mb-x ── container
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { FastPart } from '../../datapath/sleeve/fast-path.js';
import { createLab } from '../support/netns.js';
import {
  acquaint,
  endAfter,
  reaches,
  sleevePair,
  type CountersText,
  type PairOptions,
  type SleeveHost,
} from '../support/sleeve-lab.js';
import { echoes, transfer } from '../support/traffic.js';

const NO_CHECKSUMS = fileURLToPath(new URL('../support/no-checksums-process.js', import.meta.url));
const TRANSFER_BYTES = 4e6;
const DATAGRAMS = 640;
const BURST = 32;

const lab = createLab();
let pairs = 0;

async function pair(options: PairOptions): Promise<readonly [SleeveHost, SleeveHost]> {
  pairs++;
  const hosts = await sleevePair(lab, { ...options, names: [`a${pairs}`, `b${pairs}`] });
  endAfter(hosts);
  await reaches(hosts[0], hosts[1].v4);
  return hosts;
}

const missing = (host: SleeveHost): FastPart[] =>
  host.events.flatMap((e) => (e.kind === 'fallback' ? [e.what] : [])).sort();

/** TCP, datagrams one by one and in super-frames, and packets in fragments. */
async function flow(from: SleeveHost, to: SleeveHost, family: 'v4' | 'v6'): Promise<void> {
  const [address, ports] = [to[family], family === 'v4' ? { tcp: 5004, udp: 7004 } : { tcp: 5006, udp: 7006 }];
  await transfer(from.container, to.container, address, { bytes: TRANSFER_BYTES, port: ports.tcp });
  await echoes(from.container, to.container, address, DATAGRAMS, ports.udp);
  const { stdout } = await from.container.run('ping', '-nqc', '20', '-i', '0.01', '-W', '2', '-s', '10000', address);
  assert.ok(Number(/(\d+) received/.exec(stdout)?.[1]) > 15, stdout);
}

/** Over IPv4 and IPv6, both ways, all at once. */
const allIsCarried = ([a, b]: readonly [SleeveHost, SleeveHost]): Promise<unknown> =>
  Promise.all([flow(a, b, 'v4'), flow(b, a, 'v4'), flow(a, b, 'v6'), flow(b, a, 'v6')]);

/** What a host did while everything was carried. */
interface Work {
  readonly sends: number;
  readonly receives: number;
  readonly txDatagrams: number;
  readonly rxDatagrams: number;
  /** Super-frames that came from the TAP. */
  readonly txFrames: number;
  readonly bad: number;
}

const work = (c: CountersText, peer: SleeveHost): Work => {
  const { txDatagrams, rxDatagrams, txFrames } = c.peers[peer.id]!;
  const bad = c.rx['tap-refused'] + c.rx.tag + c.tx['socket-error'] + c.tx['gso-headers'] + c.tx.virtio;
  return { sends: c.tx.sends + c.rx.sends, receives: c.rx.receives, txDatagrams, rxDatagrams, txFrames, bad };
};

/** @returns the work of the first host, the one that lacks something */
async function carriedBy(hosts: readonly [SleeveHost, SleeveHost]): Promise<Work> {
  await allIsCarried(hosts);
  const [a, b] = hosts;
  const done = work(await a.counters(), b);
  assert.deepEqual([done.bad, work(await b.counters(), a).bad], [0, 0]);
  for (const h of hosts) h.kill();
  return done;
}

/** With nothing taken away many datagrams go in a call, and come in one. */
const plain = await pair({});
const whole = await carriedBy(plain);
/** What this machine lacks of itself: before Linux 6.2 it is `uso`. */
const own = missing(plain[0]);

const isMissing = (host: SleeveHost, ...parts: readonly FastPart[]): void =>
  assert.deepEqual(missing(host), [...new Set([...own, ...parts])].sort());

test('a host that has the parts uses them', () => {
  assert.ok(whole.sends < whole.txDatagrams / 2 && whole.receives < whole.rxDatagrams / 2, JSON.stringify(whole));
});

test('without UDP_GRO each datagram is received by itself', async () => {
  const [a, b] = await pair({ create: { without: ['udp-gro'] } });
  const { receives, rxDatagrams } = await carriedBy([a, b]);
  isMissing(a, 'udp-gro');
  assert.ok(receives >= rxDatagrams, `${receives} calls for ${rxDatagrams} datagrams`);
});

test('without UDP_SEGMENT each datagram is sent by itself', async () => {
  const [a, b] = await pair({ create: { without: ['udp-segment'] } });
  const { sends, txDatagrams } = await carriedBy([a, b]);
  isMissing(a, 'udp-segment');
  assert.ok(sends >= txDatagrams, `${sends} calls for ${txDatagrams} datagrams`);
});

test('without super-frames of UDP in the TAP each datagram of a container is a frame', async () => {
  const [a, b] = await pair({ create: { without: ['uso'] } });
  const { txFrames } = await carriedBy([a, b]);
  isMissing(a, 'uso');
  const apart = (2 * DATAGRAMS * (BURST - 1)) / BURST; // of the bursts of both families
  if (!own.includes('uso'))
    assert.ok(txFrames > whole.txFrames + apart / 2, `${txFrames} frames, and ${whole.txFrames} with them`);
});

for (const cipher of ['aes-256-gcm', 'chacha20-poly1305'] as const)
  test(`without OpenSSL of its own node:crypto seals: ${cipher}`, async () => {
    const [a, b] = await pair({ cipher, create: { without: ['evp'] } });
    await carriedBy([a, b]);
    isMissing(a, 'evp', ...(cipher === 'aes-256-gcm' ? [] : (['aes'] as const)));
  });

test('where a processor has no AES the other cipher carries', async () => {
  const [a, b] = await pair({ cipher: 'chacha20-poly1305' });
  await carriedBy([a, b]);
  isMissing(a, 'aes');
});

test('with a socket buffer that cannot be made larger', async () => {
  const [a, b] = await pair({ create: { without: ['socket-buffer'] } });
  await carriedBy([a, b]);
  isMissing(a, 'socket-buffer');
});

test('over a device that makes no checksums', async (t) => {
  const hosts = await pair({});
  for (const { host } of hosts) await host.netns.must(process.execPath, NO_CHECKSUMS, 'eth0');
  const { sends, txDatagrams } = await carriedBy(hosts);
  // Before Linux 6.11 it refuses UDP_SEGMENT, and there is a call for each.
  t.diagnostic(`${sends} calls for ${txDatagrams} datagrams`);
});

test('with nothing of it at all, to a host that has everything', async () => {
  const all: FastPart[] = ['aes', 'evp', 'socket-buffer', 'udp-gro', 'udp-segment', 'uso'];
  const [a, b] = await pair({ cipher: 'chacha20-poly1305', create: { without: all.slice(1) } });
  b.kill();
  b.launch();
  b.events.length = 0;
  await b.start();
  await acquaint([a, b], 2, { cipher: 'chacha20-poly1305' });
  await reaches(a, b.v4);
  await carriedBy([a, b]);
  isMissing(a, ...all);
  isMissing(b, 'aes');
});
