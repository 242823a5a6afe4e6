import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { KeyQueue } from '../../../datapath/guard/key-queue.js';
import { MAX_BATCH_KEYS } from '../../../datapath/nft-kernel.js';

test('what is pushed comes out in the order of its set, in batches of one kind and bounded size', () => {
  const push = fc.record({
    op: fc.constantFrom('add' as const, 'delete' as const),
    wide: fc.boolean(),
    times: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 2_500 })),
  });
  fc.assert(
    fc.property(fc.array(push, { maxLength: 6 }), (pushes) => {
      const [queue, told, taken] = [new KeyQueue(), [] as string[], [] as string[]];
      let n = 0;
      for (const { op, wide, times } of pushes)
        for (let i = 0; i < times; i++) {
          const key = new Uint8Array(wide ? 8 : 4);
          new DataView(key.buffer).setUint32(0, n++);
          queue.push(op, wide ? 'wide' : 'narrow', key);
          told.push(`${op} ${wide ? 'wide' : 'narrow'} ${Buffer.from(key).toString('hex')}`);
        }
      while (!queue.isEmpty) {
        const batches = queue.take();
        const keys = batches.reduce((sum, b) => sum + b.keys.length / b.keyBytes, 0);
        assert.ok(keys > 0 && keys <= MAX_BATCH_KEYS);
        for (const { op, set, keys, keyBytes } of batches)
          for (let at = 0; at < keys.length; at += keyBytes)
            taken.push(`${op} ${set} ${Buffer.from(keys.subarray(at, at + keyBytes)).toString('hex')}`);
      }
      for (const set of [' wide ', ' narrow ']) {
        const ofSet = (line: string): boolean => line.includes(set);
        assert.deepEqual(taken.filter(ofSet), told.filter(ofSet));
      }
      assert.equal(taken.length, told.length);
      assert.deepEqual(queue.take(), []);
    }),
    { numRuns: 30 },
  );
});

test('what is for two sets in turn comes out in one batch for each', () => {
  const queue = new KeyQueue();
  for (let n = 0; n < MAX_BATCH_KEYS; n++)
    queue.push('add', n % 2 === 0 ? 'even' : 'odd', Uint8Array.of(n >> 8, n, 0, 0));
  assert.deepEqual(
    queue.take().map(({ set, keys, keyBytes }) => [set, keys.length / keyBytes]),
    [
      ['even', MAX_BATCH_KEYS / 2],
      ['odd', MAX_BATCH_KEYS / 2],
    ],
  );
});
