import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeSnapshot, encodeSnapshot } from '../../../router/wire/snapshot.js';
import { peerOf } from '../../support/peers.js';
import { anyMutations, anyPeer, mutated } from '../../support/stores.js';

const anySnapshot = fc.record(
  { self: anyPeer, blocks: fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { maxLength: 9 }) },
  { noNullPrototype: true },
);

test('decoding what was encoded gives the snapshot', () => {
  fc.assert(fc.property(anySnapshot, (s) => assert.deepEqual(decodeSnapshot(encodeSnapshot(s)), s)));
});

test('a changed, cut or doubled byte is noticed', () => {
  fc.assert(
    fc.property(anySnapshot, anyMutations, (s, changes) => {
      const whole = encodeSnapshot(s);
      const bad = mutated(whole, changes);
      if (Buffer.compare(whole, bad) !== 0) assert.equal(typeof decodeSnapshot(bad), 'string');
    }),
    { numRuns: 2_000 },
  );
});

test('any bytes decode to a snapshot or a reason', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), (b) => void decodeSnapshot(b)));
  assert.equal(decodeSnapshot(new Uint8Array(0)), 'short');
  assert.equal(decodeSnapshot(new Uint8Array(40)), 'format');
  assert.equal(decodeSnapshot(encodeSnapshot({ self: peerOf(1), blocks: [new Uint8Array(0)] })), 'block-size');
});
