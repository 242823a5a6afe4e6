import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { PEER_ID_BYTES, peerIdAt, peerIdBytes } from '../../../router/wire/peer-id.js';

/** Many that are alike in some words. */
const anyBytes = fc
  .array(fc.constantFrom(0, 1, 0x7f, 0x80, 0xab, 0xff), { minLength: PEER_ID_BYTES, maxLength: PEER_ID_BYTES })
  .map((b) => Uint8Array.from(b));

test('bytes are read as their id, and an id as its bytes, whatever was read before', () => {
  fc.assert(
    fc.property(fc.array(anyBytes, { minLength: 1, maxLength: 50 }), (all) => {
      for (const b of [...all, ...all]) {
        const behind = Uint8Array.of(9, ...b, 9);
        assert.equal(peerIdAt(behind, 1), Buffer.from(b).toString('hex'));
        assert.deepEqual(peerIdBytes(peerIdAt(b, 0)), b);
      }
    }),
  );
});
