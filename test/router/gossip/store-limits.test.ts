import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RecordStore } from '../../../router/gossip/store.js';
import type { Topic } from '../../../router/wire/block.js';
import { newIdentity, type TestIdentity } from '../../support/identity.js';
import { peerOf } from '../../support/peers.js';
import { block, blue, bytes, contents, increment, newStore, record } from '../../support/stores.js';

test('nobody can make a router raise beyond the last incarnation', () => {
  const a = newStore(9);
  assert.deepEqual(a.receive(block({ version: Number.MAX_SAFE_INTEGER })), { kind: 'dropped', reason: 'version' });
  assert.throws(() => newStore(1, { incarnation: 0 }), RangeError);
  assert.throws(() => newStore(1, { incarnation: 2 ** 21 }), RangeError);
});

test('a cache that is corrupt, another’s, or signed by another is refused with a reason', () => {
  const [own, other] = [newIdentity(), newIdentity()];
  const load = ({ id, signatures }: TestIdentity, b: Uint8Array): unknown =>
    RecordStore.load({ self: id, incarnation: 1, signatures }, b);
  const saved = (by: TestIdentity): Uint8Array => newStore(1, { self: own.id, signatures: by.signatures }).save();
  assert.ok(load(own, saved(own)) instanceof RecordStore);
  assert.equal(load(other, saved(other)), 'other-peer');
  assert.equal(load(own, saved(other)), 'signature');
  const corrupt = saved(own);
  corrupt[3]! ^= 1;
  assert.equal(load(own, corrupt), 'signature');
  assert.equal(load(own, new Uint8Array(0)), 'short');
});

test('the store keeps no view into what it was given', () => {
  const b = newStore(2);
  const shared = block({ records: [record('x', 0, 1)] });
  b.receive(shared);
  const [before] = contents(b);
  shared.fill(0);
  assert.deepEqual(contents(b), [before]);
});

test('a block that contradicts what its owner published is dropped', () => {
  const b = newStore(2);
  b.receive(block({ version: 1 }));
  b.receive(increment(1, record('a'), record('b')));
  assert.deepEqual(b.receive(increment(2, record('a'), record('b'))), { kind: 'dropped', reason: 'overlap' });
  b.receive(block({ version: 9, part: 0, parts: 2 }));
  assert.deepEqual(b.receive(block({ version: 9, part: 1, parts: 3 })), { kind: 'dropped', reason: 'parts-differ' });
});

test('records, bytes and streams are bounded per owner and in all', () => {
  const few = newStore(2, { limits: { recordsPerOwner: 2 } });
  few.receive(block({ records: [record('a'), record('b')] }));
  assert.equal(few.receive(increment(1, record('a', 0, 1))).kind, 'news', 'updates go on');
  assert.deepEqual(few.receive(increment(2, record('c'))), { kind: 'dropped', reason: 'records' });
  const small = newStore(2, { limits: { bytesPerOwner: 300 } });
  small.receive(block({ records: [record('a', 0, ...new Array<number>(100).fill(1))] }));
  assert.deepEqual(small.receive(increment(1, record('c'))), { kind: 'dropped', reason: 'bytes' });
  const narrow = newStore(2, { limits: { streams: 2, streamsPerOwner: 1 } });
  narrow.receive(block());
  assert.deepEqual(narrow.receive(block({ topic: blue })), { kind: 'dropped', reason: 'streams' });
  narrow.receive(block({ owner: peerOf(3) }));
  assert.deepEqual(narrow.receive(block({ owner: peerOf(4) })), { kind: 'dropped', reason: 'full' });
});

test('what waits is bounded in bytes, and given up after a count of blocks', () => {
  const value = new Array<number>(500).fill(1);
  const small = newStore(2, { limits: { pendingBytes: 2_000 } });
  small.receive(block());
  for (let i = 5; i < 50; i++) small.receive(increment(i, record('a', 0, ...value)));
  assert.ok(small.stats().pendingBytes <= 2_000);
  const impatient = newStore(2, { limits: { pendingPatience: 10 } });
  impatient.receive(block());
  impatient.receive(increment(5, record('a')));
  assert.equal(impatient.stats().heldBlocks, 1);
  for (let i = 1; i < 20; i++) impatient.receive(block({ owner: peerOf(3), version: i }));
  assert.deepEqual([impatient.stats().heldBlocks, impatient.stats().streams], [0, 2]);
});

test('what is overtaken or given up leaves nothing behind', () => {
  const b = newStore(2, { limits: { streams: 1, pendingPatience: 3 } });
  b.receive(block({ version: 5, part: 0, parts: 2 }));
  b.receive(block({ version: 9 }));
  assert.deepEqual([b.stats().heldBlocks, b.stats().pendingBytes], [0, 0]);
  b.forget(peerOf(9), 0);
  b.receive(increment(20, record('a')));
  for (let i = 0; i < 5; i++) b.receive(block({ owner: peerOf(3) }));
  assert.equal(b.receive(block({ owner: peerOf(3) })).kind, 'known', 'the stream that never began made room');
});

test('a put beyond what a block can carry is our bug', () => {
  const a = newStore(1);
  assert.throws(() => a.put('core', 'a b', bytes(1)), RangeError);
  assert.throws(() => a.put('core', 'k'.repeat(129), bytes(1)), RangeError);
  assert.throws(() => a.put('core', 'k', new Uint8Array(1_025)), RangeError);
  assert.throws(() => a.put('Blue' as Topic, 'k', bytes(1)), RangeError);
  assert.throws(() => a.put('core', 'k', bytes(1), 1.5), RangeError);
});

test('one more than the highest sequence anybody can claim is still written down', () => {
  const [a, b] = [newStore(1), newStore(2)];
  a.put(blue, 'ip/10.0.0.1', bytes(1), 2 ** 48 + 1);
  for (const x of a.flush()) assert.equal(b.receive(x).kind, 'news');
});
