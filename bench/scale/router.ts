// One real router, on real sockets of loopback, in the middle of 1,000 peers with 20,000 endpoints: its memory and its processor time.
//   node router.js
// It is a process of its own; this one plays all the peers: one connection, over which all their records come, and answers to all
// the datagrams that SWIM sends. Writes bench/out/scale-router.json.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Sockets, type NetworkEvent } from '../../router/index.js';
import type { Ip, PeerId } from '../../router/types.js';
import { bareRouter } from '../support/bare-router.js';
import { load, usageOf } from '../support/machine.js';
import { Crowd } from './crowd.js';

const [PEERS, ENDPOINTS_EACH] = [1_000, 20];
const HOST = '127.0.0.1' as Ip;
const [CROWD_PORT, LONE_PORT] = [16_783, 16_793];
const [SETTLE_MS, WATCH_MS] = [40_000, 60_000];
const here = new URL('.', import.meta.url).pathname;

const dir = mkdtempSync(join(tmpdir(), 'mesh-scale-'));
try {
  await measure();
} finally {
  rmSync(dir, { recursive: true, force: true });
}

async function measure(): Promise<void> {
  const crowd = new Crowd(PEERS, ENDPOINTS_EACH);
  let sockets: Sockets | undefined;
  const own = await bareRouter('crowd', join(dir, 'crowd'), CROWD_PORT, (sink) => {
    const take = (ev: NetworkEvent): void => {
      const reply = ev.kind === 'datagram' ? crowd.reply(ev.bytes) : undefined;
      if (reply === undefined || ev.kind !== 'datagram') sink(ev);
      else sockets!.sendDatagram(ev.from, reply);
    };
    return (sockets = new Sockets({ port: CROWD_PORT, host: HOST, sink: take }));
  });
  crowd.fill(own.router.core.options.store, own.router.core.self);
  const argv = [`${here}lone-router.js`, join(dir, 'lone'), String(LONE_PORT), `${HOST}:${CROWD_PORT}`];
  const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'inherit'] });
  const [id] = (await once(child.stdout, 'data')) as [Buffer];
  own.start(`${HOST}:${LONE_PORT}`);
  await sleep(2_000);
  const lone = { ip: HOST, port: LONE_PORT };
  const peer = id.toString().trim() as PeerId;
  crowd.meet(peer, own.router.core.connections.of(peer)!.hello.launch);
  for (const bytes of crowd.news(peer)) sockets!.sendDatagram(lone, bytes);
  await sleep(SETTLE_MS);
  const [before, answered] = [usageOf(child.pid!), crowd.answered];
  await sleep(WATCH_MS);
  const after = usageOf(child.pid!);
  write({
    peers: PEERS,
    endpoints: PEERS * ENDPOINTS_EACH,
    probesPerS: (crowd.answered - answered) / (WATCH_MS / 1_000),
    rssMiB: after.rssBytes / 2 ** 20,
    peakMiB: after.peakBytes / 2 ** 20,
    cpu: (after.cpuS - before.cpuS) / (WATCH_MS / 1_000),
    load: load(),
  });
  child.kill('SIGKILL');
  await once(child, 'close');
  own.kill();
}

function write(figures: object): void {
  console.error(`one router: ${JSON.stringify(figures)}`);
  mkdirSync('bench/out', { recursive: true });
  writeFileSync('bench/out/scale-router.json', `${JSON.stringify(figures, undefined, 1)}\n`);
}
