import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Healing, type HealingEffect, type HealingEvent } from '../../../router/swim/healing.js';
import { DEFAULT_TIMING } from '../../../router/swim/timing.js';
import type { Millis } from '../../../router/types.js';
import { peerNumber } from '../../support/datagram-network.js';
import { seededRandom } from '../../support/virtual-time.js';

const [B, C] = [peerNumber(1), peerNumber(2)];

class Bench {
  readonly healing = new Healing({ timing: DEFAULT_TIMING, random: seededRandom(1) });
  readonly done: (HealingEffect & { readonly at: number })[] = [];
  now = 0;

  constructor() {
    this.handle({ kind: 'tick' });
  }

  handle(ev: HealingEvent): void {
    for (const fx of this.healing.handle(ev, this.now as Millis)) this.done.push({ ...fx, at: this.now });
  }

  runTo(at: number): void {
    for (let due = this.healing.nextDeadline(); due !== undefined && due <= at; due = this.healing.nextDeadline()) {
      this.now = due;
      this.handle({ kind: 'tick' });
    }
    this.now = at;
  }

  syncs(): number[] {
    return this.done.filter((fx) => fx.kind === 'sync').map((fx) => fx.at);
  }
}

test('a wanted sync is sent at 0, 0.3, 1 and 2 seconds, and given up', () => {
  const bench = new Bench();
  bench.handle({ kind: 'wanted', peer: B });
  bench.runTo(60_000);
  assert.deepEqual(bench.syncs(), [0, 300, 1000, 2000]);
});

test('an answer ends the repetition, a new wish begins it again', () => {
  const bench = new Bench();
  bench.handle({ kind: 'wanted', peer: B });
  bench.runTo(500);
  bench.handle({ kind: 'answered', peer: B });
  bench.runTo(5000);
  assert.deepEqual(bench.syncs(), [0, 300]);
  bench.handle({ kind: 'wanted', peer: B });
  assert.deepEqual(bench.syncs(), [0, 300, 5000]);
});

test('signs of life lead to one series of syncs in four seconds, however many they are', () => {
  const bench = new Bench();
  for (let at = 0; at < 4000; at += 10) {
    bench.runTo(at);
    bench.handle({ kind: 'signOfLife', peer: B });
  }
  assert.deepEqual(bench.syncs(), [0, 300, 1000, 2000]);
  bench.runTo(4001);
  bench.handle({ kind: 'signOfLife', peer: B });
  assert.equal(bench.syncs().length, 5);
});

test('strangers cost a bounded memory', () => {
  const bench = new Bench();
  for (let n = 0; n < 5000; n++) bench.handle({ kind: 'signOfLife', peer: peerNumber(n) });
  assert.equal(bench.done.length, 1024);
});

test('one live and one faulty peer are synced with on their periods, the departed never', () => {
  const bench = new Bench();
  bench.handle({ kind: 'member', peer: B, status: 'here' });
  bench.runTo(200_000);
  assert.ok(bench.syncs().length >= 6 && bench.syncs().length <= 20);
  bench.handle({ kind: 'member', peer: B, status: 'left' });
  bench.handle({ kind: 'member', peer: C, status: 'faulty' });
  const before = bench.done.length;
  bench.runTo(400_000);
  const after = bench.done.slice(before);
  assert.ok(after.length >= 13 && after.every((fx) => fx.peer === C));
});

test('a faulty peer is reaped a day after it became so, a living one never', () => {
  const bench = new Bench();
  bench.handle({ kind: 'member', peer: B, status: 'here' });
  bench.handle({ kind: 'member', peer: C, status: 'here' });
  bench.runTo(10_000);
  bench.handle({ kind: 'member', peer: C, status: 'faulty' });
  bench.runTo(DEFAULT_TIMING.reapMs + 9999);
  assert.deepEqual(
    bench.done.filter((fx) => fx.kind === 'reap'),
    [],
  );
  bench.runTo(DEFAULT_TIMING.reapMs + 60_000);
  const reaped = bench.done.filter((fx) => fx.kind === 'reap');
  assert.ok(reaped.length > 0 && reaped.every((fx) => fx.peer === C));
  bench.handle({ kind: 'member', peer: C, status: undefined });
  const before = bench.done.length;
  bench.runTo(3 * DEFAULT_TIMING.reapMs);
  assert.ok(bench.done.slice(before).every((fx) => fx.peer === B && fx.kind === 'sync'));
});

test('state is exchanged less often with a thousand members than with thirty', () => {
  const syncsAmong = (members: number): number => {
    const bench = new Bench();
    for (let i = 0; i < members; i++) bench.handle({ kind: 'member', peer: peerNumber(i + 1), status: 'here' });
    bench.runTo(3_600_000);
    return bench.syncs().length;
  };
  const [few, many] = [syncsAmong(30), syncsAmong(1_000)];
  assert.ok(few > 160 && few < 200, `${few} in an hour`);
  assert.ok(many > 25 && many < 40, `${many} in an hour`);
});
