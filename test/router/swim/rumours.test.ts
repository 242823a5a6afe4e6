import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { MAX_RUMOURS, Rumours, type RumourEffect, type RumourEvent } from '../../../router/swim/rumours.js';
import { DEFAULT_TIMING } from '../../../router/swim/timing.js';
import type { Millis } from '../../../router/types.js';
import type { SwimClaim } from '../../../router/wire/swim.js';
import { peerNumber } from '../../support/datagram-network.js';
import { seededRandom } from '../../support/virtual-time.js';

const [B, C] = [peerNumber(1), peerNumber(2)];
const RETRIES_MS = DEFAULT_TIMING.rumourRetriesMs;
const alive = (peer = B, incarnation = 1): SwimClaim => ({ peer, status: 'alive', incarnation });

class Bench {
  readonly rumours = new Rumours({ retriesMs: RETRIES_MS, random: seededRandom(1) });
  readonly done: (RumourEffect & { readonly at: number })[] = [];
  now = 0;

  handle(ev: RumourEvent): readonly RumourEffect[] {
    const effects = this.rumours.handle(ev, this.now as Millis);
    for (const fx of effects) this.done.push({ ...fx, at: this.now });
    return effects;
  }

  runTo(at: number): void {
    for (let due = this.rumours.nextDeadline(); due !== undefined && due <= at; due = this.rumours.nextDeadline()) {
      this.now = due;
      this.handle({ kind: 'tick' });
    }
    this.now = at;
  }

  /** The number in the last ping to a peer. */
  seq(to = B): number {
    const ping = this.done.findLast((fx) => fx.kind === 'ping' && fx.to === to);
    assert.ok(ping?.kind === 'ping', `${to} was not pinged`);
    return ping.seq;
  }
}

test('a rumour is pinged some times, and forgotten when nobody answers', () => {
  const bench = new Bench();
  bench.handle({ kind: 'said', claim: alive() });
  bench.runTo(60_000);
  assert.deepEqual(
    bench.done.map((fx) => [fx.kind, fx.at]),
    RETRIES_MS.map((at) => ['ping', at]),
  );
  assert.equal(bench.rumours.nextDeadline(), undefined);
  assert.deepEqual(bench.handle({ kind: 'ack', from: B, seq: bench.seq() }), []);
});

test('who answers our ping is a member, with the best claim about it', () => {
  const bench = new Bench();
  bench.handle({ kind: 'said', claim: alive(B, 1) });
  const suspect: SwimClaim = { peer: B, status: 'suspect', incarnation: 2, accuser: C };
  bench.handle({ kind: 'said', claim: suspect });
  bench.handle({ kind: 'said', claim: alive(B, 2) });
  bench.runTo(0);
  const ack: RumourEvent = { kind: 'ack', from: B, seq: bench.seq() };
  assert.deepEqual(bench.handle(ack), [{ kind: 'admit', claim: suspect }]);
  assert.deepEqual(bench.handle(ack), []);
});

test('an answer with another number, or in the name of another, proves nothing', () => {
  const bench = new Bench();
  bench.handle({ kind: 'said', claim: alive(B) });
  bench.handle({ kind: 'said', claim: alive(C) });
  bench.runTo(0);
  assert.deepEqual(bench.handle({ kind: 'ack', from: B, seq: bench.seq() ^ 1 }), []);
  assert.deepEqual(bench.handle({ kind: 'ack', from: C, seq: bench.seq(B) }), []);
});

test('who is heard and answers is asked for its claim, and believed then', () => {
  const bench = new Bench();
  bench.handle({ kind: 'heard', peer: B });
  bench.runTo(0);
  assert.deepEqual(bench.handle({ kind: 'ack', from: B, seq: bench.seq() }), [{ kind: 'ask', peer: B }]);
  assert.deepEqual(bench.handle({ kind: 'said', claim: alive() }), [{ kind: 'admit', claim: alive() }]);
  assert.deepEqual(bench.handle({ kind: 'said', claim: alive() }), [], 'once only');
});

test('whom the router vouches for is a member at the first claim, before or after', () => {
  const bench = new Bench();
  bench.handle({ kind: 'said', claim: alive(B) });
  assert.deepEqual(bench.handle({ kind: 'vouched', peer: B }), [{ kind: 'admit', claim: alive(B) }]);
  bench.handle({ kind: 'vouched', peer: C });
  assert.deepEqual(bench.handle({ kind: 'said', claim: alive(C) }), [{ kind: 'admit', claim: alive(C) }]);
  assert.equal(bench.done.filter((fx) => fx.kind === 'ping').length, 0);
});

test('who is gone is no rumour, and who was forgotten must prove itself anew', () => {
  const bench = new Bench();
  bench.handle({ kind: 'said', claim: { peer: B, status: 'faulty', incarnation: 1 } });
  bench.handle({ kind: 'said', claim: { peer: B, status: 'left', incarnation: 1 } });
  assert.equal(bench.rumours.nextDeadline(), undefined);
  bench.handle({ kind: 'vouched', peer: B });
  bench.handle({ kind: 'forgotten', peer: B });
  assert.deepEqual(bench.handle({ kind: 'said', claim: alive() }), []);
});

test('any number of claims costs a bounded table and a bounded rate of pings', () => {
  const bench = new Bench();
  for (let n = 0; n < 8000; n++) bench.handle({ kind: 'said', claim: alive(peerNumber(n)) });
  assert.equal(bench.done.filter((fx) => fx.kind === 'crowdedOut').length, 8000 - MAX_RUMOURS);
  bench.runTo(1000);
  const pings = bench.done.filter((fx) => fx.kind === 'ping');
  assert.ok(pings.length > 600 && pings.length <= 11 * 64, `${pings.length} pings in a second`);
  bench.runTo(10 * 60_000);
  assert.equal(bench.rumours.nextDeadline(), undefined);
});

test('whatever strangers say, without our number nobody is admitted or asked, and time always moves on', () => {
  const peer = fc.nat(30).map(peerNumber);
  const claim = fc.record({ peer, status: fc.constant('alive' as const), incarnation: fc.nat(5) });
  const event: fc.Arbitrary<RumourEvent> = fc.oneof(
    fc.record({ kind: fc.constant('said' as const), claim }),
    fc.record({ kind: fc.constant('heard' as const), peer }),
    fc.record({ kind: fc.constant('ack' as const), from: peer, seq: fc.nat(100) }),
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(event, fc.nat(500)), { maxLength: 100 }), (events) => {
      const bench = new Bench();
      for (const [ev, waitMs] of events) {
        bench.handle(ev);
        bench.runTo(bench.now + waitMs);
        bench.handle({ kind: 'tick' });
        assert.ok((bench.rumours.nextDeadline() ?? Infinity) > bench.now);
      }
      assert.ok(bench.done.every((fx) => fx.kind === 'ping'));
    }),
  );
});
