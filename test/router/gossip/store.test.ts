import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RecordStore } from '../../../router/gossip/store.js';
import { type Topic } from '../../../router/wire/block.js';
import { peerOf } from '../../support/peers.js';
import { block, blue, bytes, contents, newStore, pull, record, vectorOf } from '../../support/stores.js';

const first = (incarnation: number): number => incarnation * 2 ** 32;
const kinds = (store: RecordStore, blocks: Iterable<Uint8Array>): string[] =>
  [...blocks].map((b) => store.receive(b).kind);

test('a put is seen here at once, and elsewhere after the flush', () => {
  const [a, b] = [newStore(1), newStore(2)];
  const change = a.put('core', 'peer', bytes(1));
  assert.deepEqual(change?.value, bytes(1));
  assert.deepEqual(a.get(peerOf(1), 'core', 'peer')?.value, bytes(1));
  assert.equal(a.head(peerOf(1), 'core'), 0);
  assert.deepEqual(kinds(b, a.flush()), ['news']);
  assert.deepEqual(b.get(peerOf(1), 'core', 'peer')?.value, bytes(1));
  assert.equal(a.head(peerOf(1), 'core'), first(1));
  assert.deepEqual(b.owners(), [peerOf(1)]);
  assert.deepEqual(b.topics(peerOf(1)), ['core']);
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
  assert.deepEqual(
    [...got.changes],
    [
      {
        owner: peerOf(1),
        topic: 'core',
        key: 'x',
        seq: 0,
        value: bytes(2),
        deleted: false,
        gone: false,
        previous: bytes(1),
      },
    ],
  );
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
    owner: peerOf(1),
    topic: 'core',
    have: first(1),
    partial: false,
  });
  assert.deepEqual(b.get(peerOf(1), 'core', 'x')?.value, bytes(1));
  assert.equal(b.stats().heldBlocks, 1);
  const got = b.receive(blocks[1]!);
  assert.ok(got.kind === 'news');
  assert.deepEqual(
    [...got.changes].map((c) => c.value),
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
      [...b.records(peerOf(1), 'core')].map((r) => r.key),
      ['old'],
    );
  }
  const got = b.receive(parts[0]!);
  assert.ok(got.kind === 'news');
  const changes = [...got.changes];
  assert.equal(changes.length, 201);
  assert.deepEqual(
    changes.filter((c) => c.gone).map((c) => c.key),
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
    [...b.records(peerOf(9), 'core')].map((r) => r.key),
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
  for (let exchange = 0; exchange < parts.length && b.head(peerOf(1), 'core') === 0; exchange++) {
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
    [...c.records(peerOf(1), 'core')].map((r) => r.key),
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
  assert.deepEqual(contents(a), [`${peerOf(1)} blue ip/10.0.0.1 3 deleted`]);
  assert.ok(asked.length > 0);
});

test('a forgotten peer is purged, does not come back from others, and comes back by itself', () => {
  const [a, b] = [newStore(1), newStore(2)];
  a.put('core', 'peer', bytes(1));
  a.put('core', 'x', bytes(1));
  a.flush();
  pull(b, a);
  const empty = newStore(2).digest();
  assert.deepEqual(
    b.forget(peerOf(1), 1).map((c) => [c.key, c.gone]),
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
  assert.deepEqual(b.forget(peerOf(2), 1), []);
});

test('of a peer that began anew only what it wrote before is purged', () => {
  const [a, again, b] = [newStore(1), newStore(1, { incarnation: 2 }), newStore(2)];
  a.put('core', 'peer', bytes(1));
  a.put('blue' as Topic, 'x', bytes(1));
  a.flush();
  again.put('blue' as Topic, 'x', bytes(2));
  again.flush();
  pull(b, a);
  pull(b, again);
  assert.deepEqual(
    b.forget(peerOf(1), 1).map((c) => c.key),
    ['peer'],
  );
  assert.deepEqual([...b.records(peerOf(1), 'blue' as Topic)].map((r) => r.value), [bytes(2)]); // prettier-ignore
});
