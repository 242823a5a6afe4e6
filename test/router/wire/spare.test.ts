import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeSpare, encodeSpare } from '../../../router/wire/spare.js';

test('what is said of a connection is understood', () => {
  for (const isSpare of [true, false]) assert.equal(decodeSpare(encodeSpare(isSpare)), isSpare);
});

test('any bytes are a word or a reason', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 9 }), (b) => assert.notEqual(decodeSpare(b), undefined)));
  assert.equal(decodeSpare(Uint8Array.of()), 'short');
  assert.equal(decodeSpare(Uint8Array.of(2)), 'range');
  assert.equal(decodeSpare(Uint8Array.of(1, 9)), true, 'a later version may say more');
});
