// What a stranger sends to a live router is counted and dropped: it neither throws, nor grows, nor forgets its peers.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { attached, joinedRouters, pathsUp, sleep } from '../support/mesh-lab.js';
import { createLab, ping } from '../support/netns.js';

const HOSTILE = fileURLToPath(new URL('../support/hostile-process.js', import.meta.url));
const MAX_GROWTH_BYTES = 64 * 1024 * 1024;
const MAX_COMPLAINTS = 20;

const lab = createLab();
const [a, b] = await joinedRouters(lab, ['a', 'b']);
const stranger = lab.host('x');
const ca = await attached(lab, a!, 'ca', '10.32.0.1/12');
await attached(lab, b!, 'cb', '10.32.0.2/12');

/** Datagrams that b sent to a. PCAP: 24 bytes, then 16 bytes before each frame, its length at 8 (pcap-savefile(5)). */
async function realDatagrams(): Promise<Buffer[]> {
  const capture = await lab.capture();
  await sleep(4_000);
  await capture.stop();
  const bytes = readFileSync(capture.file);
  const found: Buffer[] = [];
  for (let at = 24; at + 16 < bytes.length; at += 16 + bytes.readUInt32LE(at + 8)) {
    const frame = bytes.subarray(at + 16, at + 16 + bytes.readUInt32LE(at + 8));
    const isOurs = frame.readUInt16BE(12) === 0x0800 && frame[23] === 17 && frame.readUInt16BE(36) === 6783;
    if (isOurs && frame.subarray(30, 34).join('.') === a!.host.v4) found.push(frame.subarray(42));
  }
  return found;
}

const drops = (counters: Readonly<Record<string, number>>): number =>
  Object.entries(counters).reduce(
    (sum, [name, n]) => (/swim|datagram|stream-|hello|frame/.test(name) ? sum + n : sum),
    0,
  );

/** Lines in the log, but for connections: a spoilt copy of a real hello is believed to be one. */
const complaints = (): number =>
  a!
    .log()
    .split('\n')
    .filter((line) => !line.includes(' connection-')).length;

interface Report {
  readonly report: { readonly memory: { readonly rss: number } };
}

test('truncated, oversized, random, spoilt and replayed input is counted, and the router stays what it was', async () => {
  const real = (await realDatagrams()).slice(0, 12);
  assert.ok(real.length > 0, 'b sent nothing in 4 s');
  const file = join(lab.dir, 'datagrams.json');
  writeFileSync(file, JSON.stringify(real.map((bytes) => bytes.toString('base64'))));
  const [pid, before] = [a!.pid, await a!.status()];
  const rssBefore = ((await a!.client.report()) as Report).report.memory.rss;
  const logged = complaints();

  const attack = stranger.netns.must(process.execPath, HOSTILE, a!.host.v4, '6783', file);
  let answers = 0;
  for (let ended = false; !ended; answers++) {
    await a!.status(); // throws after 5 s
    ended = await Promise.race([attack.then(() => true), sleep(50).then(() => false)]);
  }
  const sent = JSON.parse(await attack) as { datagramsSent: number; streamsSent: number };
  await sleep(1_000);

  const now = await a!.status();
  const counted = drops(now.counters) - drops(before.counters);
  console.log(`${JSON.stringify(sent)}, ${counted} drops counted, status answered ${answers} times`);
  console.log(JSON.stringify(now.counters));
  assert.ok(counted > sent.datagramsSent / 2, `${counted} of ${sent.datagramsSent} datagrams were counted`);
  assert.equal(a!.pid, pid);
  assert.doesNotMatch(a!.log(), /\bbug\b/);
  const rss = ((await a!.client.report()) as Report).report.memory.rss;
  assert.ok(rss < rssBefore + MAX_GROWTH_BYTES, `${rssBefore} bytes before, ${rss} after`);
  console.log(`rss ${rssBefore >> 20} MiB before, ${rss >> 20} MiB after`);
  assert.ok(complaints() < logged + MAX_COMPLAINTS, `${complaints() - logged} lines were logged`);
  assert.deepEqual(
    now.peers.map((p) => `${p.name} ${p.status}`),
    ['b alive'],
  );
  await pathsUp(a!, 1);
  assert.equal((await ping(ca, '10.32.0.2', 5, 20)).received, 5);
});
