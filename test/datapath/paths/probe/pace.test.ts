import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Prober } from '../../../../datapath/paths/probe/prober.js';
import type { Millis, PeerId } from '../../../../router/types.js';
import { peerOf } from '../../../support/peers.js';
import { seededRandom } from '../../../support/virtual-time.js';
import { OVERHEAD } from './world.js';

test('many idle paths are probed slower, so that all of them together are ten probes a second at most', () => {
  const prober = new Prober(peerOf(1), 1376, seededRandom(1));
  const peers = Array.from({ length: 300 }, (_, i) => peerOf(i + 2));
  let [probes, wakes] = [0, 0];
  const heed = (effects: ReturnType<Prober['handle']>, now: Millis): void => {
    for (const fx of effects) {
      if (fx.kind !== 'send' || fx.frame.kind !== 'probe') continue;
      probes++;
      const { nonce, sizeBytes } = fx.frame;
      heed(prober.handle({ kind: 'sent', peer: fx.to, nonce }, now), now);
      const echo = { kind: 'echo', from: fx.to, nonce, timeUs: 0, sizeBytes } as const;
      heed(prober.handle({ kind: 'frame', frame: echo, arrivedAt: now }, now), now);
    }
  };
  const runTo = (end: number): void => {
    for (let at = prober.nextDeadline()!; at <= end; at = prober.nextDeadline()!, wakes++)
      heed(prober.handle({ kind: 'tick' }, at), at);
  };
  for (const peer of peers) {
    const at = (50 * peers.indexOf(peer)) as Millis; // they come one by one
    heed(prober.handle({ kind: 'peer', peer, overheadBytes: OVERHEAD }, at), at);
  }
  runTo(120_000);
  probes = wakes = 0;
  runTo(240_000);
  assert.ok(probes > 300 && probes <= 1_200, `${probes} probes in two minutes`);
  assert.ok(wakes < 100, `they go together: ${wakes} wakes`);
  for (const peer of peers.slice(1)) heed(prober.handle({ kind: 'peer', peer, overheadBytes: undefined }, 240_000 as Millis), 240_000 as Millis); // prettier-ignore
  runTo(300_000);
  probes = 0;
  runTo(360_000);
  assert.ok(probes >= 9, `${probes} probes of the one that is left`);
});

test('busy paths are probed together, however they came to be busy', () => {
  const prober = new Prober(peerOf(1), 1376, seededRandom(1));
  const peers = Array.from({ length: 16 }, (_, i) => peerOf(i + 2));
  let [wakes, probes] = [0, 0];
  const heed = (effects: ReturnType<Prober['handle']>, now: Millis): void => {
    for (const fx of effects) {
      if (fx.kind !== 'send' || fx.frame.kind !== 'probe') continue;
      probes++;
      const { nonce, sizeBytes } = fx.frame;
      const echo = { kind: 'echo', from: fx.to, nonce, timeUs: 0, sizeBytes } as const;
      heed(prober.handle({ kind: 'frame', frame: echo, arrivedAt: now }, now), now);
    }
  };
  const runTo = (end: number): void => {
    for (let at = prober.nextDeadline()!; at <= end; at = prober.nextDeadline()!, wakes++)
      heed(prober.handle({ kind: 'tick' }, at), at);
  };
  const asked = (peer: PeerId, at: Millis): void => {
    const frame = { kind: 'probe', from: peer, nonce: at, timeUs: 1, sizeBytes: 40 } as const;
    heed(prober.handle({ kind: 'frame', frame, arrivedAt: at }, at), at);
  };
  peers.forEach((peer, i) => {
    runTo(50 * i);
    const at = (50 * i) as Millis;
    heed(prober.handle({ kind: 'peer', peer, overheadBytes: OVERHEAD }, at), at);
  });
  for (let at = 1_000; at < 21_000; at += 200) {
    if (at === 11_000) wakes = probes = 0;
    peers.forEach((peer, i) => {
      const soon = (at + 13 * i) as Millis;
      runTo(soon);
      if (at % 2_000 === 0) heed(prober.handle({ kind: 'traffic', peers: [peer] }, soon), soon);
      if (!prober.path(peer)!.leads) asked(peer, soon);
    });
    runTo(at + 200);
  }
  assert.ok(probes > 10 * (8 * 5 + 16), `${probes} probes in 10 s`);
  assert.ok(wakes < 150, `${wakes} wakes in 10 s`);
});
