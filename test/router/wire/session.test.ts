import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { PeerId } from '../../../router/types.js';
import { MAX_HOPS } from '../../../router/wire/datagram.js';
import {
  decodeInitiate,
  decodeIntroduction,
  decodeSession,
  decodeTerms,
  encodeInitiate,
  encodeIntroduction,
  encodeSession,
  encodeTerms,
  MAX_SESSION_BYTES,
  relaySession,
  SESSION_HEADER_BYTES,
  SessionType,
  TERMS_BYTES,
  type SessionFrame,
} from '../../../router/wire/session.js';

const hex = (b: Uint8Array): string => Buffer.from(b).toString('hex');
const [A, B] = ['a1'.repeat(16) as PeerId, 'b2'.repeat(16) as PeerId];
const REQUEST: SessionFrame = {
  type: SessionType.request,
  hops: MAX_HOPS,
  src: B,
  dst: A,
  token: new Uint8Array(8),
  body: new Uint8Array(0),
};

const anyFrame: fc.Arbitrary<SessionFrame> = fc.record({
  type: fc.nat(255),
  hops: fc.integer({ min: 1, max: MAX_HOPS }),
  src: fc.constantFrom(A, B),
  dst: fc.constantFrom(A, B),
  token: fc.uint8Array({ minLength: 8, maxLength: 8 }),
  body: fc.uint8Array({ maxLength: MAX_SESSION_BYTES - SESSION_HEADER_BYTES }),
});

test('a request has the bytes of the document', () => {
  assert.equal(hex(encodeSession(REQUEST)), `02010800${'b2'.repeat(16)}${'a1'.repeat(16)}0000000000000000`);
});

test('terms have the bytes of the document', () => {
  assert.equal(hex(encodeTerms({ version: 1, oldest: 1, aes: true, index: 0x01020304 })), '0101000301020304');
  assert.equal(hex(encodeTerms({ version: 2, oldest: 1, aes: false, index: 0xffffffff })), '02010002ffffffff');
});

test('what is encoded is decoded, a type of a later version too', () => {
  fc.assert(fc.property(anyFrame, (frame) => assert.deepEqual(decodeSession(encodeSession(frame)), { ...frame })));
});

test('a relay changes the hop limit alone, and the last hop goes no further', () => {
  fc.assert(
    fc.property(anyFrame, (frame) => {
      const relayed = relaySession(encodeSession(frame));
      if (frame.hops === 1) assert.equal(relayed, 'expired');
      else assert.deepEqual(relayed, encodeSession({ ...frame, hops: frame.hops - 1 }));
    }),
  );
});

test('each thing that is wrong with a frame has its reason', () => {
  const good = encodeSession(REQUEST);
  assert.equal(decodeSession(new Uint8Array(0)), 'short');
  assert.equal(decodeSession(good.subarray(0, SESSION_HEADER_BYTES - 1)), 'short');
  assert.equal(decodeSession(new Uint8Array(MAX_SESSION_BYTES + 1).fill(2)), 'oversize');
  assert.equal(decodeSession(Uint8Array.of(1, ...good.subarray(1))), 'version');
  for (const hops of [0, MAX_HOPS + 1])
    assert.equal(decodeSession(Uint8Array.of(2, 1, hops, ...good.subarray(3))), 'hops');
  assert.throws(() => encodeSession({ ...REQUEST, hops: 0 }), RangeError);
  assert.throws(() => encodeSession({ ...REQUEST, token: new Uint8Array(7) }), RangeError);
  assert.throws(() => encodeSession({ ...REQUEST, body: new Uint8Array(MAX_SESSION_BYTES) }), RangeError);
});

test('terms without an index, a version or the cipher that everybody has are refused; more bytes are not', () => {
  const good = encodeTerms({ version: 1, oldest: 1, aes: true, index: 7 });
  assert.equal(decodeTerms(good.subarray(0, TERMS_BYTES - 1)), 'short');
  assert.deepEqual(decodeTerms(Uint8Array.of(...good, 1, 2, 3)), { version: 1, oldest: 1, aes: true, index: 7 });
  for (const wrong of ['0102000300000007', '0100000300000007', '0101000100000007', '0101000300000000'])
    assert.equal(decodeTerms(new Uint8Array(Buffer.from(wrong, 'hex'))), 'range', wrong);
});

test('an introduction is terms, a key and a signature; cut it is short, and a later version may add to it', () => {
  const terms = { version: 1, oldest: 1, aes: true, index: 7 };
  const whole = { terms, publicKey: new Uint8Array(32).fill(1), signature: new Uint8Array(64).fill(2) };
  const bytes = encodeIntroduction(whole);
  assert.equal(hex(bytes), `0101000300000007${'01'.repeat(32)}${'02'.repeat(64)}`);
  assert.deepEqual(decodeIntroduction(Uint8Array.of(...bytes, 9)), whole);
  for (let n = 0; n < bytes.length; n++) assert.equal(decodeIntroduction(bytes.subarray(0, n)), 'short');
  assert.equal(decodeIntroduction(bytes.fill(0, 4, 8)), 'range');
});

test('an initiate says which secret it is under', () => {
  const body = encodeInitiate('0a0b0c0d', Uint8Array.of(1, 2));
  assert.equal(hex(body), '0a0b0c0d0102');
  assert.deepEqual(decodeInitiate(body), { keyId: '0a0b0c0d', message: Uint8Array.of(1, 2) });
  assert.equal(decodeInitiate(body.subarray(0, 3)), 'short');
});

test('any bytes are a frame or a reason', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (b) => {
      const frame = decodeSession(b);
      assert.ok(typeof frame === 'string' || encodeSession(frame).length === b.length);
      assert.ok(['string', 'object'].includes(typeof decodeTerms(b)));
    }),
  );
});
