import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ipFromBytes } from '../../../router/address.js';
import type { PeerId } from '../../../router/types.js';
import { decodeHello, decodeRefuse, encodeHello, encodeRefuse, type Hello } from '../../../router/wire/hello.js';

const bytes = (n: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: n, maxLength: n });
const anyPort = fc.integer({ min: 1, max: 65_535 });
const anyAddress = fc.record(
  { ip: fc.oneof(bytes(4), bytes(16)).map((b) => ipFromBytes(b)!), port: anyPort },
  { noNullPrototype: true },
);
const anyName = fc.stringMatching(/^[a-zA-Z0-9.é漢_-]{1,20}$/);
const anyHello: fc.Arbitrary<Hello> = fc.record(
  {
    id: bytes(16).map((b) => Buffer.from(b).toString('hex') as PeerId),
    publicKey: bytes(32),
    name: anyName,
    incarnation: fc.integer({ min: 1, max: 2 ** 32 - 1 }),
    port: anyPort,
    launch: bytes(16),
    dialled: fc.option(anyAddress, { nil: undefined }),
    softwareVersion: fc.stringMatching(/^[0-9a-z.+-]{0,32}$/),
  },
  { noNullPrototype: true },
);
const hello: Hello = {
  id: '000102030405060708090a0b0c0d0e0f' as PeerId,
  publicKey: new Uint8Array(32).fill(0xaa),
  name: 'web1',
  incarnation: 7,
  port: 6783,
  launch: new Uint8Array(16).fill(0xbb),
  dialled: undefined,
  softwareVersion: '0.1.0',
};

test('a hello has the bytes that docs/protocol promises', () => {
  const golden =
    '000102030405060708090a0b0c0d0e0f' + 'aa'.repeat(32) + 'bb'.repeat(16) + '00000007' + '1a7f' + '00' +
    '0477656231' + '05302e312e30'; // prettier-ignore
  assert.equal(Buffer.from(encodeHello(hello)).toString('hex'), golden);
});

test('what was encoded is decoded, and what a later version adds is ignored', () => {
  fc.assert(
    fc.property(anyHello, fc.uint8Array(), (h, later) => {
      assert.deepEqual(decodeHello(encodeHello(h)), h);
      assert.deepEqual(decodeHello(new Uint8Array(Buffer.concat([encodeHello(h), later]))), h);
    }),
  );
});

test('a hello that is cut anywhere is short', () => {
  fc.assert(
    fc.property(anyHello, fc.nat(), (h, n) => {
      const b = encodeHello(h);
      assert.equal(decodeHello(b.subarray(0, n % b.length)), 'short');
    }),
  );
});

test('a hello with bytes changed is decoded or dropped for a reason, and never throws', () => {
  fc.assert(
    fc.property(anyHello, fc.array(fc.tuple(fc.nat(), fc.nat(255))), (h, edits) => {
      const b = encodeHello(h);
      for (const [at, value] of edits) b[at % b.length] = value;
      decodeHello(b);
      decodeRefuse(b);
    }),
  );
});

test('a name that would write on the terminal is dropped', () => {
  for (const name of ['\u001b[2J', 'a\nb', '\u202eoops', '\u2028'])
    assert.equal(decodeHello(encodeHello({ ...hello, name })), 'text');
  const broken = encodeHello(hello);
  broken[72] = 0xff; // not UTF-8
  assert.equal(decodeHello(broken), 'text');
  assert.throws(() => encodeHello({ ...hello, name: '' }), RangeError);
});

test('a hello with zero for what counts from one is dropped', () => {
  const edit = (at: number, ...values: number[]): Uint8Array => {
    const b = encodeHello(hello);
    b.set(values, at);
    return b;
  };
  assert.equal(decodeHello(edit(64, 0, 0, 0, 0)), 'range');
  assert.equal(decodeHello(edit(68, 0, 0)), 'range');
  assert.equal(decodeHello(edit(70, 5)), 'address');
});

test('a refusal says what to do and why, and is cut between characters', () => {
  const sentence = 'it speaks version 1, and this router only 2 and later';
  assert.deepEqual(decodeRefuse(encodeRefuse({ code: 'final', sentence })), { code: 'final', sentence });
  const cut = decodeRefuse(encodeRefuse({ code: 'retry', sentence: '漢'.repeat(200) }));
  assert.deepEqual(cut, { code: 'retry', sentence: '漢'.repeat(80) });
  assert.deepEqual(decodeRefuse(Uint8Array.of(77, 0)), { code: 'retry', sentence: '' }, 'a code of a later version');
  assert.equal(decodeRefuse(Uint8Array.of(1)), 'short');
  assert.equal(decodeRefuse(Uint8Array.of(1, 2, 0x1b, 0x5b)), 'text');
});
