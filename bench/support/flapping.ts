// Peers that come and go, and a stranger who sends rubbish, as a process in a host's namespace.
//   flapping.js DIR COUNT PEER PEER-ADDRESS
// Every peer lives a second or two, is killed, and comes back with the same identity and other endpoints.
import { randomBytes, randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Sockets } from '../../router/index.js';
import type { EndpointId } from '../../router/types.js';
import { bareRouter, NETWORK, PORT } from './bare-router.js';
import { manyIp, manyMac } from './many.js';

const FIRST_PORT = 7000;
const PORT_STEP = 4;
const ENDPOINTS = 20;
const LIFE_MS = [1_000, 2_000] as const;
const RUBBISH_EVERY_MS = 10;
const RUBBISH_DATAGRAMS = 20;

const [dir, count, target] = process.argv.slice(2) as [string, string, string];

async function flap(n: number): Promise<never> {
  const port = FIRST_PORT + n * PORT_STEP;
  for (let life = 0; ; life++) {
    const own = await bareRouter(`p${n}`, join(dir, `p${n}`), port, (sink) => new Sockets({ port, sink }));
    for (let e = 0; e < ENDPOINTS; e++) announce(own.router, n, e + life);
    own.start(target);
    await sleep(randomInt(...LIFE_MS));
    own.kill();
    await sleep(randomInt(...LIFE_MS) / 4);
  }
}

function announce(router: Awaited<ReturnType<typeof bareRouter>>['router'], n: number, e: number): void {
  const at = n * 1_000 + (e % 1_000);
  const endpoint = { id: `e${e}` as EndpointId, network: NETWORK, mac: manyMac(at), ips: [manyIp(at)] };
  router.dispatch({ kind: 'announce', fresh: true, endpoint });
}

/** 2,000 datagrams and 100 streams a second of random bytes. */
function sendRubbish(): void {
  const socket = createSocket('udp4');
  setInterval(() => {
    for (let i = 0; i < RUBBISH_DATAGRAMS; i++) socket.send(randomBytes(randomInt(1, 1400)), PORT, target);
    const stream = connect(PORT, target, () => stream.end(randomBytes(randomInt(1, 4096))));
    stream.on('error', () => undefined).on('data', () => stream.destroy());
  }, RUBBISH_EVERY_MS);
}

sendRubbish();
await Promise.all(Array.from({ length: Number(count) }, (_, n) => flap(n)));
