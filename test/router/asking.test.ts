import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Asking } from '../../router/asking.js';
import type { FrameOut } from '../../router/exchange.js';
import type { Millis } from '../../router/types.js';
import { peerOf } from '../support/peers.js';
import { block, bytes, newStore } from '../support/stores.js';

const at = (ms: number): Millis => ms as Millis;
const [B, C, D] = [peerOf(2), peerOf(3), peerOf(4)];
const asked = (out: readonly FrameOut[]): readonly string[] => out.map((f) => f.to);

test('one neighbour is asked at a time, and the next when the answer has ended', () => {
  const a = new Asking(newStore(1));
  assert.deepEqual(asked(a.heardDigest(B, bytes(1), false, at(0))), [B]);
  assert.deepEqual(asked(a.heardDigest(C, bytes(2), false, at(1))), []);
  a.heardBlock(B, at(2));
  assert.deepEqual(asked(a.heardDigest(B, bytes(1), true, at(3))), [C]);
});

test('who waits is not asked when we hold by then what it holds', () => {
  const store = newStore(1);
  const a = new Asking(store);
  a.heardDigest(B, bytes(1), false, at(0));
  a.heardDigest(C, store.digest(), false, at(1));
  assert.deepEqual(asked(a.heardDigest(B, bytes(1), true, at(2))), []);
  assert.equal(a.nextDeadline(), undefined);
});

test('an answer that brought something and was not all is asked for again, one that brought nothing is not', () => {
  const a = new Asking(newStore(1));
  a.heardDigest(B, bytes(1), false, at(0));
  a.heardBlock(B, at(1));
  assert.deepEqual(asked(a.heardDigest(B, bytes(1), false, at(2))), []);
  assert.equal(a.nextDeadline(), 300);
  assert.deepEqual(asked(a.tick(at(300))), [B]);
  assert.deepEqual(asked(a.heardDigest(B, bytes(1), false, at(301))), []);
  assert.equal(a.nextDeadline(), undefined, 'it lacks something, and asks');
});

test('a neighbour that is silent for a second, or gone, keeps nobody waiting', () => {
  const a = new Asking(newStore(1));
  a.ask(B, at(0));
  a.ask(C, at(1));
  a.ask(D, at(2));
  a.heardBlock(B, at(500));
  assert.equal(a.nextDeadline(), 1_500);
  assert.deepEqual(asked(a.tick(at(1_500))), [C]);
  a.down(C);
  assert.deepEqual(asked(a.tick(at(1_501))), [D]);
});

test('what comes before the digest that ends an answer may be part of it, and a push behind it too', () => {
  const a = new Asking(newStore(1));
  const stream = { owner: peerOf(9), topic: 'core', version: 0 } as const;
  a.ask(B, at(0));
  assert.ok(a.mayHaveAsked(B, stream, at(1)));
  assert.ok(!a.mayHaveAsked(C, stream, at(1)));
  a.learnt(B, stream, at(1));
  a.heardDigest(B, bytes(1), true, at(2));
  assert.ok(a.mayHaveAsked(C, stream, at(3)), 'it sent what B had answered');
  assert.ok(!a.mayHaveAsked(B, { ...stream, version: 1 }, at(3)), 'a stream keeps its order: that is a push');
  assert.ok(!a.mayHaveAsked(C, stream, at(2_001)));
});

test('a large answer is passed on by digests, a small one block by block', () => {
  const a = new Asking(newStore(1));
  a.ask(B, at(0));
  for (let i = 0; i < 16; i++) a.heardBlock(B, at(1));
  assert.ok(!a.isBulk(B));
  a.heardBlock(B, at(1));
  assert.ok(a.isBulk(B) && !a.isBulk(C));
  a.heardDigest(B, bytes(1), true, at(2));
  assert.deepEqual([a.takeBulk(), a.takeBulk()], [B, undefined]);
});

test('of a large mesh the next vector waits, by a millisecond for each owner, unless an answer brought much', () => {
  const store = newStore(1);
  for (let n = 10; n < 110; n++) store.receive(block({ owner: peerOf(n) }));
  const a = new Asking(store);
  a.ask(B, at(0));
  a.ask(C, at(1));
  a.ask(D, at(2));
  assert.deepEqual(asked(a.heardDigest(B, bytes(1), true, at(3))), []);
  assert.equal(a.nextDeadline(), 100);
  assert.deepEqual(asked(a.tick(at(100))), [C]);
  for (let i = 0; i < 40; i++) a.heardBlock(C, at(101));
  assert.deepEqual(asked(a.heardDigest(C, bytes(1), true, at(102))), [D]);
});
