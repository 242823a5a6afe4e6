// A stranger in the underlay, as a process of its own: sends a router all that it must not choke on, and exits.
//
//   usage: hostile-process.js HOST PORT FILE     FILE: real datagrams to replay and to spoil, as a JSON list of base64
import { randomBytes, randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const RANDOM_DATAGRAMS = 4_000;
const REPLAYS = 100; // of each real datagram
const STREAMS_AT_ONCE = 40;
const LISTEN_MS = 300;

const [host = '', port = '', file = ''] = process.argv.slice(2);
const real = (JSON.parse(readFileSync(file, 'utf8')) as string[]).map((text) => Buffer.from(text, 'base64'));

const spoilt = (b: Buffer): Buffer => {
  const copy = Buffer.from(b);
  if (copy.length > 0) copy[randomInt(copy.length)]! ^= 1 << randomInt(8);
  return copy;
};

function* datagrams(): Generator<Buffer> {
  for (let i = 0; i < RANDOM_DATAGRAMS; i++) yield randomBytes(randomInt(1_400));
  for (let i = 0; i < 50; i++) yield randomBytes(65_507);
  for (const b of real) {
    for (let length = 0; length < b.length; length++) yield b.subarray(0, length);
    for (let i = 0; i < REPLAYS; i++) yield b;
    for (let i = 0; i < REPLAYS; i++) yield spoilt(b);
    yield Buffer.concat([b, randomBytes(60_000)]);
  }
}

async function sendDatagrams(): Promise<number> {
  const socket = createSocket('udp4');
  let sent = 0;
  for (const bytes of datagrams()) {
    await new Promise<void>((resolve) => socket.send(bytes, Number(port), host, () => resolve()));
    if (++sent % 200 === 0) await sleep(5); // else the receiver's buffer drops most before anyone reads them
  }
  socket.close();
  return sent;
}

function open(): Socket {
  return connect(Number(port), host).on('error', () => undefined);
}

/** What the router says to whoever connects: its preamble and hello. */
async function greeting(): Promise<Buffer> {
  const socket = open();
  const chunks: Buffer[] = [];
  socket.on('data', (b: Buffer) => chunks.push(b));
  await sleep(LISTEN_MS);
  socket.destroy();
  return Buffer.concat(chunks);
}

function* streams(hello: Buffer): Generator<Buffer> {
  const frame = (length: number, type: number, body: Buffer): Buffer => {
    const header = Buffer.alloc(5);
    header.writeUInt32BE(length);
    header[4] = type;
    return Buffer.concat([header, body]);
  };
  for (let i = 0; i < 100; i++) yield randomBytes(randomInt(1, 4_000));
  for (let length = 0; length < hello.length; length += 3) yield hello.subarray(0, length);
  for (let i = 0; i < 200; i++) yield spoilt(hello);
  for (let i = 0; i < 20; i++) yield hello; // its own hello: a peer that is itself
  for (let type = 0; type < 12; type++) {
    yield Buffer.concat([hello.subarray(0, 6), frame(300, type, randomBytes(300))]);
    yield Buffer.concat([hello.subarray(0, 6), frame(0xffffffff, type, randomBytes(1_000))]);
    yield Buffer.concat([hello.subarray(0, 6), frame(0x100000, type, randomBytes(200_000))]); // never finished
  }
}

async function sendStreams(): Promise<number> {
  const waiting = [...streams(await greeting())];
  const total = waiting.length;
  const one = async (): Promise<void> => {
    for (let bytes = waiting.pop(); bytes !== undefined; bytes = waiting.pop()) {
      const socket = open();
      socket.resume().write(bytes);
      await sleep(20);
      socket.destroy();
    }
  };
  await Promise.all(Array.from({ length: STREAMS_AT_ONCE }, one));
  return total;
}

const silent = Array.from({ length: 60 }, open); // fewer than one source may leave half open
const [datagramsSent, streamsSent] = [await sendDatagrams(), await sendStreams()];
console.log(JSON.stringify({ datagramsSent, streamsSent }));
for (const socket of silent) socket.destroy();
