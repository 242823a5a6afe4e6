import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeMsgpack, decodeMsgpackMap, encodeMsgpack, type MsgpackValue } from '../../../router/wire/msgpack.js';
import { anyMutations, mutated } from '../../support/stores.js';

const { value: anyValue } = fc.letrec<{ value: MsgpackValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.constantFrom(null, true, false),
    fc.integer(),
    fc.maxSafeInteger().map((n) => n + 0),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => n + 0),
    fc.string({ unit: 'grapheme', maxLength: 40 }),
    fc.uint8Array({ maxLength: 300 }),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(fc.string({ maxLength: 5 }), tie('value'), { maxKeys: 4 }).map((d) => new Map(Object.entries(d))),
  ),
}));

/** Buffers compare as the bytes they are. */
function plain(v: MsgpackValue): unknown {
  if (v instanceof Uint8Array) return Uint8Array.from(v);
  if (v instanceof Map) return new Map([...(v as ReadonlyMap<string, MsgpackValue>)].map(([k, x]) => [k, plain(x)]));
  return Array.isArray(v) ? (v as readonly MsgpackValue[]).map(plain) : v;
}

test('decoding what was encoded gives the value', () => {
  fc.assert(
    fc.property(anyValue, (v) => {
      const decoded = decodeMsgpack(encodeMsgpack(v));
      assert.ok(typeof decoded !== 'string', `${typeof decoded === 'string' && decoded}`);
      assert.deepEqual(plain(decoded.value), plain(v));
    }),
  );
});

test('the bytes do not depend on the order of the keys, and undefined fields are left out', () => {
  assert.deepEqual(
    encodeMsgpack({ b: 1, a: 2, c: undefined }),
    encodeMsgpack(
      new Map([
        ['a', 2],
        ['b', 1],
      ]),
    ),
  );
});

test('any bytes, and any value with bytes changed, decode to a value or a reason', () => {
  const check = (b: Uint8Array): void => {
    const decoded = decodeMsgpack(b);
    assert.ok(typeof decoded === 'string' || 'value' in decoded);
  };
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), check), { numRuns: 2_000 });
  fc.assert(
    fc.property(anyValue, anyMutations, (v, m) => check(mutated(encodeMsgpack(v), m))),
    { numRuns: 2_000 },
  );
});

test('what we never send is refused: extensions, 64-bit integers, float32, NaN, the unused byte', () => {
  const refused: readonly (readonly number[])[] = [
    [0xd4, 1, 0],
    [0xc7, 0, 1],
    [0xcf, 0, 0, 0, 0, 0, 0, 0, 1],
    [0xd3, 0, 0, 0, 0, 0, 0, 0, 1],
    [0xca, 0, 0, 0, 0],
    [0xcb, 0x7f, 0xf8, 0, 0, 0, 0, 0, 0],
    [0xc1],
    [0xdd, 0, 0, 0, 0],
    [0xdf, 0, 0, 0, 0],
  ];
  for (const b of refused) assert.equal(decodeMsgpack(Uint8Array.from(b)), 'type', `${b.join()}`);
});

test('depth, size, trailing bytes and keys that are not text are refused', () => {
  const nested = (depth: number): Uint8Array => Uint8Array.from([...new Array<number>(depth).fill(0x91), 0xc0]);
  assert.notEqual(decodeMsgpack(nested(8)), 'depth');
  assert.equal(decodeMsgpack(nested(9)), 'depth');
  assert.equal(decodeMsgpack(nested(60_000)), 'depth');
  assert.equal(decodeMsgpack(new Uint8Array(65_536)), 'oversize');
  assert.equal(decodeMsgpack(new Uint8Array(5), 4), 'oversize');
  assert.equal(decodeMsgpack(Uint8Array.of(0xc0, 0xc0)), 'trailing');
  assert.equal(decodeMsgpack(Uint8Array.of(0x81, 1, 2)), 'key');
  assert.equal(decodeMsgpack(Uint8Array.of(0x92, 1)), 'short');
  assert.equal(decodeMsgpack(Uint8Array.of(0xdc, 0xff, 0xff, 1)), 'short');
  assert.equal(decodeMsgpack(new Uint8Array(0)), 'short');
});

test('a key named __proto__ is only a key', () => {
  const map = decodeMsgpackMap(encodeMsgpack(new Map([['__proto__', 1]])));
  assert.ok(typeof map !== 'string');
  assert.equal(map.get('__proto__'), 1);
  assert.equal(decodeMsgpackMap(encodeMsgpack([1])), 'type');
});
