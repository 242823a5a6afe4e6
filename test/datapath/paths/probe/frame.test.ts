import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  decodeProbe,
  encodeProbe,
  PROBE_MAX_BYTES,
  PROBE_MIN_BYTES,
  probeMac,
  setHeld,
  type ProbeFrame,
} from '../../../../datapath/paths/probe/frame.js';
import type { PeerId } from '../../../../router/types.js';

const A = '01234567890abcdef1234567890abcde' as PeerId;
const B = 'fedcba98765432100123456789abcdef' as PeerId;
const anyId = fc.uint8Array({ minLength: 16, maxLength: 16 }).map((b) => Buffer.from(b).toString('hex') as PeerId);
const anyFrame: fc.Arbitrary<ProbeFrame> = fc.record(
  {
    kind: fc.constantFrom('probe' as const, 'echo' as const),
    from: anyId,
    nonce: fc.nat(0xffffffff),
    timeUs: fc.nat(0xffffffff),
    sizeBytes: fc.integer({ min: PROBE_MIN_BYTES, max: PROBE_MAX_BYTES }),
  },
  { noNullPrototype: true },
);

test('a probe frame has these bytes', () => {
  const bytes = encodeProbe(B, { kind: 'probe', from: A, nonce: 0xdeadbeef, timeUs: 1500, sizeBytes: 42 });
  assert.equal(
    Buffer.from(bytes).toString('hex'),
    'fedcba987654' + '02234567890a' + '88b5' + '01' + '01' + A + 'deadbeef' + '000005dc' + '0000',
  );
});

test('what is encoded is decoded', () => {
  fc.assert(
    fc.property(anyId, anyFrame, (to, frame) => {
      assert.deepEqual(decodeProbe(encodeProbe(to, frame)), frame);
    }),
  );
});

test('the time held is written into an echo in microseconds, within the bounds of its field', () => {
  for (const [heldMs, timeUs] of [
    [0.0426, 43],
    [12.5, 12_500],
    [-1, 0],
    [1e9, 0xffffffff],
  ] as const) {
    const echo = { kind: 'echo', from: A, nonce: 7, timeUs: 0, sizeBytes: 40 } as const;
    const bytes = encodeProbe(B, echo);
    setHeld(bytes, heldMs);
    assert.deepEqual(decodeProbe(bytes), { ...echo, timeUs });
  }
});

test('any bytes are a frame or a reason, also those that begin like a frame', () => {
  const valid = encodeProbe(B, { kind: 'echo', from: A, nonce: 1, timeUs: 0, sizeBytes: 60 });
  fc.assert(
    fc.property(fc.nat(60), fc.uint8Array({ maxLength: 80 }), (keep, tail) => {
      const decoded = decodeProbe(Uint8Array.from([...valid.subarray(0, keep), ...tail]));
      assert.ok(typeof decoded === 'string' || decoded.sizeBytes === keep + tail.length);
    }),
  );
});

test('a frame of another version, kind or ethertype, and one whose source is not its sender, is dropped for its reason', () => {
  const valid = encodeProbe(B, { kind: 'probe', from: A, nonce: 1, timeUs: 0, sizeBytes: 40 });
  const spoilt = (at: number, byte: number) => decodeProbe(valid.with(at, byte));
  assert.equal(spoilt(14, 2), 'version');
  assert.equal(spoilt(14, 0), 'version');
  assert.equal(spoilt(15, 0), 'kind');
  assert.equal(spoilt(15, 3), 'kind');
  assert.equal(spoilt(13, 0xb6), 'ethertype');
  assert.equal(spoilt(6, 0x06), 'impostor');
  assert.equal(decodeProbe(valid.subarray(0, 39)), 'short');
  assert.equal(decodeProbe(new Uint8Array(PROBE_MAX_BYTES + 1)), 'long');
});

test('a probe MAC is locally administered and of no group', () => {
  fc.assert(
    fc.property(anyId, (id) => {
      assert.equal(parseInt(probeMac(id).slice(0, 2), 16) & 3, 2);
    }),
  );
});
