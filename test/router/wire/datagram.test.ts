import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  authenticatedHeader,
  DATAGRAM_TAG_BYTES,
  decodeDatagram,
  decrementHops,
  encodeDatagram,
  launchNameAt,
  MAX_DATAGRAM_BYTES,
  MAX_HOPS,
  MAX_PAYLOAD_BYTES,
  sealedPart,
  tagPart,
  type DatagramHeader,
  type LaunchName,
} from '../../../router/wire/datagram.js';

const anyName = fc.uint8Array({ minLength: 8, maxLength: 8 }).map((b) => launchNameAt(b, 0));
const anyHeader: fc.Arbitrary<DatagramHeader> = fc.record(
  {
    kind: fc.constant('swim' as const),
    hops: fc.integer({ min: 1, max: MAX_HOPS }),
    src: anyName,
    dst: anyName,
    counter: fc.maxSafeNat(),
  },
  { noNullPrototype: true },
);
const anyPayload = fc.uint8Array({ maxLength: MAX_PAYLOAD_BYTES });
const name = (hex: string): LaunchName => launchNameAt(Buffer.from(hex, 'hex'), 0);
const ping: DatagramHeader = {
  kind: 'swim',
  hops: 8,
  src: name('0001020304050607'),
  dst: name('f8f9fafbfcfdfeff'),
  counter: 0x01_0203_0405_06,
};
const PAYLOAD = Uint8Array.of(0xca, 0xfe);

test('the envelope has the bytes that docs/protocol promises', () => {
  const golden = '02010800' + '0001020304050607' + 'f8f9fafbfcfdfeff' + '0000010203040506' + 'cafe' + '00'.repeat(16);
  assert.equal(Buffer.from(encodeDatagram(ping, PAYLOAD)).toString('hex'), golden);
});

test('what was encoded is decoded', () => {
  fc.assert(
    fc.property(anyHeader, anyPayload, (h, payload) => {
      const b = encodeDatagram(h, payload);
      assert.deepEqual(decodeDatagram(b), h);
      assert.deepEqual(sealedPart(b), payload);
      assert.equal(tagPart(b).length, DATAGRAM_TAG_BYTES);
    }),
  );
});

test('any bytes are decoded or dropped for a reason', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: MAX_DATAGRAM_BYTES + 100 }), (b) => {
      const d = decodeDatagram(b);
      assert.ok(typeof d === 'string' || d.counter >= 0);
    }),
  );
});

test('a counter of any eight bytes is a number, and not below 2^53 when it is not exact', () => {
  const b = encodeDatagram(ping, PAYLOAD);
  b.fill(0xff, 20, 28);
  const d = decodeDatagram(b);
  assert.ok(typeof d !== 'string' && d.counter >= 2 ** 53);
});

test('each fault has its own reason', () => {
  const edit = (at: number, value: number): Uint8Array => {
    const b = encodeDatagram(ping, PAYLOAD);
    b[at] = value;
    return b;
  };
  assert.equal(decodeDatagram(new Uint8Array(0)), 'short');
  assert.equal(decodeDatagram(encodeDatagram(ping, PAYLOAD).subarray(0, 43)), 'short');
  assert.equal(decodeDatagram(Uint8Array.of(1)), 'version');
  assert.equal(decodeDatagram(edit(0, 1)), 'version');
  assert.equal(decodeDatagram(edit(1, 0)), 'kind');
  assert.equal(decodeDatagram(edit(2, 0)), 'hops');
  assert.equal(decodeDatagram(edit(2, MAX_HOPS + 1)), 'hops');
  assert.equal(
    decodeDatagram(Buffer.concat([encodeDatagram(ping, PAYLOAD), new Uint8Array(MAX_DATAGRAM_BYTES)])),
    'oversize',
  );
  assert.notEqual(typeof decodeDatagram(edit(3, 0xff)), 'string', 'unknown flags are ignored');
});

test('a payload or a hop limit out of range is a bug of the caller', () => {
  assert.throws(() => encodeDatagram(ping, new Uint8Array(MAX_PAYLOAD_BYTES + 1)), RangeError);
  assert.throws(() => encodeDatagram({ ...ping, hops: 0 }, PAYLOAD), RangeError);
  assert.throws(() => encodeDatagram({ ...ping, hops: MAX_HOPS + 1 }, PAYLOAD), RangeError);
});

test('a relay takes one hop and leaves the rest, the original included', () => {
  fc.assert(
    fc.property(anyHeader, anyPayload, (h, payload) => {
      const b = encodeDatagram(h, payload);
      const relayed = decrementHops(b);
      assert.deepEqual(decodeDatagram(b), h);
      if (relayed === 'expired') return assert.equal(h.hops, 1);
      assert.deepEqual(decodeDatagram(relayed), { ...h, hops: h.hops - 1 });
      assert.deepEqual(authenticatedHeader(relayed), authenticatedHeader(b));
      assert.deepEqual(sealedPart(relayed), payload);
    }),
  );
});

test('a datagram that goes in a circle ends after the hop limit', () => {
  let b: Uint8Array | 'expired' = encodeDatagram({ ...ping, hops: MAX_HOPS }, PAYLOAD);
  let sends = 1;
  while ((b = decrementHops(b)) !== 'expired') sends++;
  assert.equal(sends, MAX_HOPS);
});
