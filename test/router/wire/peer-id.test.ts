import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { PEER_ID_BYTES, peerIdAt, peerIdBytes } from '../../../router/wire/peer-id.js';

const BYTES = fc.uint8Array({ minLength: PEER_ID_BYTES, maxLength: PEER_ID_BYTES });

/** Some that differ in a byte each. */
const anyAlike = fc
  .tuple(BYTES, fc.array(fc.tuple(fc.nat(PEER_ID_BYTES - 1), fc.nat(255)), { minLength: 1, maxLength: 50 }))
  .map(([one, changes]) => changes.map(([at, to]) => one.with(at, to)));

test('bytes are read as their id, and an id as its bytes, whatever was read before', () => {
  fc.assert(
    fc.property(anyAlike, (all) => {
      for (const b of [...all, ...all]) {
        const behind = Uint8Array.of(9, ...b, 9);
        assert.equal(peerIdAt(behind, 1), Buffer.from(b).toString('hex'));
        assert.deepEqual(peerIdBytes(peerIdAt(b, 0)), b);
      }
    }),
  );
});
