// What a mesh of ten costs while nothing happens: all that leaves each host, counted where it leaves.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { attached, joinedRouters } from '../support/mesh-lab.js';
import { createLab, type Host } from '../support/netns.js';

const HOSTS = 10;
/** A new interface solicits routers after 4, 8, 16 s, each to every member: that is not yet an idle mesh. */
const SETTLE_MS = Number(process.env.MESH_SETTLE_MS ?? 40_000);
const MEASURE_MS = Number(process.env.MESH_IDLE_MS ?? 30_000);
const BYTES_PER_SECOND = 1_000;

const lab = createLab();

async function sentBytes(host: Host): Promise<number> {
  const [link] = JSON.parse(await host.netns.must('ip', '-j', '-s', 'link', 'show', 'eth0')) as {
    stats64: { tx: { bytes: number } };
  }[];
  return link!.stats64.tx.bytes;
}

/** Bytes and frames per second and router by protocol and port, most first. */
function breakdown(lines: readonly string[], hosts: number): string {
  const by = new Map<string, { bytes: number; frames: number }>();
  for (const line of lines) {
    const length = Number(/length (\d+):/.exec(line)?.[1] ?? 0);
    const port = [...line.matchAll(/\.(678\d)[ :]/g)].map((m) => m[1]).sort()[0];
    const other = /ARP|ICMP6/.exec(line)?.[0] ?? 'other';
    // tcpdump takes 6784 for BFD (RFC 7130), which has flags as well.
    const isTcp = /Flags \[/.test(line) && port !== '6784';
    const kind = port === undefined ? other : `${isTcp ? 'tcp' : 'udp'} ${port}`;
    const sum = by.get(kind) ?? { bytes: 0, frames: 0 };
    by.set(kind, { bytes: sum.bytes + length, frames: sum.frames + 1 });
  }
  const perSecond = (n: number): string => ((n / MEASURE_MS / hosts) * 1000).toFixed(1);
  return [...by]
    .sort(([, x], [, y]) => y.bytes - x.bytes)
    .map(([kind, n]) => `${kind}: ${perSecond(n.bytes)} in ${perSecond(n.frames)} frames`)
    .join('; ');
}

test('an idle mesh of ten sends less than 1,000 bytes per second and router, all counted', async (t) => {
  const routers = await joinedRouters(
    lab,
    Array.from({ length: HOSTS }, (_, i) => `h${i}`),
  );
  for (const [i, router] of routers.slice(0, 3).entries()) await attached(lab, router, `c${i}`, `10.32.0.${i + 1}/12`);
  await sleep(SETTLE_MS);
  const before = await Promise.all(routers.map(({ host }) => sentBytes(host)));
  const capture = await lab.capture();
  const start = performance.now();
  await sleep(MEASURE_MS);
  const seconds = (performance.now() - start) / 1000;
  const sent = await Promise.all(routers.map(({ host }) => sentBytes(host)));
  const rates = sent.map((bytes, i) => (bytes - before[i]!) / seconds);
  const mean = rates.reduce((x, y) => x + y, 0) / HOSTS;
  const most = Math.max(...rates);
  const lines = (await capture.lines()).filter((line) => line.includes('ethertype'));
  const loudest = routers[rates.indexOf(most)]!.host;
  t.diagnostic(
    `bytes per second: mean ${mean.toFixed(0)}, least ${Math.min(...rates).toFixed(0)}, most ${most.toFixed(0)}`,
  );
  t.diagnostic(`mean: ${breakdown(lines, HOSTS)}`);
  t.diagnostic(
    `most: ${breakdown(
      lines.filter((line) => line.includes(`: ${loudest.v4}.`)),
      1,
    )}`,
  );
  assert.ok(most < BYTES_PER_SECOND, `${rates.map((r) => r.toFixed(0)).join(' ')} bytes per second`);
});
