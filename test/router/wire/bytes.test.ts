import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Reader, sameBytes, Writer } from '../../../router/wire/bytes.js';
import { anyPeer } from '../../support/stores.js';

type Step =
  | { readonly kind: 'u8' | 'u16' | 'u32' | 'u64'; readonly n: number }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array };

const number = (kind: 'u8' | 'u16' | 'u32' | 'u64', max: number): fc.Arbitrary<Step> =>
  fc.integer({ min: 0, max }).map((n) => ({ kind, n }));
const anyStep = fc.oneof(
  number('u8', 0xff),
  number('u16', 0xffff),
  number('u32', 0xffffffff),
  number('u64', Number.MAX_SAFE_INTEGER),
  fc.stringMatching(/^[!-~]{0,300}$/).map((text): Step => ({ kind: 'text', text })),
  fc.uint8Array({ maxLength: 600 }).map((bytes): Step => ({ kind: 'bytes', bytes })),
);

function write(w: Writer, s: Step): void {
  if (s.kind === 'text') w.text(s.text);
  else if (s.kind === 'bytes') w.bytes(s.bytes);
  else w[s.kind](s.n);
}

const read = (r: Reader, s: Step): unknown =>
  s.kind === 'text'
    ? r.text(s.text.length)
    : s.kind === 'bytes'
      ? Uint8Array.from(r.bytes(s.bytes.length))
      : r[s.kind]();

test('what is written is read back, whatever the growth of the buffer', () => {
  fc.assert(
    fc.property(fc.array(anyStep), anyPeer, (steps, id) => {
      const w = new Writer(100_000);
      for (const s of steps) write(w, s);
      w.peerId(id);
      const r = new Reader(w.finish());
      for (const s of steps)
        assert.deepEqual(read(r, s), s.kind === 'text' ? s.text : s.kind === 'bytes' ? s.bytes : s.n);
      assert.equal(r.peerId(), id);
      assert.equal(r.remaining, 0);
      assert.equal(r.fault, undefined);
    }),
  );
});

test('a fault sticks, and what is read after it is empty', () => {
  const r = new Reader(Uint8Array.of(1, 2, 3));
  assert.equal(r.u32(), 0);
  assert.equal(r.fault, 'short');
  assert.equal(r.u8(), 0);
  assert.equal(r.text(1), '');
  assert.equal(r.bytes(1).length, 0);
  assert.equal(r.peerId(), '');
});

test('a number beyond 2^53-1 and text that is not printable are faults', () => {
  const big = new Reader(Uint8Array.of(0, 0x20, 0, 0, 0, 0, 0, 0));
  assert.equal(big.u64(), 0);
  assert.equal(big.fault, 'range');
  const space = new Reader(Uint8Array.of(0x61, 0x20));
  assert.equal(space.text(2), '');
  assert.equal(space.fault, 'text');
});

test('a writer refuses more than it was given room for', () => {
  const w = new Writer(3);
  w.u16(1);
  assert.throws(() => w.u16(1), RangeError);
  assert.throws(() => new Writer(8).u64(-1), RangeError);
  assert.throws(() => new Writer(8).u64(2 ** 53), RangeError);
});

test('bytes are the same when length and content are', () => {
  assert.ok(sameBytes(Uint8Array.of(1, 2), Uint8Array.of(1, 2)));
  assert.ok(!sameBytes(Uint8Array.of(1, 2), Uint8Array.of(1)));
  assert.ok(!sameBytes(Uint8Array.of(1, 2), Uint8Array.of(1, 3)));
});
