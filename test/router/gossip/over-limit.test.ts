// A member that writes more than a peer may.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { StoreLimits } from '../../../router/gossip/limits.js';
import type { RecordStore } from '../../../router/gossip/store.js';
import type { Topic } from '../../../router/wire/block.js';
import { peerOf } from '../../support/peers.js';
import { block, blue, contents, increment, newStore, record, vectorOf } from '../../support/stores.js';

const LIMITS: Partial<StoreLimits> = {
  streams: 40,
  streamsPerOwner: 3,
  recordsPerOwner: 12,
  bytesPerOwner: 6_000,
  records: 96,
  bytes: 48_000,
};

const [GREEDY, FIRST_HONEST] = [9, 1];
const of = (store: RecordStore, n: number): string[] => contents(store).filter((line) => line.startsWith(peerOf(n)));

/** What is written, by whom (0 is the greedy one), under which of a few topics and keys. */
const anyWrites = fc.array(
  fc.record({ who: fc.nat(3), topic: fc.nat(5), key: fc.nat(40), size: fc.constantFrom(1, 100, 1_000) }),
  { minLength: 20, maxLength: 120 },
);

/** Those who are modest write at most 2 topics of 4 keys. */
function written(writes: readonly { who: number; topic: number; key: number; size: number }[]) {
  const writers = [newStore(GREEDY), ...[0, 1, 2].map((n) => newStore(FIRST_HONEST + n))];
  const blocks = writes.flatMap(({ who, topic, key, size }) => {
    const [t, k, s] = who === 0 ? [topic, key, size] : [topic % 2, key % 4, Math.min(size, 100)];
    writers[who]!.put((t === 0 ? 'core' : `net${t}`) as Topic, `k${k}`, new Uint8Array(s));
    return [...writers[who]!.flush()];
  });
  return { writers, blocks };
}

test('who writes too much harms itself alone: all of the others is held, whatever the order, and of it no more than may be', () => {
  fc.assert(
    fc.property(anyWrites, fc.infiniteStream(fc.nat()), (writes, dice) => {
      const { writers, blocks } = written(writes);
      const shuffled = [...blocks];
      for (let i = shuffled.length - 1; i > 0; i--) {
        const j = dice.next().value! % (i + 1);
        [shuffled[i], shuffled[j]] = [shuffled[j]!, shuffled[i]!];
      }
      for (const order of [blocks, shuffled]) {
        const b = newStore(50, { limits: LIMITS });
        for (const one of order) b.receive(one);
        for (const w of writers.slice(1)) {
          for (const one of [...w.missingFor(vectorOf(b))]) b.receive(one);
          for (const owner of w.owners()) assert.deepEqual(contents(w), of(b, Number.parseInt(owner, 16)));
        }
        const greedy = b.topics(peerOf(GREEDY));
        assert.ok(greedy.length <= 3);
        assert.ok(of(b, GREEDY).length <= 12);
      }
    }),
  );
});

test('what was refused is not asked for again, nor sent by who holds it', () => {
  fc.assert(
    fc.property(anyWrites, (writes) => {
      const { writers, blocks } = written(writes);
      const b = newStore(50, { limits: LIMITS });
      for (const one of blocks) b.receive(one);
      const greedy = writers[0]!;
      for (let exchange = 0; exchange < 3; exchange++)
        for (const one of [...greedy.missingFor(vectorOf(b))]) b.receive(one);
      assert.deepEqual([...greedy.missingFor(vectorOf(b))], []);
      assert.ok(!b.wants(vectorOf(greedy)));
    }),
  );
});

test('an owner that comes back under its limit is heard again, from its next base on', () => {
  const b = newStore(2, { limits: { recordsPerOwner: 2 } });
  b.receive(block({ records: [record('a'), record('b')] }));
  assert.deepEqual(b.receive(increment(1, record('c'))), { kind: 'dropped', reason: 'records' });
  assert.deepEqual(b.receive(increment(2, { key: 'a', seq: 0, value: undefined })), {
    kind: 'dropped',
    reason: 'records',
  });
  assert.equal(b.receive(increment(1, record('c'))).kind, 'known');
  assert.equal(b.receive(block({ version: 4, records: [record('b'), record('c')] })).kind, 'news');
  assert.equal(b.receive(increment(4, record('c', 0, 1))).kind, 'news');
});

test('what was refused because all together had too much is asked for when somebody is gone', () => {
  const b = newStore(2, { limits: { records: 2 } });
  b.receive(block({ owner: peerOf(3), records: [record('a'), record('b')] }));
  const late = block({ records: [record('c')] });
  assert.deepEqual(b.receive(late), { kind: 'dropped', reason: 'full' });
  assert.equal(b.receive(late).kind, 'known');
  b.forget(peerOf(3), 1);
  assert.equal(b.receive(late).kind, 'news');
});

test('what waits of one owner is bounded by itself', () => {
  const b = newStore(2, { limits: { pendingBytes: 100_000, pendingBytesPerOwner: 5_000 } });
  b.receive(block({ owner: peerOf(3), version: 7, part: 0, parts: 2, records: [record('x')] }));
  for (let part = 0; part < 40; part++)
    b.receive(
      block({ version: 7, part, parts: 50, records: [record(`k${part}`, 0, ...new Array<number>(500).fill(1))] }),
    );
  assert.ok(b.stats().pendingBytes < 6_500, `${b.stats().pendingBytes} bytes wait`);
  assert.equal(
    b.receive(block({ owner: peerOf(3), version: 7, part: 1, parts: 2, records: [record('y')] })).kind,
    'news',
  );
  assert.equal(b.receive(block({ topic: blue })).kind, 'news', 'its other streams go on');
});
