import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { PeerId } from '../../../router/types.js';
import {
  decodeOrder,
  decodeRotation,
  encodeOrder,
  encodeRotation,
  MAX_ORDER_EVICTED,
  type Order,
  type RotationFrame,
} from '../../../router/wire/rotation.js';

const bytes = (length: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: length, maxLength: length });
const peerId = bytes(16).map((b) => Buffer.from(b).toString('hex') as PeerId);
const keyId = bytes(4).map((b) => Buffer.from(b).toString('hex'));
const printable = fc.string({ unit: fc.integer({ min: 0x21, max: 0x7e }).map((n) => String.fromCharCode(n)), minLength: 1, maxLength: 256 }); // prettier-ignore
const anyOrder: fc.Arbitrary<Order> = fc.record({
  ...{ author: bytes(32), number: fc.integer({ min: 1, max: 2 ** 48 }), root: bytes(32), text: printable },
  evicted: fc.array(peerId, { maxLength: 5 }),
  members: fc.array(peerId, { maxLength: 20 }),
});
const anyFrame: fc.Arbitrary<RotationFrame> = fc.oneof(
  fc.record({
    kind: fc.constant('have' as const),
    number: fc.integer({ min: 0, max: 2 ** 48 }),
    keyId,
    proof: bytes(32),
  }),
  fc.record({ kind: fc.constant('want' as const), keyId }),
  fc.record({ kind: fc.constant('tell' as const), order: fc.uint8Array({ maxLength: 200 }) }),
);

test('an order and each frame come back as they went, whatever is behind them', () => {
  fc.assert(
    fc.property(anyOrder, anyFrame, fc.uint8Array({ maxLength: 9 }), (order, frame, more) => {
      assert.deepEqual(decodeOrder(Uint8Array.of(...encodeOrder(order), ...more)), { ...order });
      const tail = frame.kind === 'tell' ? [] : more;
      assert.deepEqual(decodeRotation(Uint8Array.of(...encodeRotation(frame), ...tail)), { ...frame });
    }),
  );
});

test('an order that is cut anywhere, or has a value that is not allowed, is dropped with a reason', () => {
  const order: Order = {
    ...{ author: new Uint8Array(32), number: 1, root: new Uint8Array(32), text: 'word', evicted: [] },
    members: ['00'.repeat(16) as PeerId],
  };
  const whole = encodeOrder(order);
  for (let n = 0; n < whole.length; n++) assert.equal(typeof decodeOrder(whole.subarray(0, n)), 'string', `${n} bytes`);
  const changed = (at: number, ...to: number[]): Uint8Array => whole.map((b, i) => to[i - at] ?? b);
  assert.equal(decodeOrder(changed(0, 2)), 'format');
  assert.equal(decodeOrder(changed(33, 0, 0, 0, 0, 0, 0, 0, 0)), 'range', 'no number');
  assert.equal(decodeOrder(changed(33, 0, 1, 0, 0, 0, 0, 0, 1)), 'range', 'above 2^48');
  assert.equal(decodeOrder(changed(73, 0, 0)), 'range', 'no text');
  assert.equal(decodeOrder(changed(75, 7)), 'text', 'a bell');
  assert.equal(decodeOrder(changed(79, 255, 255)), 'range', 'more evicted than there may be');
  assert.throws(() =>
    encodeOrder({ ...order, evicted: Array<PeerId>(MAX_ORDER_EVICTED * 20).fill(order.members[0]!) }),
  );
});

test('no bytes make either throw', () => {
  fc.assert(
    fc.property(fc.nat(4), fc.uint8Array({ maxLength: 200 }), (first, rest) => {
      decodeRotation(Uint8Array.of(first, ...rest));
      decodeOrder(Uint8Array.of(first, ...rest));
    }),
  );
});
