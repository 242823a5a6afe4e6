// A real TAP and real sockets under frames and datagrams that nobody should send, while others use the same sleeve. For 3 s, or
// MESH_FUZZ_SECONDS.
//
//   container of a: forged frames ──► sleeve a ══► sleeve b ◄── datagrams of any content, some sealed: x
//   b's container ◄── a transfer whose hash is compared ──► a's container
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createLab, type Host, type Namespace } from '../support/netns.js';
import { endAfter, reaches, sessionText, sleevePair, type SleeveHost } from '../support/sleeve-lab.js';
import { echoes, transfer } from '../support/traffic.js';

const SECONDS = Number(process.env.MESH_FUZZ_SECONDS ?? 3);
const TRANSFER_BYTES_PER_S = 2e6;
const MAX_GROWTH_BYTES = 64 << 20;
const FORGE = fileURLToPath(new URL('../support/forge-process.js', import.meta.url));
/** A session of b's, with a peer that seals nonsense. */
const MALICE = 7;

const lab = createLab();
const hosts = await sleevePair(lab, { create: { stormFramesPerS: 1e6 } });
endAfter(hosts);
const [a, b] = hosts;
const x = lab.host('x');
await reaches(a, b.v4);

const forge = async (where: Namespace, ...args: readonly string[]): Promise<number> =>
  Number(await where.must(process.execPath, FORGE, ...args));

/** What the one process in the host has in memory, bytes. */
function resident({ netns }: Host): number {
  const pid = execFileSync('ip', ['netns', 'pids', netns.name], { encoding: 'utf8' }).trim();
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) * 1_024;
}

const broken = (host: SleeveHost): unknown[] =>
  host.events.filter((e) => e.kind === 'workerDied' || e.kind === 'tapLost' || e.kind === 'workerRestarted');

test(`frames and datagrams of any content for ${SECONDS} s break nothing`, async (t) => {
  const seed = Date.now() & 0x7fffffff;
  const { receiveKey, receiveIndex } = sessionText(MALICE, 1, x);
  await b.do('setSession', Buffer.from('x'.repeat(16)).toString('hex'), sessionText(MALICE, 1, x));
  const before = [resident(a.host), resident(b.host)];
  const attacks = Promise.all([
    forge(a.container, 'frames', `${SECONDS}`, `${seed}`, 'eth0', b.mac),
    forge(x.netns, 'datagrams', `${SECONDS}`, `${seed}`, b.host.v4, `${receiveIndex}`, receiveKey),
  ]);
  const options = { bytes: SECONDS * TRANSFER_BYTES_PER_S, minMs: SECONDS * 1_000 };
  await Promise.all([
    transfer(b.container, a.container, a.v4, options),
    transfer(a.container, b.container, b.v6, { ...options, port: 5_002 }),
  ]);
  const [frames, datagrams] = await attacks;
  const [sent, taken] = [(await a.counters()).tx, (await b.counters()).rx];
  const after = [resident(a.host), resident(b.host)];
  const words = `seed ${seed}: ${frames} frames and ${datagrams} datagrams, ${JSON.stringify({ sent, taken })}`;
  t.diagnostic(words);
  t.diagnostic(
    `resident before and after, MB: ${[before, after].map((n) => n.map((x) => x >> 20).join(', ')).join('; ')}`,
  );
  assert.deepEqual([...broken(a), ...broken(b)], [], words);
  // It got as deep as it was meant to.
  assert.ok(
    sent['unknown-mac'] > 0 && taken.tag > 0 && taken.version > 0 && taken['no-session'] > 0 && taken.label > 0,
    words,
  );
  assert.ok(
    taken['message-kind'] > 0 && taken['gso-headers'] + taken.virtio > 0 && taken['unknown-network'] > 0,
    words,
  );
  for (const i of [0, 1]) assert.ok(after[i]! - before[i]! < MAX_GROWTH_BYTES, words);
  for (const [from, to] of [[a, b], [b, a]] as const) await echoes(from.container, to.container, to.v4, 320); // prettier-ignore
});
