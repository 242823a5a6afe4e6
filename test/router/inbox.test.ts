import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Inbox } from '../../router/inbox.js';
import { FrameType } from '../../router/wire/stream.js';
import { peerOf } from '../support/peers.js';

const [A, B] = [peerOf(1), peerOf(2)];
const block = (n: number): Uint8Array => Uint8Array.of(n);

/** Deals with a turn, each block taking as long as a small one. @returns what it was, in order */
function dealt(inbox: Inbox): string[] {
  const all: string[] = [];
  for (const { from, type, body } of inbox.turn()) {
    if (type === FrameType.block) inbox.verified(0);
    all.push(`${from === A ? 'A' : 'B'}${body[0]}`);
  }
  return all;
}

test('25 blocks a turn are due at once, and then other frames still are', () => {
  const inbox = new Inbox();
  for (let i = 0; i < 25; i++) {
    assert.ok(inbox.isDue(A, FrameType.block));
    inbox.verified(0);
  }
  assert.ok(!inbox.isDue(A, FrameType.block));
  assert.ok(inbox.isDue(A, FrameType.digest));
  assert.deepEqual(dealt(inbox), []);
  assert.ok(inbox.isDue(A, FrameType.block), 'a new turn');
});

test('a large block counts for as long as it takes', () => {
  const inbox = new Inbox();
  let count = 0;
  for (; inbox.isDue(A, FrameType.block); count++) inbox.verified(65_536);
  assert.equal(count, 4);
});

test('what waits of one neighbour keeps its order, whatever it is, and neighbours take turns', () => {
  const inbox = new Inbox();
  for (let i = 0; i < 20; i++) inbox.put(A, FrameType.block, block(i));
  inbox.put(A, FrameType.digest, block(99));
  for (let i = 0; i < 20; i++) inbox.put(B, FrameType.block, block(i));
  assert.ok(!inbox.isDue(A, FrameType.digest), 'it comes behind the blocks');
  const first = dealt(inbox);
  assert.equal(first.length, 25);
  assert.deepEqual(first.slice(0, 4), ['A0', 'B0', 'A1', 'B1']);
  const all = [...first, ...dealt(inbox)];
  assert.deepEqual(all.filter((x) => x.startsWith('A')), [...Array.from({ length: 20 }, (_, i) => `A${i}`), 'A99']); // prettier-ignore
  assert.ok(inbox.isEmpty);
});

test('nothing is lost, doubled or out of order, however frames and turns mix', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom('A', 'B', 'turn'), { maxLength: 300 }), (acts) => {
      const inbox = new Inbox();
      const [sent, done]: [string[], string[]] = [[], []];
      for (const [n, act] of acts.entries()) {
        if (act === 'turn') done.push(...dealt(inbox));
        else {
          sent.push(`${act}${n & 255}`);
          inbox.put(act === 'A' ? A : B, FrameType.block, block(n));
        }
      }
      while (!inbox.isEmpty) done.push(...dealt(inbox));
      for (const who of ['A', 'B'])
        assert.deepEqual(done.filter((x) => x.startsWith(who)), sent.filter((x) => x.startsWith(who))); // prettier-ignore
    }),
  );
});

test('what a neighbour can make wait is bounded, and gone with its connection', () => {
  const inbox = new Inbox();
  const big = new Uint8Array(1 << 20);
  let count = 0;
  while (inbox.put(A, FrameType.block, big)) count++;
  assert.equal(count, 7);
  assert.ok(inbox.put(B, FrameType.block, big), 'of another there is room');
  inbox.down(A);
  inbox.down(B);
  assert.ok(inbox.isEmpty);
});
