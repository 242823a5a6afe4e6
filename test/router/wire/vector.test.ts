import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  compareStreams,
  decodeVector,
  encodeVector,
  MAX_VECTOR_BYTES,
  type Vector,
} from '../../../router/wire/vector.js';
import type { NetworkName } from '../../../router/types.js';
import { peerOf } from '../../support/peers.js';
import { anyMutations, anyPeer, anyTopic, blue, mutated } from '../../support/stores.js';

const golden: Vector = [
  { owner: peerOf(1), topic: blue, head: 0, partial: { version: 2 ** 32, parts: 3 } },
  { owner: peerOf(1), topic: 'core', head: 2 ** 33 + 5, partial: undefined },
  { owner: peerOf(0xff), topic: 'core', head: 9, partial: undefined },
];

const anyVector: fc.Arbitrary<Vector> = fc
  .uniqueArray(
    fc.record(
      {
        owner: fc.oneof(anyPeer, fc.constantFrom(peerOf(1), peerOf(2))),
        topic: anyTopic,
        head: fc.maxSafeNat().map((n) => n % 2 ** 52),
        parts: fc.option(fc.nat(4_096), { nil: undefined }),
      },
      { noNullPrototype: true },
    ),
    { selector: (e) => `${e.owner}/${e.topic}`, maxLength: 40 },
  )
  .map((entries) =>
    entries
      .map(({ parts, ...e }) => ({ ...e, partial: parts === undefined ? undefined : { version: e.head + 1, parts } }))
      .sort(compareStreams),
  );

test('a vector has the bytes of the golden file', () => {
  const hex = readFileSync('test/vectors/vector.hex', 'utf8').replace(/#.*|\s/g, '');
  assert.equal(Buffer.from(encodeVector(golden)).toString('hex'), hex);
});

test('decoding what was encoded gives the vector', () => {
  fc.assert(fc.property(anyVector, (v) => assert.deepEqual(decodeVector(encodeVector(v)), v)));
});

test('any bytes decode to a vector or a reason', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (b) => void decodeVector(b)));
});

test('a vector with bytes changed, cut or doubled decodes to one that encodes to the same bytes, or to a reason', () => {
  fc.assert(
    fc.property(anyVector, anyMutations, (v, changes) => {
      const bad = mutated(encodeVector(v), changes);
      const decoded = decodeVector(bad);
      if (typeof decoded !== 'string') assert.deepEqual(encodeVector(decoded), bad);
    }),
    { numRuns: 2_000 },
  );
});

test('what is out of order, or there twice, is refused', () => {
  const [a, b, c] = golden as [Vector[0], Vector[0], Vector[0]];
  assert.equal(decodeVector(encodeVector([c, a])), 'order');
  assert.equal(decodeVector(encodeVector([b, a])), 'order');
  assert.equal(decodeVector(encodeVector([a, a])), 'order');
});

test('a base that is no news to its sender is refused', () => {
  const entry = { owner: peerOf(1), topic: blue, head: 7 };
  assert.equal(decodeVector(encodeVector([{ ...entry, partial: { version: 7, parts: 1 } }])), 'partial');
  assert.equal(decodeVector(encodeVector([{ ...entry, partial: { version: 8, parts: 4_097 } }])), 'partial');
});

test('counts beyond the bytes that are there are refused unread', () => {
  assert.equal(decodeVector(Uint8Array.of(1, 0, 0, 0x40, 0)), 'count');
  assert.equal(decodeVector(Uint8Array.of(1, 0xff, 0xff, 0xff, 0xff)), 'count');
  assert.equal(decodeVector(new Uint8Array(MAX_VECTOR_BYTES + 1)), 'oversize');
  assert.equal(decodeVector(Uint8Array.of(2)), 'format');
  assert.equal(decodeVector(new Uint8Array(0)), 'short');
});

test('a full vector of the longest entries fits', () => {
  const topic = (n: number): NetworkName => `n${n}`.padEnd(32, '-') as NetworkName;
  const full = Array.from({ length: 16_384 }, (_, n) => ({
    owner: peerOf(n),
    topic: topic(n),
    head: 1,
    partial: { version: 2, parts: 1 },
  }));
  const decoded = decodeVector(encodeVector(full));
  assert.ok(typeof decoded !== 'string');
  assert.equal(decoded.length, 16_384);
  assert.equal(decodeVector(encodeVector(full.concat({ ...full[0]!, owner: peerOf(20_000) }))), 'count');
});

test('a thousand routers with two topics take about 40 KB', () => {
  const two = (n: number): Vector =>
    [blue, 'core' as const].map((topic) => ({ owner: peerOf(n), topic, head: 2 ** 40, partial: undefined }));
  assert.ok(encodeVector(Array.from({ length: 1_000 }, (_, n) => two(n)).flat()).length < 50_000);
});
