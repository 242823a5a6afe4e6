import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { PeerId } from '../../../router/types.js';
import {
  decodeDatagram,
  decrementHops,
  encodeDatagram,
  MAX_DATAGRAM_BYTES,
  MAX_HOPS,
  MAX_PAYLOAD_BYTES,
  type Datagram,
} from '../../../router/wire/datagram.js';

const anyPeer = fc.uint8Array({ minLength: 16, maxLength: 16 }).map((b) => Buffer.from(b).toString('hex') as PeerId);
const anyDatagram: fc.Arbitrary<Datagram> = fc.record(
  {
    kind: fc.constant('swim' as const),
    hops: fc.integer({ min: 1, max: MAX_HOPS }),
    src: anyPeer,
    dst: anyPeer,
    payload: fc.uint8Array({ maxLength: MAX_PAYLOAD_BYTES }),
  },
  { noNullPrototype: true },
);
const ping: Datagram = {
  kind: 'swim',
  hops: 8,
  src: '000102030405060708090a0b0c0d0e0f' as PeerId,
  dst: 'f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff' as PeerId,
  payload: Uint8Array.of(0xca, 0xfe),
};

test('the envelope has the bytes that docs/protocol promises', () => {
  const golden = '01010008' + '000102030405060708090a0b0c0d0e0f' + 'f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff' + 'cafe';
  assert.equal(Buffer.from(encodeDatagram(ping)).toString('hex'), golden);
});

test('what was encoded is decoded', () => {
  fc.assert(fc.property(anyDatagram, (d) => assert.deepEqual(decodeDatagram(encodeDatagram(d)), d)));
});

test('any bytes are decoded or dropped for a reason', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: MAX_DATAGRAM_BYTES + 100 }), (b) => {
      const d = decodeDatagram(b);
      assert.ok(typeof d === 'string' || d.payload.length === b.length - 36);
    }),
  );
});

test('each fault has its own reason', () => {
  const edit = (at: number, value: number): Uint8Array => {
    const b = encodeDatagram(ping);
    b[at] = value;
    return b;
  };
  assert.equal(decodeDatagram(new Uint8Array(0)), 'short');
  assert.equal(decodeDatagram(encodeDatagram(ping).subarray(0, 35)), 'short');
  assert.equal(decodeDatagram(Uint8Array.of(2)), 'version');
  assert.equal(decodeDatagram(edit(0, 2)), 'version');
  assert.equal(decodeDatagram(edit(1, 0)), 'kind');
  assert.equal(decodeDatagram(edit(3, 0)), 'hops');
  assert.equal(decodeDatagram(edit(3, MAX_HOPS + 1)), 'hops');
  assert.equal(decodeDatagram(Buffer.concat([encodeDatagram(ping), new Uint8Array(MAX_DATAGRAM_BYTES)])), 'oversize');
  assert.notEqual(typeof decodeDatagram(edit(2, 0xff)), 'string', 'unknown flags are ignored');
});

test('a payload or a hop limit out of range is a bug of the caller', () => {
  assert.throws(() => encodeDatagram({ ...ping, payload: new Uint8Array(MAX_PAYLOAD_BYTES + 1) }), RangeError);
  assert.throws(() => encodeDatagram({ ...ping, hops: 0 }), RangeError);
  assert.throws(() => encodeDatagram({ ...ping, hops: MAX_HOPS + 1 }), RangeError);
});

test('a relay takes one hop and leaves the rest, the original included', () => {
  fc.assert(
    fc.property(anyDatagram, (d) => {
      const b = encodeDatagram(d);
      const relayed = decrementHops(b);
      assert.deepEqual(decodeDatagram(b), d);
      if (d.hops === 1) assert.equal(relayed, 'expired');
      else assert.deepEqual(decodeDatagram(relayed as Uint8Array), { ...d, hops: d.hops - 1 });
    }),
  );
});

test('a datagram that goes in a circle ends after the hop limit', () => {
  let b: Uint8Array | 'expired' = encodeDatagram({ ...ping, hops: MAX_HOPS });
  let sends = 1;
  while ((b = decrementHops(b)) !== 'expired') sends++;
  assert.equal(sends, MAX_HOPS);
});
