// What a stranger gets out of a running router by UDP, on all three ports: never more than it sent.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { joinedRouters } from '../support/mesh-lab.js';
import { createLab } from '../support/netns.js';
import { sleeveStands } from '../support/overlay-lab.js';

const PORTS = [6783, 6784, 6785] as const;
/** How often each datagram is sent: as it was, and cut or spoilt somewhere. */
const VARIANTS = 12;

const lab = createLab();
const capture = await lab.capture();
const [a, b] = await joinedRouters(lab, ['a', 'b']);
const stranger = lab.host('x');
await Promise.all([sleeveStands(a!), sleeveStands(b!)]);

/** A datagram that b sent to a, and the port that it came to. */
interface Heard {
  readonly port: number;
  readonly bytes: Buffer;
}

/** PCAP: 24 bytes, then 16 bytes before each frame, its length at 8 (pcap-savefile(5)). */
function heard(): readonly Heard[] {
  const bytes = readFileSync(capture.file);
  const found: Heard[] = [];
  for (let at = 24; at + 16 < bytes.length; at += 16 + bytes.readUInt32LE(at + 8)) {
    const frame = bytes.subarray(at + 16, at + 16 + bytes.readUInt32LE(at + 8));
    if (frame.readUInt16BE(12) !== 0x0800 || frame[23] !== 17) continue;
    const isForA = frame.subarray(30, 34).join('.') === a!.host.v4 && frame.subarray(26, 30).join('.') === b!.host.v4;
    if (isForA) found.push({ port: frame.readUInt16BE(36), bytes: frame.subarray(42) });
  }
  return found;
}

/** Sends each of a file's datagrams and listens for a while. Says how many bytes it sent and got, and for which one it got more. */
const ASK = `
  const [host, file, variants] = process.argv.slice(1);
  const { createSocket } = require('node:dgram'), { randomBytes, randomInt } = require('node:crypto');
  const all = JSON.parse(require('node:fs').readFileSync(file, 'utf8'));
  const result = { sent: 0, got: 0, worst: [] };
  const changed = (b, i) => {
    const copy = Buffer.from(b);
    if (i % 3 === 1 && copy.length > 0) copy[randomInt(copy.length)] ^= 1 << randomInt(8);
    return i % 3 === 2 ? copy.subarray(0, randomInt(copy.length + 1)) : copy;
  };
  const one = (port, bytes) => new Promise((resolve) => {
    const socket = createSocket('udp4');
    let got = 0;
    socket.on('message', (m) => (got += m.length));
    socket.send(bytes, port, host);
    setTimeout(() => { socket.close(); result.sent += bytes.length; result.got += got; if (got > bytes.length) result.worst.push([port, bytes.toString('hex'), got]); resolve(); }, 150);
  });
  const waiting = all.flatMap(({ port, base64 }) => Array.from({ length: Number(variants) }, (_, i) => [port, changed(Buffer.from(base64, 'base64'), i)]));
  for (const port of [${PORTS.join()}]) for (let i = 0; i < 200; i++) waiting.push([port, randomBytes(randomInt(1, 1400))]);
  const worker = async () => { for (let next = waiting.pop(); next; next = waiting.pop()) await one(...next); };
  Promise.all(Array.from({ length: 50 }, worker)).then(() => console.log(JSON.stringify(result)));`;

test('a stranger that sends what peers send, as it was or spoilt, gets no more back than it sent', async (t) => {
  await capture.stop();
  const real = heard();
  const byPort = PORTS.map((port) => real.filter((one) => one.port === port).slice(0, 8));
  assert.ok(byPort.every((some) => some.length > 0), `b sent ${byPort.map((some) => some.length).join(', ')} datagrams to ${PORTS.join(', ')}`); // prettier-ignore
  const file = join(lab.dir, 'heard.json');
  writeFileSync(
    file,
    JSON.stringify(byPort.flat().map(({ port, bytes }) => ({ port, base64: bytes.toString('base64') }))),
  );
  const said = await stranger.netns.must(process.execPath, '-e', ASK, a!.host.v4, file, `${VARIANTS}`);
  const { sent, got, worst } = JSON.parse(said) as { sent: number; got: number; worst: unknown[] };
  t.diagnostic(`${sent} bytes were sent, ${got} came back`);
  assert.deepEqual(worst, []);
  assert.equal(got, 0, `of ${sent} bytes that were sent`);
});
