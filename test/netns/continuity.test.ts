// The kernel forwards, whatever becomes of the router:
//
//   container ca ── host a ══ vxlan ══ host b ── container cb        pings every 10 ms, both ways, and an iperf3
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { attached, joinedRouters, pathsUp, PingStream } from '../support/mesh-lab.js';
import { createLab } from '../support/netns.js';

const AWAY_MS = Number(process.env.MESH_AWAY_MS ?? 8_000); // docs/benchmarks.md has the run of 60 s
const PAUSE_MS = 3_000;

const lab = createLab();
const [a, b, c] = await joinedRouters(lab, ['a', 'b', 'c']);
const ca = await attached(lab, a!, 'ca', '10.32.0.1/12', 'fd32::1/64');
const cb = await attached(lab, b!, 'cb', '10.32.0.2/12', 'fd32::2/64');
const cc = await attached(lab, c!, 'cc', '10.32.0.3/12');

/** Streams both ways over both families for `ms`. */
function streams(ms: number): PingStream[] {
  const count = Math.ceil(ms / 10);
  return [
    new PingStream(ca, '10.32.0.2', 10, count),
    new PingStream(cb, '10.32.0.1', 10, count),
    new PingStream(ca, 'fd32::2', 10, count),
  ];
}

async function lostNoneWhile(work: () => Promise<void>, ms: number): Promise<void> {
  const server = cb.start(['iperf3', '-s', '-1'], 'ignore');
  await sleep(300);
  const client = ca.run('iperf3', '-c', '10.32.0.2', '-b', '50M', '-t', `${Math.ceil(ms / 1000)}`, '-J');
  const running = streams(ms);
  await sleep(500);
  await work();
  for (const stream of running) await stream.lostNone();
  const { code, stdout } = await client;
  server.kill();
  assert.equal(code, 0, stdout);
}

test('kill -9 of a router loses no ping, while it is away or when it comes back', async () => {
  await lostNoneWhile(
    async () => {
      await a!.kill9();
      await sleep(AWAY_MS);
      await a!.launch();
      await pathsUp(a!, 2);
      await sleep(PAUSE_MS);
    },
    AWAY_MS + PAUSE_MS + 4_000,
  );
});

test('`mesh stop` of a router loses no ping, while it is away or when it comes back', async () => {
  await lostNoneWhile(
    async () => {
      await b!.must('stop');
      await sleep(AWAY_MS);
      const seen = (await a!.status()).peers.find((p) => p.name === 'b');
      assert.equal(seen?.status, 'stopped');
      await b!.launch();
      await pathsUp(b!, 2);
      await sleep(PAUSE_MS);
    },
    AWAY_MS + PAUSE_MS + 4_000,
  );
});

test('a router that comes back alone, all others being away, still forwards', async () => {
  await lostNoneWhile(async () => {
    await Promise.all([a!.kill9(), b!.kill9(), c!.kill9()]);
    await a!.launch();
    await sleep(PAUSE_MS);
    await Promise.all([b!.launch(), c!.launch()]);
    await pathsUp(a!, 2);
  }, PAUSE_MS + 8_000);
});

test('after all of it, everybody reaches everybody', async () => {
  for (const [from, to] of [
    [ca, '10.32.0.3'],
    [cb, '10.32.0.3'],
    [cc, '10.32.0.1'],
    [cc, '10.32.0.2'],
  ] as const)
    await new PingStream(from, to, 10, 20).lostNone();
});
