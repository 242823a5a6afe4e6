import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { signedBytes } from '../../../router/wire/block.js';
import { decodeSnapshot, encodeSnapshot, type Snapshot, type SnapshotDrop } from '../../../router/wire/snapshot.js';
import { newIdentity } from '../../support/identity.js';
import { peerOf } from '../../support/peers.js';
import { anyMutations, anyPeer, mutated } from '../../support/stores.js';

const anySnapshot = fc.record(
  { self: anyPeer, blocks: fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { maxLength: 9 }) },
  { noNullPrototype: true },
);

const { id, signatures } = newIdentity();
const encode = (s: Snapshot): Uint8Array => encodeSnapshot(s, signatures.sign);
const decode = (b: Uint8Array): Snapshot | SnapshotDrop =>
  decodeSnapshot(b, (signed) => signatures.verify(signed, id, signatures.publicKey));

test('decoding what was encoded gives the snapshot', () => {
  fc.assert(fc.property(anySnapshot, (s) => assert.deepEqual(decode(encode(s)), s)));
});

test('a changed, cut or doubled byte is noticed', () => {
  fc.assert(
    fc.property(anySnapshot, anyMutations, (s, changes) => {
      const whole = encode(s);
      const bad = mutated(whole, changes);
      if (Buffer.compare(whole, bad) !== 0) assert.equal(typeof decode(bad), 'string');
    }),
    { numRuns: 2_000 },
  );
});

test('any bytes decode to a snapshot or a reason', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), (b) => void decode(b)));
  assert.equal(decode(new Uint8Array(0)), 'short');
  assert.equal(decode(new Uint8Array(90)), 'format');
  assert.equal(decode(encode({ self: peerOf(1), blocks: [new Uint8Array(0)] })), 'block-size');
});

test('what another signed, or was signed for another purpose, is no cache of ours', () => {
  const whole = encode({ self: id, blocks: [] });
  assert.equal(
    decodeSnapshot(whole, () => false),
    'signature',
  );
  const signed = whole.slice();
  signed.set(signatures.sign(signedBytes(whole)), whole.length - 64);
  assert.equal(decode(signed), 'signature');
});
