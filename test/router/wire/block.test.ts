import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  decodeBlock,
  encodeBlock,
  peekBlock,
  recordBytes,
  recordRoom,
  signatureOf,
  signedBytes,
  type Block,
} from '../../../router/wire/block.js';
import { peerOf } from '../../support/peers.js';
import { anyBlock, anyMutations, block, blue, bytes, increment, mutated, record } from '../../support/stores.js';

const golden = (name: string): Uint8Array =>
  Uint8Array.from(Buffer.from(readFileSync(`test/vectors/${name}.hex`, 'utf8').replace(/#.*|\s/g, ''), 'hex'));

const increments: Block = {
  kind: 'increment',
  owner: peerOf(0xa1b2c3d4),
  topic: blue,
  version: 2 ** 32 + 3,
  prev: 2 ** 32 + 1,
  records: [record('mac/02:00:00:00:00:01', 7, 0x80), { key: 'ip/10.0.0.1', seq: 8, value: undefined }],
};
const base: Block = {
  kind: 'base',
  owner: peerOf(0xa1b2c3d4),
  topic: 'core',
  version: 2 ** 32,
  part: 1,
  parts: 2,
  publicKey: Uint8Array.from({ length: 32 }, (_, i) => i),
  records: [record('x', 0, 1, 2)],
};

test('an increment and a part of a base have the bytes of the golden files', () => {
  assert.deepEqual(encodeBlock(increments), golden('block-increment'));
  assert.deepEqual(encodeBlock(base), golden('block-base'));
  assert.deepEqual(decodeBlock(golden('block-increment')), increments);
  assert.deepEqual(decodeBlock(golden('block-base')), base);
});

test('decoding what was encoded gives the block', () => {
  fc.assert(fc.property(anyBlock, (b) => assert.deepEqual(decodeBlock(encodeBlock(b)), b)));
});

test('a look at a block tells the stream and the version that decoding it does', () => {
  fc.assert(
    fc.property(anyBlock, fc.array(fc.nat(255), { maxLength: 200 }), (b, noise) => {
      const { owner, topic, version } = b;
      const its =
        b.kind === 'base' ? { isBase: true, prev: 0, part: b.part } : { isBase: false, prev: b.prev, part: 0 };
      assert.deepEqual(peekBlock(encodeBlock(b)), { owner, topic, version, ...its });
      peekBlock(Uint8Array.from(noise));
    }),
  );
});

test('any bytes decode to a block or a reason', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), (b) => void decodeBlock(b)));
});

test('a block with bytes changed, cut or doubled decodes to a block that encodes to the same bytes, or to a reason', () => {
  const unsigned = (b: Uint8Array): Uint8Array => Uint8Array.from([...signedBytes(b), ...new Uint8Array(64)]);
  fc.assert(
    fc.property(anyBlock, anyMutations, (b, changes) => {
      const bad = mutated(encodeBlock(b), changes);
      const decoded = decodeBlock(bad);
      if (typeof decoded !== 'string') assert.deepEqual(encodeBlock(decoded), unsigned(bad));
    }),
    { numRuns: 2_000 },
  );
});

test('every limit and every field has its reason', () => {
  const b = block({ records: [record('key', 1, 5)] });
  const at = (offset: number, ...to: number[]): Uint8Array => (b.set(to, offset), b.slice());
  const reason = (offset: number, ...to: number[]): unknown => {
    const before = b.slice();
    const decoded = decodeBlock(at(offset, ...to));
    b.set(before);
    return decoded;
  };
  assert.equal(decodeBlock(new Uint8Array(65_537)), 'oversize');
  assert.equal(decodeBlock(new Uint8Array(104)), 'short');
  assert.equal(reason(0, 1), 'format');
  assert.equal(reason(1, 3), 'kind');
  assert.equal(reason(18, 0, 0, 0, 0, 0, 0, 0, 0), 'version');
  assert.equal(reason(18, 0xff), 'range');
  assert.equal(reason(33, 1), 'version');
  assert.equal(reason(34, 0, 1), 'parts');
  assert.equal(reason(36, 0x10, 0x01), 'parts');
  assert.equal(reason(38, 0xff, 0xff), 'count');
  assert.equal(reason(38, 0, 0), 'trailing');
  assert.equal(reason(41, 0x41), 'topic');
  assert.equal(reason(41, 0x00), 'text');
  assert.equal(reason(77, 2), 'value');
  assert.equal(reason(77, 1), 'value');
  assert.equal(reason(78, 0), 'key');
  assert.equal(reason(78, 129), 'key');
  assert.equal(reason(79, 0, 1, 0, 0, 0, 0, 0, 1), 'seq');
  assert.equal(reason(87, 4, 1), 'value');
  assert.equal(reason(87, 1, 0), 'short');
  assert.equal(typeof reason(34), 'object');
});

test('an increment has one record for each version it covers', () => {
  const b = increment(5, record('a'), record('b'));
  b[25] = 8;
  assert.equal(decodeBlock(b), 'count');
  b[25] = 5;
  assert.equal(decodeBlock(b), 'version');
});

test('a signature stands behind all that it covers', () => {
  const b = encodeBlock(base, (signed) => new Uint8Array(64).fill(signed.length));
  assert.deepEqual(signatureOf(b), new Uint8Array(64).fill(signedBytes(b).length));
  assert.deepEqual(signedBytes(b), signedBytes(encodeBlock(base)));
  assert.deepEqual(decodeBlock(b), base);
});

test('the room for records is what fits, to the byte', () => {
  const value = new Uint8Array(1_024);
  const records = Array.from({ length: 62 }, (_, i) => ({ key: `k${i}`.padEnd(5, '.'), seq: 0, value }));
  const used = records.reduce((sum, r) => sum + recordBytes(r), 0);
  const last = { key: 'k', seq: 0, value: new Uint8Array(recordRoom('core') - used - 13) };
  assert.equal(block({ records: [...records, last] }).length, 65_536);
  assert.throws(() => block({ records: [...records, { ...last, key: 'kk' }] }), RangeError);
});

test('equal values side by side share one view', () => {
  const decoded = decodeBlock(block({ records: [record('a', 1, 0x80), record('b', 1, 0x80), record('c', 1, 0x81)] }));
  assert.ok(typeof decoded !== 'string');
  assert.equal(decoded.records[0]!.value, decoded.records[1]!.value);
  assert.deepEqual(decoded.records[2]!.value, bytes(0x81));
});
