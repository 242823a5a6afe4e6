import assert from 'node:assert/strict';
import { test } from 'node:test';
import { incarnationOf, RecordStore } from '../../../router/gossip/store.js';
import { signatureOf, type Topic } from '../../../router/wire/block.js';
import {
  block,
  blue,
  bytes,
  contents,
  increment,
  newStore,
  peer,
  pull,
  record,
  red,
  vectorOf,
} from '../../support/stores.js';

const first = (incarnation: number): number => incarnation * 2 ** 32;
const kinds = (store: RecordStore, blocks: Iterable<Uint8Array>): string[] =>
  [...blocks].map((b) => store.receive(b).kind);

test('a put is seen here at once, and elsewhere after the flush', () => {
  const [a, b] = [newStore(1), newStore(2)];
  const change = a.put('core', 'peer', bytes(1));
  assert.deepEqual(change?.value, bytes(1));
  assert.deepEqual(a.get(peer(1), 'core', 'peer')?.value, bytes(1));
  assert.equal(a.head(peer(1), 'core'), 0);
  assert.deepEqual(kinds(b, a.flush()), ['news']);
  assert.deepEqual(b.get(peer(1), 'core', 'peer')?.value, bytes(1));
  assert.equal(a.head(peer(1), 'core'), first(1));
  assert.deepEqual(b.owners(), [peer(1)]);
  assert.deepEqual(b.topics(peer(1)), ['core']);
});

test('a put of what is there already changes nothing, and neither does withdrawing what is not', () => {
  const a = newStore(1);
  a.put('core', 'peer', bytes(1));
  a.flush();
  assert.equal(a.put('core', 'peer', bytes(1)), undefined);
  assert.equal(a.put('core', 'other', undefined), undefined);
  assert.deepEqual(a.flush(), []);
});

test('a sequence never falls: withdrawing needs none, renewing keeps the one it had', () => {
  const a = newStore(1);
  assert.equal(a.put(blue, 'ip/10.0.0.1', bytes(1), 7)?.seq, 7);
  assert.equal(a.put(blue, 'ip/10.0.0.1', undefined)?.seq, 7);
  assert.equal(a.put(blue, 'ip/10.0.0.1', bytes(1))?.seq, 7);
  assert.equal(a.put(blue, 'ip/10.0.0.1', bytes(1), 9)?.seq, 9);
});

test('news names each change with the value before', () => {
  const [a, b] = [newStore(1), newStore(2)];
  a.put('core', 'x', bytes(1));
  for (const block of a.flush()) b.receive(block);
  a.put('core', 'x', bytes(2));
  const [block] = a.flush();
  const got = b.receive(block!);
  assert.ok(got.kind === 'news');
  assert.deepEqual(got.blocks, [block]);
  assert.deepEqual(got.changes, [
    {
      owner: peer(1),
      topic: 'core',
      key: 'x',
      seq: 0,
      value: bytes(2),
      deleted: false,
      gone: false,
      previous: bytes(1),
    },
  ]);
  assert.equal(b.receive(block!).kind, 'known');
});

test('a block whose predecessor is missing waits, and the missing one brings the changes of all', () => {
  const [a, b] = [newStore(1), newStore(2)];
  const blocks = [1, 2, 3].flatMap((n) => {
    a.put('core', 'x', bytes(n));
    return [...a.flush()];
  });
  assert.equal(b.receive(blocks[0]!).kind, 'news');
  assert.deepEqual(b.receive(blocks[2]!), {
    kind: 'gap',
    owner: peer(1),
    topic: 'core',
    have: first(1),
    partial: false,
  });
  assert.deepEqual(b.get(peer(1), 'core', 'x')?.value, bytes(1));
  assert.equal(b.stats().heldBlocks, 1);
  const got = b.receive(blocks[1]!);
  assert.ok(got.kind === 'news');
  assert.deepEqual(
    got.changes.map((c) => c.value),
    [bytes(2), bytes(3)],
  );
  assert.deepEqual(got.blocks, [blocks[1], blocks[2]]);
  assert.deepEqual([b.stats().heldBlocks, b.stats().pendingBytes], [0, 0]);
});

test('a base of many parts replaces the stream when the last is there, in whatever order, and not before', () => {
  const [a, b] = [newStore(1), newStore(2)];
  a.put('core', 'old', bytes(1));
  for (const x of a.flush()) b.receive(x);
  a.put('core', 'old', undefined);
  for (let i = 0; i < 200; i++) a.put('core', `k${i}`, new Uint8Array(1_000));
  a.raise(2);
  const parts = [...a.flush()].reverse();
  assert.ok(parts.length > 3);
  for (const part of parts.slice(1)) {
    assert.equal(b.receive(part).kind, 'gap');
    assert.equal(b.receive(part).kind, 'known');
    assert.deepEqual(
      [...b.records(peer(1), 'core')].map((r) => r.key),
      ['old'],
    );
  }
  const got = b.receive(parts[0]!);
  assert.ok(got.kind === 'news');
  assert.equal(got.changes.length, 201);
  assert.deepEqual(
    got.changes.filter((c) => c.gone).map((c) => c.key),
    ['old'],
  );
  assert.deepEqual(contents(b), contents(a));
});

test('an older base that is whole gets through though a newer one is only begun', () => {
  const b = newStore(2);
  assert.equal(b.receive(block({ version: 9, part: 0, parts: 2 })).kind, 'gap');
  assert.equal(b.receive(block({ version: 5, part: 0, parts: 2, records: [record('a')] })).kind, 'gap');
  assert.equal(b.receive(block({ version: 5, part: 1, parts: 2, records: [record('b')] })).kind, 'news');
  assert.deepEqual(
    [...b.records(peer(9), 'core')].map((r) => r.key),
    ['a', 'b'],
  );
  assert.equal(b.receive(block({ version: 9, part: 1, parts: 2 })).kind, 'news');
  assert.equal(b.stats().pendingBytes, 0);
});

test('an interrupted base is gone on with, not begun again', () => {
  const [a, b] = [newStore(1), newStore(2)];
  for (let i = 0; i < 300; i++) a.put('core', `k${i}`, new Uint8Array(1_000));
  const parts = a.flush();
  let sent = 0;
  for (let exchange = 0; exchange < parts.length && b.head(peer(1), 'core') === 0; exchange++) {
    for (const x of [...a.missingFor(vectorOf(b), 100_000)]) {
      b.receive(x);
      sent++;
    }
  }
  assert.equal(sent, parts.length);
  assert.deepEqual(b.digest(), a.digest());
});

test('one exchange brings everything, `core` first, a base before its log, and then nothing more is missing', () => {
  const [a, b] = [newStore(1), newStore(2)];
  a.put(blue, 'mac/02:00:00:00:00:01', bytes(1), 1);
  a.put('core', 'peer', bytes(1));
  a.flush();
  a.put('core', 'peer', bytes(2));
  a.flush();
  assert.ok(b.wants(vectorOf(a)));
  assert.ok(!a.wants(vectorOf(b)));
  assert.notDeepEqual(a.digest(), b.digest());
  const topics: Topic[] = [...a.missingFor(vectorOf(b))].flatMap((x) => {
    const got = b.receive(x);
    return got.kind === 'news' ? [got.topic] : [];
  });
  assert.deepEqual(topics, ['core', 'core', blue]);
  assert.deepEqual(a.digest(), b.digest());
  assert.deepEqual([...a.missingFor(vectorOf(b))], []);
  assert.ok(!b.wants(vectorOf(a)));
});

test('a receiver below the floor replaces the stream; one above gets the log', () => {
  const [a, b, c] = [newStore(1), newStore(2), newStore(3)];
  a.put('core', 'gone-soon', bytes(1));
  a.put('core', 'counter', bytes(0));
  a.flush();
  pull(b, a);
  a.put('core', 'gone-soon', undefined);
  for (let n = 1; n <= 300; n++) {
    a.put('core', 'counter', bytes(n & 0xff, n >> 8));
    a.flush();
  }
  const missing = [...a.missingFor(vectorOf(b))];
  assert.ok(missing.length < 100, `a new base has shortened ${missing.length} blocks`);
  pull(b, a);
  pull(c, a);
  assert.deepEqual(contents(b), contents(a));
  assert.deepEqual(contents(c), contents(a));
  assert.deepEqual(
    [...c.records(peer(1), 'core')].map((r) => r.key),
    ['counter'],
  );
});

test('the tombstone of a claim outlives two bases, and goes with the third', () => {
  const a = newStore(1);
  a.put(blue, 'ip/10.0.0.1', bytes(1), 3);
  a.flush();
  a.put(blue, 'ip/10.0.0.1', undefined);
  a.flush();
  const buried = (): boolean => contents(a).some((r) => r.includes('ip/10.0.0.1'));
  const rebase = (incarnation: number): void => {
    a.raise(incarnation);
    a.flush();
  };
  rebase(2);
  rebase(3);
  assert.ok(buried());
  rebase(4);
  assert.ok(!buried());
});

test('a tombstone that is still needed stays through every base', () => {
  const asked: string[] = [];
  const a = newStore(1, { mayDrop: (gone) => (asked.push(gone.key), false) });
  a.put(blue, 'ip/10.0.0.1', bytes(1), 3);
  a.flush();
  a.put(blue, 'ip/10.0.0.1', undefined);
  for (let n = 2; n < 6; n++) {
    a.raise(n);
    a.flush();
  }
  assert.deepEqual(contents(a), [`${peer(1)} blue ip/10.0.0.1 3 deleted`]);
  assert.ok(asked.length > 0);
});

test('a restarted router withdraws nothing that it still has, not even for a moment', () => {
  const [a, b] = [newStore(1), newStore(2)];
  a.put(blue, 'ip/10.0.0.1', bytes(1), 3);
  a.put(blue, 'ip/10.0.0.2', bytes(2), 4);
  a.flush();
  pull(b, a);
  const again = RecordStore.load({ self: peer(1), incarnation: 2 }, a.save());
  assert.ok(again instanceof RecordStore);
  again.put(blue, 'ip/10.0.0.1', bytes(1), 1);
  const [base, ...rest] = again.flush();
  assert.deepEqual(rest, []);
  const got = b.receive(base!);
  assert.ok(got.kind === 'news');
  assert.deepEqual(
    got.changes.map((c) => [c.key, c.deleted, c.gone]),
    [['ip/10.0.0.2', true, false]],
  );
  assert.equal(b.get(peer(1), blue, 'ip/10.0.0.1')?.seq, 3, 'the claim kept its sequence');
  assert.equal(b.head(peer(1), blue), first(2));
});

test('a router restarted without its disk supersedes what others have of it, and empties the topics it left', () => {
  const [a, b] = [newStore(1), newStore(2)];
  a.put('core', 'peer', bytes(1));
  a.put(red, 'mac/02:00:00:00:00:01', bytes(1), 1);
  a.flush();
  pull(b, a);
  const again = newStore(1, { incarnation: 2 });
  again.put('core', 'peer', bytes(2));
  assert.ok(again.wants(vectorOf(b)));
  pull(again, b);
  again.flush();
  pull(b, again);
  assert.deepEqual(b.digest(), again.digest());
  assert.deepEqual(contents(b), contents(again));
  assert.deepEqual([...b.records(peer(1), red)], []);
});

test('a router whose disk is older than the mesh is told, raises, and is heard again', () => {
  const [late, b] = [newStore(1, { incarnation: 5 }), newStore(2)];
  late.put('core', 'peer', bytes(5));
  late.flush();
  pull(b, late);
  const restored = newStore(1, { incarnation: 3 });
  restored.put('core', 'peer', bytes(3));
  for (const x of restored.flush()) assert.equal(b.receive(x).kind, 'known');
  const [mine] = [...b.missingFor(vectorOf(restored))].map((x) => restored.receive(x));
  assert.ok(mine?.kind === 'mine-ahead');
  assert.throws(() => restored.raise(3), RangeError);
  restored.raise(incarnationOf(mine.version) + 1);
  for (const x of restored.flush()) assert.equal(b.receive(x).kind, 'news');
  assert.deepEqual(b.get(peer(1), 'core', 'peer')?.value, bytes(3));
  assert.deepEqual(b.digest(), restored.digest());
});

test('nobody can make a router raise beyond the last incarnation', () => {
  const a = newStore(9);
  assert.deepEqual(a.receive(block({ version: Number.MAX_SAFE_INTEGER })), { kind: 'dropped', reason: 'version' });
  assert.throws(() => newStore(1, { incarnation: 0 }), RangeError);
  assert.throws(() => newStore(1, { incarnation: 2 ** 21 }), RangeError);
});

test('a forgotten peer is purged, does not come back from others, and comes back by itself', () => {
  const [a, b] = [newStore(1), newStore(2)];
  a.put('core', 'peer', bytes(1));
  a.put('core', 'x', bytes(1));
  a.flush();
  pull(b, a);
  const empty = newStore(2).digest();
  assert.deepEqual(
    b.forget(peer(1)).map((c) => [c.key, c.gone]),
    [
      ['peer', true],
      ['x', true],
    ],
  );
  assert.deepEqual([b.digest(), b.owners(), b.stats().records], [empty, [], 0]);
  pull(b, a);
  assert.deepEqual(b.owners(), []);
  assert.ok(!b.wants(vectorOf(a)));
  a.put('core', 'x', bytes(2));
  a.flush();
  assert.ok(b.wants(vectorOf(a)));
  pull(b, a);
  pull(b, a);
  assert.deepEqual(contents(b), contents(a));
  assert.deepEqual(b.forget(peer(2)), []);
});

test('what is saved is loaded: records, digest, and blocks to hand on', () => {
  const [a, b, c] = [newStore(1), newStore(2), newStore(3)];
  a.put('core', 'peer', bytes(1));
  a.flush();
  a.put('core', 'x', bytes(1));
  a.flush();
  pull(b, a);
  const loaded = RecordStore.load({ self: peer(2), incarnation: 2 }, b.save());
  assert.ok(loaded instanceof RecordStore);
  assert.deepEqual(loaded.digest(), b.digest());
  assert.deepEqual(contents(loaded), contents(b));
  pull(c, loaded);
  assert.deepEqual(contents(c), contents(a));
});

test('a cache that is corrupt, or another router’s, is refused with a reason', () => {
  const saved = newStore(1).save();
  assert.equal(RecordStore.load({ self: peer(2), incarnation: 1 }, saved), 'other-peer');
  saved[3]! ^= 1;
  assert.equal(RecordStore.load({ self: peer(1), incarnation: 1 }, saved), 'checksum');
  assert.equal(RecordStore.load({ self: peer(1), incarnation: 1 }, new Uint8Array(0)), 'short');
});

test('blocks are signed by their owner, and one that does not verify is dropped', () => {
  const a = newStore(1, { sign: () => new Uint8Array(64).fill(7) });
  const b = newStore(2, { verify: (owner, x) => owner === peer(1) && signatureOf(x).every((n) => n === 7) });
  a.put('core', 'peer', bytes(1));
  const [base] = a.flush();
  const forged = base!.slice();
  forged[forged.length - 1] = 0;
  assert.deepEqual(b.receive(forged), { kind: 'dropped', reason: 'signature' });
  assert.equal(b.receive(base!).kind, 'news');
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
  assert.deepEqual(few.receive(increment(1, record('c'))), { kind: 'dropped', reason: 'records' });
  assert.equal(
    few.receive(increment(1, { key: 'a', seq: 0, value: undefined })).kind,
    'news',
    'updates and deletes go on',
  );
  const small = newStore(2, { limits: { bytes: 300 } });
  small.receive(block({ records: [record('a', 0, ...new Array<number>(100).fill(1))] }));
  assert.deepEqual(small.receive(increment(1, record('c'))), { kind: 'dropped', reason: 'bytes' });
  const narrow = newStore(2, { limits: { streams: 2, streamsPerOwner: 1 } });
  narrow.receive(block());
  assert.deepEqual(narrow.receive(block({ topic: blue })), { kind: 'dropped', reason: 'streams' });
  narrow.receive(block({ owner: peer(3) }));
  assert.deepEqual(narrow.receive(block({ owner: peer(4) })), { kind: 'dropped', reason: 'streams' });
});

test('what waits is bounded in bytes, and given up after a count of blocks', () => {
  const value = new Array<number>(500).fill(1);
  const small = newStore(2, { limits: { pendingBytes: 2_000 } });
  for (let i = 5; i < 50; i++) small.receive(increment(i, record('a', 0, ...value)));
  assert.ok(small.stats().pendingBytes <= 2_000);
  const impatient = newStore(2, { limits: { pendingPatience: 10 } });
  impatient.receive(increment(5, record('a')));
  assert.equal(impatient.stats().heldBlocks, 1);
  for (let i = 1; i < 20; i++) impatient.receive(block({ owner: peer(3), version: i }));
  assert.deepEqual([impatient.stats().heldBlocks, impatient.stats().streams], [0, 1]);
});

test('what is overtaken or given up leaves nothing behind', () => {
  const b = newStore(2, { limits: { streams: 1, pendingPatience: 3 } });
  b.receive(block({ version: 5, part: 0, parts: 2 }));
  b.receive(block({ version: 9 }));
  assert.deepEqual([b.stats().heldBlocks, b.stats().pendingBytes], [0, 0]);
  b.forget(peer(9));
  b.receive(increment(20, record('a')));
  for (let i = 0; i < 5; i++) b.receive(block({ owner: peer(3) }));
  assert.equal(b.receive(block({ owner: peer(3) })).kind, 'known', 'the stream that never began made room');
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
