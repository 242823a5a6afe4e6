// What somebody sends to a live router who is none of its peers is counted and dropped: it neither throws, nor grows, nor forgets its peers.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { DATAGRAM_HEADER_BYTES } from '../../router/wire/datagram.js';
import { attached, joinedRouters, pathsUp } from '../support/mesh-lab.js';
import { createLab, ping } from '../support/netns.js';

const HOSTILE = fileURLToPath(new URL('../support/hostile-process.js', import.meta.url));
const MAX_GROWTH_BYTES = 64 * 1024 * 1024;
const MAX_COMPLAINTS = 20;

const lab = createLab();
const [a, b] = await joinedRouters(lab, ['a', 'b']);
/** A member's address: of what strangers send the kernel lets little through (flood.test.ts). */
const from = b!.host.netns;
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

const complaints = (): number => a!.log().split('\n').length;

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

  const attack = from.must(process.execPath, HOSTILE, a!.host.v4, '6783', file);
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
  // What the kernel has no room for while others have the processor is not ours to count.
  assert.ok(counted > sent.datagramsSent / 4, `${counted} of ${sent.datagramsSent} datagrams were counted`);
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

const FORGED = 200;
const ROUNDS = 5;
/** Sends the datagrams of a file, a JSON list of base64, at a rate that the receiver's buffer holds. */
const SEND = `
  const [host, port, file] = process.argv.slice(1);
  const socket = require('node:dgram').createSocket('udp4');
  const waiting = JSON.parse(require('node:fs').readFileSync(file, 'utf8'));
  const next = () => {
    for (const text of waiting.splice(0, 20)) socket.send(Buffer.from(text, 'base64'), Number(port), host);
    if (waiting.length === 0) setTimeout(() => socket.close(), 50); else setTimeout(next, 5);
  };
  next();`;

/** As b's launch to a's, which everybody reads on the wire, with counters that did not come yet and any bytes sealed under any key. */
const forged = (sample: Uint8Array, n: number): Uint8Array => {
  const bytes = Buffer.concat([sample.subarray(0, DATAGRAM_HEADER_BYTES), randomBytes(200)]);
  bytes.writeUInt32BE(n % 2 === 0 ? 0 : 0xffffffff, 20); // wire/datagram.ts: the counter
  bytes.writeUInt32BE(1_000_000 + n, 24);
  return bytes;
};

test('datagrams in the name of a member, forged or recorded, are counted and change nothing', async () => {
  const real = await realDatagrams();
  assert.ok(real.length > 0, 'b sent nothing in 4 s');
  const file = join(lab.dir, 'forged.json');
  const before = await a!.status();
  const rssBefore = ((await a!.client.report()) as Report).report.memory.rss;
  const logged = complaints();

  let slowestMs = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const datagrams = Array.from({ length: FORGED }, (_, n) => forged(real.at(-1)!, round * FORGED + n));
    writeFileSync(file, JSON.stringify([...datagrams, ...real].map((b) => Buffer.from(b).toString('base64'))));
    await from.must(process.execPath, '-e', SEND, a!.host.v4, '6783', file);
    const askedAt = performance.now();
    await a!.status(); // throws after 5 s
    slowestMs = Math.max(slowestMs, performance.now() - askedAt);
  }
  await sleep(1_000);

  const now = await a!.status();
  const rss = ((await a!.client.report()) as Report).report.memory.rss;
  const more = (name: string): number => (now.counters[name] ?? 0) - (before.counters[name] ?? 0);
  console.log(`slowest status ${slowestMs.toFixed(0)} ms`);
  console.log(`rss ${rssBefore >> 20} MiB before, ${rss >> 20} MiB after, ${complaints() - logged} lines logged`);
  // What the kernel has no room for while others have the processor is not ours to count. A counter beyond 2^53 is never new.
  assert.ok(more('datagram-forged') > (FORGED * ROUNDS) / 4, `${more('datagram-forged')} forged`);
  assert.ok(more('datagram-replay') > (FORGED * ROUNDS) / 4, `${more('datagram-replay')} replayed`);
  assert.ok(rss < rssBefore + MAX_GROWTH_BYTES, `${rssBefore} bytes before, ${rss} after`);
  assert.ok(complaints() < logged + MAX_COMPLAINTS, `${complaints() - logged} lines were logged`);
  const peers = (status: typeof now): string[] => status.peers.map((p) => `${p.name} ${p.status}`);
  assert.deepEqual(peers(now), ['b alive']);
  assert.deepEqual(peers(await b!.status()), ['a alive']);
  await pathsUp(a!, 1);
  assert.equal((await ping(ca, '10.32.0.2', 5, 20)).received, 5);
});
