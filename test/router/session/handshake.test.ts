import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { noise } from '../../../router/noise.js';
import {
  accept,
  answer,
  finish,
  initiate,
  type Naming,
  type Part,
  type Party,
} from '../../../router/session/handshake.js';
import type { PeerId } from '../../../router/types.js';

const hex = (b: Uint8Array): string => Buffer.from(b).toString('hex');
const seed = (n: number): Uint8Array => new Uint8Array(32).fill(n);
const party = (n: number): Party => ({ noise, staticKey: noise.keyPair(seed(n)), secret: () => new Uint8Array(0) });
const part = (n: number, more: Partial<Part['terms']> = {}): Part => ({
  ephemeral: noise.keyPair(seed(n)),
  terms: { version: 1, oldest: 1, aes: true, index: n * 0x01010101, ...more },
});
const NAMING: Naming = {
  initiator: 'a1'.repeat(16) as PeerId,
  responder: 'b2'.repeat(16) as PeerId,
  token: Uint8Array.of(0, 1, 2, 3, 4, 5, 6, 7),
};
const GOLDEN = {
  messages: [
    '85788f6e8c1818fd4314b841a87ffb91af60d95aa98338496cd17ba1cbf1532b',
    '5fd61ddf41b10f75d39b50e9a30228c7fee22cc8afdb1780e48612babf8ebe11de9ee6901d8dec36b7acfbc1b713910d9e5429f7c96ca5e4d5c50193b21879b83aff20e9deeb760569a5759bf630aae82ea324beb613a4d70abc8557b565bbfcfd324e5da694ea20',
    'e0b153addc8b10b3e77f0bfdac12fe86fad09c802f8d620a45282db429dc046785daa1880e0e4f01167eae6603d489dac6b5a7da8ff643d880cdcae6e8ad8706449f11d32394774e',
  ],
  /** Initiator to responder, back, confirm. */
  keys: [
    '8fce430b81e5abb073fd8992f9ca1ae1f63b26d0f1d71cb85d610a3f3da53069',
    '5b2d8fdff621c0b12cd8c304218c6cfe0c813b9b95546f9d4ae5540de8a9856c',
    '39770d494120d75fe711a44a95ee32bf',
  ],
};
const [ALICE, BOB] = [party(1), party(2)];

function messages(alices = part(3), bobs = part(4)): readonly [Uint8Array, Uint8Array] {
  const one = initiate(ALICE, NAMING, alices);
  const two = answer(BOB, NAMING, bobs, one);
  assert.ok(typeof two !== 'string');
  return [one, two];
}

test('keys from the seeds 01.., 02.. (static) and 03.., 04.. (ephemeral) give the messages and keys of the document', () => {
  const [one, two] = messages();
  const done = finish(ALICE, NAMING, part(3), two);
  assert.ok(typeof done !== 'string');
  const agreed = accept(BOB, NAMING, part(4), one, done.message);
  assert.ok(typeof agreed !== 'string');
  assert.deepEqual([hex(one), hex(two), hex(done.message)], GOLDEN.messages);
  assert.deepEqual([hex(agreed.receiveKey), hex(agreed.sendKey), hex(agreed.confirm)], GOLDEN.keys);
  assert.deepEqual([agreed.sendKey, agreed.receiveKey], [done.agreed.receiveKey, done.agreed.sendKey]);
  assert.deepEqual(agreed.confirm, done.agreed.confirm);
  assert.deepEqual([done.agreed.theirs.index, agreed.theirs.index], [0x04040404, 0x03030303]);
});

test('a handshake under another name, of another pair or with the roles exchanged, is not understood', () => {
  const [, two] = messages();
  for (const other of [
    { ...NAMING, token: new Uint8Array(8) },
    { ...NAMING, responder: 'b3'.repeat(16) as PeerId },
    { ...NAMING, initiator: NAMING.responder, responder: NAMING.initiator },
  ])
    assert.equal(finish(ALICE, other, part(3), two), 'forged');
});

test('another secret gives other keys', () => {
  const [one, two] = messages();
  const done = finish(ALICE, NAMING, part(3), two);
  assert.ok(typeof done !== 'string');
  const agreed = accept({ ...BOB, secret: () => Uint8Array.of(1) }, NAMING, part(4), one, done.message);
  assert.ok(typeof agreed !== 'string');
  assert.notDeepEqual(agreed.receiveKey, done.agreed.sendKey);
  assert.notDeepEqual(agreed.confirm, done.agreed.confirm);
});

test('sides that speak no version in common find out by what is sealed', () => {
  const [, two] = messages(part(3), part(4, { version: 3, oldest: 2 }));
  assert.equal(finish(ALICE, NAMING, part(3), two), 'version');
  assert.ok(typeof finish(ALICE, NAMING, part(3, { version: 2 }), two) !== 'string');
});

test('a damaged or foreign message is a reason, and the handshake can still be finished with the right one', () => {
  const [one, two] = messages();
  const done = finish(ALICE, NAMING, part(3), two);
  assert.ok(typeof done !== 'string');
  const three = done.message;
  const damaged = (m: Uint8Array): fc.Arbitrary<Uint8Array> =>
    fc
      .tuple(fc.nat(m.length - 1), fc.integer({ min: 1, max: 255 }))
      .map(([at, xor]) => m.map((x, i) => (i === at ? x ^ xor : x)));
  fc.assert(
    fc.property(damaged(two), damaged(three), fc.uint8Array({ maxLength: 120 }), (badTwo, badThree, any) => {
      for (const bad of [badTwo, any]) assert.equal(finish(ALICE, NAMING, part(3), bad), 'forged');
      for (const bad of [badThree, any]) assert.equal(accept(BOB, NAMING, part(4), one, bad), 'forged');
      assert.ok(typeof accept(BOB, NAMING, part(4), one, three) !== 'string');
    }),
    { numRuns: 30 },
  );
});
