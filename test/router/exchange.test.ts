import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Exchange, type FrameOut } from '../../router/exchange.js';
import type { RecordStore } from '../../router/gossip/store.js';
import type { Millis } from '../../router/types.js';
import { FrameType } from '../../router/wire/stream.js';
import { newIdentity } from '../support/identity.js';
import { peerOf } from '../support/peers.js';
import { bytes, contents, newStore } from '../support/stores.js';

const at = (ms: number): Millis => ms as Millis;
const [A, B, C, D] = [peerOf(1), peerOf(2), peerOf(3), peerOf(4)];

const exchange = (store: RecordStore, edges: readonly string[] = []): Exchange =>
  new Exchange(
    store,
    () => 0.5,
    (a, b) => edges.includes(`${a} ${b}`) || edges.includes(`${b} ${a}`),
    at(0),
  );

const types = (out: readonly FrameOut[]): number[] => out.map((f) => f.type);

/** Hands every frame to the other side, and its answers back, until both are silent. @returns how many frames passed */
function talk(a: Exchange, b: Exchange, first: readonly FrameOut[], now: Millis): number {
  let [out, from, count] = [first, A, 0];
  for (; out.length > 0 && count < 100; from = from === A ? B : A) {
    const [to, sender] = from === A ? [b, A] : [a, B];
    count += out.length;
    out = out.flatMap((f) => to.frame(sender, f.type, f.body, [sender], now).out);
  }
  return count;
}

test('two that meet know what the other knew, by vectors and the blocks that are missing', () => {
  const [sa, sb] = [newStore(1), newStore(2)];
  sa.put('core', 'x', bytes(1));
  sb.put('core', 'y', bytes(2));
  sa.flush();
  sb.flush();
  const [a, b] = [exchange(sa), exchange(sb)];
  talk(a, b, a.up(B, at(0)), at(0));
  talk(b, a, b.up(A, at(0)), at(0));
  talk(a, b, a.tick([B], at(1_000)), at(1_000));
  assert.deepEqual(contents(sa), contents(sb));
  assert.equal(contents(sa).length, 2);
});

test('a digest that matches ends the talk, and both are in step', () => {
  const [sa, sb] = [newStore(1), newStore(2)];
  const [a, b] = [exchange(sa), exchange(sb)];
  const [digest, ...more] = a.tick([B], at(20_000));
  assert.deepEqual([types([digest!]), more], [[FrameType.digest], []]);
  const got = b.frame(A, digest!.type, digest!.body, [A], at(20_000));
  assert.deepEqual([got.inStep, got.out], [true, []]);
});

test('a digest that differs brings the missing blocks within one exchange', () => {
  const [sa, sb] = [newStore(1), newStore(2)];
  sa.put('core', 'x', bytes(1));
  sa.flush();
  const [a, b] = [exchange(sa), exchange(sb)];
  assert.ok(talk(a, b, a.tick([B], at(20_000)), at(20_000)) <= 6);
  assert.deepEqual(contents(sb), contents(sa));
});

test('what is new of our own goes to every neighbour at once, and only once', () => {
  const store = newStore(1);
  const a = exchange(store);
  store.put('core', 'x', bytes(1));
  assert.deepEqual(
    a.push([B, C, D]).map((f) => f.to),
    [B, C, D],
  );
  assert.deepEqual(a.push([B, C, D]), []);
});

test('news goes on to all whom its owner cannot have told', () => {
  const owner = newStore(9);
  owner.put('core', 'x', bytes(1));
  const [block] = owner.flush();
  const spokes = [C, D, ...Array.from({ length: 10 }, (_, i) => peerOf(i + 10))]; // connected to us alone: we are their hub
  const hub = exchange(newStore(1), [`${peerOf(9)} ${A}`]);
  const { out, changes } = hub.frame(peerOf(9), FrameType.block, block!, [peerOf(9), ...spokes], at(0));
  assert.equal([...changes].length, 1);
  assert.deepEqual(out.map((f) => f.to).sort(), spokes);
  assert.deepEqual(hub.frame(C, FrameType.block, block!, [peerOf(9), ...spokes], at(1)).out, [], 'known: no more');
});

test('in a full mesh, where the owner told everyone, news goes on to one by chance', () => {
  const owner = newStore(9);
  owner.put('core', 'x', bytes(1));
  const [block] = owner.flush();
  const others = [B, C, D, peerOf(5), peerOf(6)];
  const a = exchange(
    newStore(1),
    others.map((o) => `${peerOf(9)} ${o}`),
  );
  const { out } = a.frame(peerOf(9), FrameType.block, block!, [peerOf(9), ...others], at(0));
  assert.equal(out.length, 1);
});

test('a gap is asked for, and again after a pause when the answer did not fill it', () => {
  const owner = newStore(9);
  owner.put('core', 'x', bytes(1));
  owner.flush();
  owner.put('core', 'y', bytes(2));
  const [late] = owner.flush();
  const a = exchange(newStore(1));
  assert.deepEqual(types(a.frame(B, FrameType.block, late!, [B], at(0)).out), [FrameType.vector]);
  assert.deepEqual(types(a.frame(B, FrameType.digest, bytes(1), [B], at(1)).out), [], 'it answered with nothing');
  assert.deepEqual(a.frame(B, FrameType.block, late!, [B], at(10)).out, [], 'the last vector is 10 ms old');
  assert.equal(a.nextDeadline(), 300);
  assert.deepEqual(types(a.tick([B], at(300))), [FrameType.vector]);
  a.down(B);
  assert.ok(a.nextDeadline() > 300);
});

test('a stream of ours that others hold further than we wrote it is noticed', () => {
  const before = newStore(1);
  before.put('core', 'x', bytes(1));
  before.flush();
  before.put('core', 'y', bytes(1));
  const [ahead] = before.flush();
  const restored = newStore(1); // the same incarnation, from a backup
  restored.put('core', 'x', bytes(1));
  restored.flush();
  assert.equal(exchange(restored).frame(B, FrameType.block, ahead!, [B], at(0)).aheadOf, 1);
});

test('garbage in any frame is a counted drop', () => {
  const a = exchange(newStore(1));
  const drop = (type: number): readonly string[] => a.frame(B, type, bytes(255, 1, 2), [B], at(0)).drops;
  assert.match(drop(FrameType.block)[0]!, /^block-/);
  assert.match(drop(FrameType.vector)[0]!, /^vector-/);
  assert.deepEqual(drop(99), ['frame-type']);
});

test('a large answer is taken a few blocks a turn, and its end is heard behind the last', () => {
  const [sa, sb] = [newStore(1), newStore(2)];
  const owners = Array.from({ length: 60 }, (_, i) => newStore(i + 10));
  const blocks = owners.flatMap((owner) => (owner.put('core', 'x', bytes(1)), [...owner.flush()]));
  blocks.forEach((block) => sa.receive(block));
  const b = exchange(sb);
  for (const block of blocks) b.frame(A, FrameType.block, block, [A], at(0));
  assert.deepEqual(b.frame(A, FrameType.digest, sa.digest(), [A], at(0)).inStep, false, 'it waits');
  const counts = [sb.ownerCount];
  const heard: boolean[] = [];
  for (let turn = 1; b.nextDeadline() === turn - 1; turn++) {
    heard.push([...b.turn([A], at(turn))].some(({ inStep }) => inStep));
    counts.push(sb.ownerCount);
  }
  assert.deepEqual(counts, [25, 50, 60]);
  assert.deepEqual(heard, [false, true]);
});

test('who sends a forged block is named, and for a moment not listened to', () => {
  const [owner, reader] = [newIdentity(), newIdentity()];
  const [written, store] = [owner, reader].map(({ id, signatures }) => newStore(1, { self: id, signatures }));
  written!.put('core', 'x', bytes(1));
  const [block] = written!.flush();
  const forged = block!.slice();
  forged[forged.length - 1]! ^= 1;
  const a = exchange(store!);
  const got = a.frame(B, FrameType.block, forged, [B, C], at(0));
  assert.deepEqual([got.drops, got.out], [['block-signature'], []]);
  assert.deepEqual(got.offence, { kind: 'forged', by: B, about: owner.id });
  assert.deepEqual(a.frame(B, FrameType.block, block!, [B, C], at(99)).drops, ['block-distrusted']);
  assert.equal([...a.frame(C, FrameType.block, block!, [B, C], at(99)).changes].length, 1, 'others are');
  assert.deepEqual(a.frame(B, FrameType.block, block!, [B, C], at(100)).drops, []);
});
