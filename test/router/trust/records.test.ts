import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createDecipheriv } from 'node:crypto';
import fc from 'fast-check';
import { RECORDS_PER_KEY } from '../../../router/trust/limits.js';
import { MAX_PLAIN_BYTES, RecordOpener, RecordSealer } from '../../../router/trust/records.js';
import { joined } from '../../../router/wire/bytes.js';

const KEY = new Uint8Array(32).fill(7);

/** What comes out of `bytes` in pieces cut at `cuts`, as one; or that something was forged. */
function open(bytes: Uint8Array, cuts: readonly number[] = []): Uint8Array | 'forged' {
  const opener = new RecordOpener(KEY);
  const at = [0, ...cuts.map((c) => c % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  const plain: Uint8Array[] = [];
  for (const [i, end] of at.slice(1).entries()) {
    const chunk = bytes.slice(at[i], end);
    const opened = opener.open(chunk);
    chunk.fill(0xee); // nothing may depend on a chunk that was given before
    if (opened === 'forged') return opened;
    plain.push(...opened.map((p) => p.slice()));
  }
  return joined(...plain);
}

const texts = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 6 });

test('what was sealed comes out, however the bytes are cut', () => {
  fc.assert(
    fc.property(texts, fc.array(fc.nat(), { maxLength: 9 }), (parts, cuts) => {
      const sealer = new RecordSealer(KEY);
      const sealed = joined(...parts.map((p) => sealer.seal(p)));
      assert.deepEqual(open(sealed, cuts), joined(...parts));
    }),
  );
});

test('what is longer than a record goes in several', () => {
  const long = new Uint8Array(2 * MAX_PLAIN_BYTES + 5).map((_, i) => i);
  const sealed = new RecordSealer(KEY).seal(long);
  assert.equal(sealed.length, long.length + 3 * 18);
  assert.deepEqual(open(sealed, [3, 70_000]), long);
});

test('a record is RFC 8439 with the number as nonce and the length authenticated', () => {
  const sealer = new RecordSealer(KEY);
  sealer.seal(Uint8Array.of(1));
  const record = sealer.seal(Uint8Array.of(1, 2, 3));
  assert.deepEqual([...record.subarray(0, 2)], [0, 19]);
  const nonce = Uint8Array.of(0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0);
  const decipher = createDecipheriv('chacha20-poly1305', KEY, nonce, { authTagLength: 16 });
  decipher.setAAD(record.subarray(0, 2), { plaintextLength: 3 });
  decipher.setAuthTag(record.subarray(-16));
  assert.deepEqual([...decipher.update(record.subarray(2, -16)), ...decipher.final()], [1, 2, 3]);
});

test('a record that was changed, left out, repeated or moved is noticed, and nothing is opened after it', () => {
  const sealer = new RecordSealer(KEY);
  const records = [1, 2, 3].map((n) => sealer.seal(new Uint8Array(20).fill(n)));
  fc.assert(
    fc.property(fc.nat(2), fc.nat(37), fc.integer({ min: 1, max: 255 }), (n, at, xor) => {
      const changed = records.map((r, i) => (i === n ? r.map((byte, j) => (j === at ? byte ^ xor : byte)) : r));
      const opened = open(joined(...changed, new Uint8Array(70_000)));
      assert.equal(opened, 'forged');
    }),
  );
  for (const order of [[1], [0, 0], [0, 2], [1, 0, 2]])
    assert.equal(open(joined(...order.map((i) => records[i]!))), 'forged', `${order.join()}`);
  const opener = new RecordOpener(KEY);
  assert.equal(opener.open(records[1]!), 'forged');
  assert.equal(opener.open(records[0]!), 'forged');
});

test('no bytes make it throw or hold more than a record', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 80 }), { maxLength: 5 }), (chunks) => {
      const opener = new RecordOpener(KEY);
      for (const chunk of chunks) opener.open(chunk);
    }),
  );
});

test('the key is replaced after so many records, on both sides at the same one', () => {
  const [sealer, opener] = [new RecordSealer(KEY), new RecordOpener(KEY)];
  for (let n = 0; n < RECORDS_PER_KEY + 2; n++) {
    const opened = opener.open(sealer.seal(Uint8Array.of(n)));
    if (opened === 'forged' || opened[0]![0] !== (n & 255)) assert.fail(`record ${n}`);
  }
  const fresh = new RecordSealer(KEY);
  let last = fresh.seal(Uint8Array.of(0));
  for (let n = 0; n < RECORDS_PER_KEY; n++) last = fresh.seal(Uint8Array.of(0));
  const nonce = Uint8Array.of(0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0);
  const withFirst = createDecipheriv('chacha20-poly1305', KEY, nonce, { authTagLength: 16 });
  withFirst.setAAD(last.subarray(0, 2), { plaintextLength: 1 });
  withFirst.setAuthTag(last.subarray(-16));
  withFirst.update(last.subarray(2, -16));
  assert.throws(() => withFirst.final(), 'the first key opens it no more');
});
