import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Prober } from '../../../../datapath/paths/probe/prober.js';
import type { Millis } from '../../../../router/types.js';
import { peerOf } from '../../../support/peers.js';
import { seededRandom } from '../../../support/virtual-time.js';
import { OVERHEAD, ProbeWorld } from './world.js';

const [A, B] = [peerOf(1), peerOf(2)];
const pair = (seed = 1): ProbeWorld => new ProbeWorld([A, B], 1376, seed);
const since = (w: ProbeWorld, at: number) => w.news.filter((n) => n.at >= at);

test('a path is up at its first echo, with RTT and MTU known a few round trips later', () => {
  const w = pair();
  w.run(3);
  assert.equal(w.path(A, B).kind, 'up');
  w.run(20);
  assert.equal(w.path(A, B).mtu, 1376);
  assert.equal(w.path(A, B).rttMs, 2);
  assert.equal(w.path(B, A).mtu, 1376);
});

test('a path that never answers is down after three probes, and is asked once a second from then on', () => {
  const w = pair();
  w.loses = () => true;
  w.run(1_100);
  assert.equal(w.path(A, B).kind, 'down');
  const before = w.sentBytes.get(A)!;
  w.run(50_000);
  assert.ok(Math.abs((w.sentBytes.get(A)! - before) / 90 - 50) <= 1);
});

test('a lone frame now and then does not quicken the pace', () => {
  const w = pair();
  w.run(60_000);
  const before = w.sentBytes.get(A)!;
  for (let i = 0; i < 30; i++) {
    w.tell(A, { kind: 'traffic', peers: [B] });
    w.run(4_000);
  }
  assert.ok((w.sentBytes.get(A)! - before) / 90 <= 30, 'one probe or echo in 4 s at most');
});

test('with traffic a dead path is known by both sides within a second, also when only one direction is dead', () => {
  const dead = fc.constantFrom([A], [B], [A, B]);
  fc.assert(
    fc.property(fc.integer(), fc.nat(5_000), dead, (seed, ms, from) => {
      const w = pair(seed);
      w.run(2_000);
      w.converse();
      w.run(ms % 4_000);
      w.loses = (a) => from.includes(a);
      w.run(1_000);
      assert.equal(w.path(A, B).kind, 'down');
      assert.equal(w.path(B, A).kind, 'down');
    }),
  );
});

test('while both have traffic one side asks five times a second, the other hears it, and each tries the full size', () => {
  const w = pair();
  const sent = { small: 0, large: 0 };
  for (let s = 0; s < 40; s += 2) {
    if (s === 20) sent.small = sent.large = 0;
    w.converse();
    w.run(2_000);
    w.loses = (_a, _b, bytes) => (sent[bytes > 1_000 ? 'large' : 'small']++, false);
  }
  assert.ok(sent.large >= 40 && sent.large <= 52, `${sent.large} of full size in 20 s`);
  assert.ok(sent.small >= 240 && sent.small <= 260, `${sent.small} small ones in 20 s`);
  for (const [by, to] of [[A, B], [B, A]] as const) assert.equal(w.path(by, to).mtu, 1376); // prettier-ignore
});

test('while idle a dead path is known by both sides within 8 seconds, also when only one direction is dead', () => {
  for (const dead of [
    [A, B],
    [B, A],
    [A, B, A],
  ]) {
    const w = pair();
    w.run(30_000);
    w.loses = (a, b) => dead.join().includes([a, b].join());
    w.run(8_000);
    assert.equal(w.path(A, B).kind, 'down', `${dead.join()}`);
    assert.equal(w.path(B, A).kind, 'down', `${dead.join()}`);
  }
});

test('a path comes back after three echoes in a row, within two seconds of the cure', () => {
  const w = pair();
  w.run(2_000);
  w.loses = () => true;
  w.run(20_000);
  w.loses = () => false;
  w.run(2_000);
  assert.deepEqual([w.path(A, B).kind, w.path(B, A).kind], ['up', 'up']);
});

test('a path that is down for more than a minute is asked every three seconds, and is up within four when it works again', () => {
  for (let seed = 1; seed <= 20; seed++) {
    const w = pair(seed);
    w.loses = () => true;
    w.run(70_000);
    const before = w.sentBytes.get(A)!;
    w.run(60_000 + 500 * w.chance());
    const probes = (w.sentBytes.get(A)! - before) / 90;
    assert.ok(probes >= 19 && probes <= 21, `${probes} probes in a minute`);
    w.loses = () => false;
    w.run(4_000);
    assert.deepEqual([w.path(A, B).kind, w.path(B, A).kind], ['up', 'up']);
  }
});

test('a path that loses every other frame while down does not flap', () => {
  const w = pair();
  w.run(2_000);
  w.loses = () => true;
  w.run(20_000);
  let n = 0;
  w.loses = () => n++ % 3 === 0;
  w.run(60_000);
  assert.equal(w.path(A, B).kind, 'down');
});

test('random loss of a tenth neither takes an idle path down nor makes it look wider than it is', () => {
  // Fixed seeds: of three probes in a row all are lost once in 150 times, and then the path is rightly down for a while.
  let up = 0;
  for (let seed = 1; seed <= 200; seed++) {
    const w = pair(seed);
    w.mtu = 1350;
    w.loses = () => w.chance() < 0.1;
    w.run(60_000);
    if (w.path(A, B).kind === 'up') up++;
    assert.ok((w.path(A, B).mtu ?? 0) <= 1350, `${w.path(A, B).mtu} with seed ${seed}`);
  }
  assert.ok(up >= 195, `up with ${up} of 200 seeds`);
});

test('an idle router with nine peers sends less than 300 bytes a second on the underlay', () => {
  const ids = Array.from({ length: 10 }, (_, i) => peerOf(i + 1));
  const w = new ProbeWorld(ids, 1376, 7);
  w.run(10_000);
  const before = new Map(w.sentBytes);
  w.run(3_600_000);
  for (const [who, bytes] of w.sentBytes) {
    const rate = (bytes - before.get(who)!) / 3_600;
    assert.ok(rate < 300, `${who} sends ${rate} B/s`);
  }
});

test('a quiet mesh has no news', () => {
  const w = pair();
  w.run(10_000);
  const at = w.now;
  w.run(3_600_000);
  assert.deepEqual(since(w, at), []);
});

test('a round trip that doubles is news, one that trembles is not', () => {
  const w = pair();
  w.run(10_000);
  const at = w.now;
  w.delayMs = 1.4;
  w.run(120_000);
  assert.deepEqual(since(w, at), []);
  w.delayMs = 20;
  w.run(300_000);
  assert.ok(since(w, at).length >= 1 && since(w, at).length <= 4);
});

test("the round trip is the network's, however late both routers come to handle what arrived", () => {
  fc.assert(
    fc.property(fc.integer(), (seed) => {
      const w = pair(seed);
      w.delayMs = 0.25;
      w.stallMs = () => 5 + 75 * w.chance();
      w.run(60_000);
      for (const p of [w.path(A, B), w.path(B, A)]) {
        assert.ok(Math.abs(p.rttMs! - 0.5) < 0.002, `${p.rttMs}`); // two roundings to µs
        assert.ok(p.answerMs === undefined || p.answerMs >= 5);
      }
    }),
    { numRuns: 30 },
  );
});

test('where the kernel does not tell of arrivals the least of eight round trips is taken', () => {
  const w = pair();
  w.hasTimestamps = false;
  let n = 0;
  w.stallMs = () => (n++ % 8 < 2 ? 0 : 80); // one probe in four, and its echo, are handled at once
  w.run(60_000);
  for (let i = 0; i < 8; i++) {
    w.run(5_000);
    assert.deepEqual([w.path(A, B).rttMs, w.path(B, A).rttMs], [2, 2]);
  }
});

test('timeouts allow for the load of both routers, of which the round trip is free', () => {
  const w = pair();
  w.stallMs = () => 250;
  w.run(60_000);
  const at = w.now;
  for (let i = 0; i < 60; i++) {
    w.tell(A, { kind: 'traffic', peers: [B] });
    w.run(1_000);
  }
  assert.equal(w.path(A, B).rttMs, 2);
  assert.deepEqual(since(w, at), []);
});

test('a longer way is known on both sides though each tells the other of its round trips', () => {
  const w = pair();
  w.run(5_000);
  w.delayMs = 20;
  for (let i = 0; i < 10; i++) {
    for (const [a, b] of [[A, B] as const, [B, A] as const]) w.tell(a, { kind: 'traffic', peers: [b] });
    w.run(1_000);
  }
  assert.deepEqual([w.path(A, B).rttMs, w.path(B, A).rttMs], [40, 40]);
});

test('what was measured before a path went down is not shown of the way on which it comes back', () => {
  const w = pair();
  w.run(2_000);
  w.loses = () => true;
  w.run(20_000);
  w.loses = () => false;
  w.delayMs = 20;
  while (w.path(A, B).kind !== 'up') w.run(10);
  assert.equal(w.path(A, B).rttMs, 40);
});

test('a peer that lies about its hold looks near, never nearer than 0', () => {
  const p = new Prober(A, 1376, seededRandom(1));
  const [sent] = p.handle({ kind: 'peer', peer: B, overheadBytes: OVERHEAD }, 0 as Millis);
  assert.ok(sent?.kind === 'send');
  const frame = { kind: 'echo', from: B, nonce: sent.frame.nonce, timeUs: 0xffffffff, sizeBytes: 40 } as const;
  p.handle({ kind: 'frame', frame, arrivedAt: 9 as Millis }, 10 as Millis);
  assert.equal(p.path(B)!.rttMs, 0);
});

test('a probe counts from when it went out, not from when it was due', () => {
  const p = new Prober(A, 1376, seededRandom(1));
  const [sent] = p.handle({ kind: 'peer', peer: B, overheadBytes: OVERHEAD }, 0 as Millis);
  assert.ok(sent?.kind === 'send');
  const { nonce } = sent.frame;
  p.handle({ kind: 'sent', peer: B, nonce }, 7 as Millis);
  const frame = { kind: 'echo', from: B, nonce, timeUs: 500, sizeBytes: 40 } as const;
  p.handle({ kind: 'frame', frame, arrivedAt: 8 as Millis }, 30 as Millis);
  assert.equal(p.path(B)!.rttMs, 0.5);
  assert.equal(p.path(B)!.answerMs, 23);
});

test('a round trip that trembles by less than a millisecond is no news, though it doubles', () => {
  const w = pair();
  w.delayMs = 0.05;
  w.run(10_000);
  const at = w.now;
  for (let i = 0; i < 20; i++) {
    w.delayMs = i % 2 === 0 ? 0.2 : 0.05;
    w.run(60_000);
  }
  assert.deepEqual(since(w, at), []);
});

test('a path around the world is up, though its echoes come after the first probes count as lost', () => {
  const w = pair();
  w.delayMs = 350;
  w.run(10_000);
  assert.equal(w.path(A, B).kind, 'up');
  const at = w.now;
  w.run(600_000);
  assert.deepEqual(
    since(w, at).filter((n) => n.kind !== 'up'),
    [],
  );
});

test('an echo nobody asked for, a repeated echo and a stranger change nothing and are dropped for their reason', () => {
  const p = new Prober(A, 1376, seededRandom(1));
  const at = 5 as Millis;
  const frame = { kind: 'echo', from: B, nonce: 99, timeUs: 0, sizeBytes: 40 } as const;
  assert.deepEqual(p.handle({ kind: 'frame', frame, arrivedAt: at }, at), [{ kind: 'drop', reason: 'unknown-peer' }]);
  const [sent] = p.handle({ kind: 'peer', peer: B, overheadBytes: OVERHEAD }, at);
  assert.deepEqual(p.handle({ kind: 'frame', frame: { ...frame, nonce: 1 }, arrivedAt: at }, at), [
    { kind: 'drop', reason: 'unasked' },
  ]);
  assert.equal(p.path(B)!.kind, 'probing');
  assert.ok(sent?.kind === 'send');
  p.handle({ kind: 'frame', frame: { ...frame, nonce: sent.frame.nonce }, arrivedAt: at }, at);
  assert.equal(p.path(B)!.kind, 'up');
  const again = p.handle({ kind: 'frame', frame: { ...frame, nonce: sent.frame.nonce }, arrivedAt: at }, at);
  assert.deepEqual(again, [{ kind: 'drop', reason: 'unasked' }]);
});

test('an echo is never larger than its probe', () => {
  const p = new Prober(A, 1376, seededRandom(1));
  p.handle({ kind: 'peer', peer: B, overheadBytes: OVERHEAD }, 0 as Millis);
  fc.assert(
    fc.property(fc.integer({ min: 40, max: 9014 }), fc.nat(0xffffffff), (sizeBytes, nonce) => {
      const frame = { kind: 'probe', from: B, nonce, timeUs: 0, sizeBytes } as const;
      const [echo] = p.handle({ kind: 'frame', frame, arrivedAt: 1 as Millis }, 1 as Millis);
      assert.ok(echo?.kind === 'send' && echo.frame.kind === 'echo' && echo.frame.nonce === nonce);
      assert.ok(echo.frame.sizeBytes <= sizeBytes);
    }),
  );
});

test('who is in a hurry knows within a second whether an idle path works, and when it began to fail', () => {
  fc.assert(
    fc.property(fc.integer(), fc.nat(20_000), fc.boolean(), (seed, ms, isDead) => {
      const w = pair(seed);
      w.run(2_000 + ms);
      w.loses = () => isDead;
      const at = w.now;
      w.tell(A, { kind: 'hurry', peer: B });
      w.run(1_000);
      const { kind, heardAt, losingSince } = w.path(A, B);
      if (isDead) assert.ok(kind === 'down' && losingSince !== undefined && losingSince <= at + 1);
      else assert.ok(kind === 'up' && heardAt! >= at && losingSince === undefined);
      w.run(120_000);
      if (!isDead) assert.deepEqual(since(w, at), [], 'and it is no news');
    }),
  );
});

test('what stirs a path is told: heard, or not; a probe that goes out is not', () => {
  const p = new Prober(A, 576 - OVERHEAD, seededRandom(1)); // nothing to search for
  const stirs = (fx: readonly { kind: string }[]): boolean => fx.some(({ kind }) => kind === 'stirred');
  const first = p.handle({ kind: 'peer', peer: B, overheadBytes: OVERHEAD }, 0 as Millis);
  const [sent] = first;
  assert.ok(sent?.kind === 'send' && !stirs(first));
  const frame = { kind: 'echo', from: B, nonce: sent.frame.nonce, timeUs: 0, sizeBytes: 40 } as const;
  assert.ok(stirs(p.handle({ kind: 'frame', frame, arrivedAt: 1 as Millis }, 1 as Millis)));
  const next = p.handle({ kind: 'tick' }, 8_000 as Millis);
  assert.ok(next.some((fx) => fx.kind === 'send') && !stirs(next));
  assert.ok(stirs(p.handle({ kind: 'tick' }, 9_000 as Millis)));
});

test('an early or repeated tick does nothing', () => {
  const w = pair();
  w.run(10_000);
  const p = new Prober(A, 1376, seededRandom(1));
  p.handle({ kind: 'peer', peer: B, overheadBytes: OVERHEAD }, 0 as Millis);
  assert.deepEqual(p.handle({ kind: 'tick' }, (p.nextDeadline()! - 1) as Millis), []);
  p.handle({ kind: 'tick' }, 200 as Millis);
  assert.deepEqual(p.handle({ kind: 'tick' }, 200 as Millis), []);
});

test('whatever is lost and delayed, a deadline is never in the past once a tick has been handled', () => {
  fc.assert(
    fc.property(fc.integer(), fc.double({ min: 0, max: 1, noNaN: true }), (seed, loss) => {
      const w = pair(seed);
      w.loses = () => w.chance() < loss;
      w.mtu = 600;
      w.run(30_000); // an endless loop at one instant would hang here
      assert.ok(w.path(A, B).sent.length <= 32);
    }),
    { numRuns: 30 },
  );
});

test('a path that nobody has a use for is probed every few minutes at small size, and known at once when it is of use', () => {
  const w = new ProbeWorld([A, B], 1376, 1);
  for (const [a, b] of [
    [A, B],
    [B, A],
  ] as const)
    w.tell(a, { kind: 'rest', peer: b, rests: true });
  w.run(10_000);
  w.sentBytes.clear();
  w.run(3_600_000);
  const bytes = [A, B].map((id) => w.sentBytes.get(id) ?? 0);
  assert.ok(Math.max(...bytes) < 3_000, `${bytes.join()} bytes in an hour`);
  assert.equal(w.path(A, B).kind, 'up');
  w.loses = () => true;
  w.tell(A, { kind: 'rest', peer: B, rests: false });
  w.run(1_000);
  assert.equal(w.path(A, B).kind, 'down', 'within a second');
  w.loses = () => false;
  w.run(8_000);
  assert.deepEqual([w.path(A, B).kind, w.path(A, B).mtu], ['up', 1376]);
});

test('a path at rest that is down is asked about every minute, and comes back by itself', () => {
  const w = new ProbeWorld([A, B], 1376, 1);
  w.tell(A, { kind: 'rest', peer: B, rests: true });
  w.loses = () => true;
  w.run(120_000);
  w.sentBytes.clear();
  w.run(600_000);
  assert.ok((w.sentBytes.get(A) ?? 0) < 12 * 100, `${w.sentBytes.get(A)}`);
  w.loses = () => false;
  w.run(61_000);
  assert.equal(w.path(A, B).kind, 'up');
});
