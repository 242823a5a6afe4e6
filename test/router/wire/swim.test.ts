import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  decodeSwim,
  encodeSwim,
  MAX_INCARNATION,
  MAX_SWIM_BYTES,
  MAX_SWIM_MESSAGES,
  SWIM_TYPES,
  type SwimMessage,
} from '../../../router/wire/swim.js';
import type { PeerId } from '../../../router/types.js';

const plain = { noNullPrototype: true };
const peer = fc.uint8Array({ minLength: 16, maxLength: 16 }).map((b) => Buffer.from(b).toString('hex') as PeerId);
const incarnation = fc.integer({ min: 0, max: MAX_INCARNATION });
const seq = fc.nat(2 ** 32 - 1);
const claim = fc.oneof(
  fc.record(
    { peer, status: fc.constantFrom('alive' as const, 'faulty' as const, 'left' as const), incarnation },
    plain,
  ),
  fc.record({ peer, status: fc.constant('suspect' as const), incarnation, accuser: peer }, plain),
);
const message: fc.Arbitrary<SwimMessage> = fc.oneof(
  fc.record({ kind: fc.constantFrom('ping' as const, 'ack' as const), seq }, plain),
  fc.record({ kind: fc.constant('pingReq' as const), seq, target: peer }, plain),
  fc.record({ kind: fc.constantFrom('sync' as const, 'update' as const), claim }, plain),
);

const A = '000102030405060708090a0b0c0d0e0f' as PeerId;
const B = 'f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff' as PeerId;
const GOLDEN: readonly (readonly [hex: string, messages: readonly SwimMessage[]])[] = [
  ['01 0a 00000007', [{ kind: 'ping', seq: 7 }]],
  ['01 0d ffffffff', [{ kind: 'ack', seq: 0xffffffff }]],
  [`01 0b 00000001 ${A}`, [{ kind: 'pingReq', seq: 1, target: A }]],
  [`01 0c ${A} 00 000000000002`, [{ kind: 'sync', claim: { peer: A, status: 'alive', incarnation: 2 } }]],
  [
    `01 00 0200 0500 0a 00000007 2800 0e ${A} 01 000000010000 ${B}`,
    [
      { kind: 'ping', seq: 7 },
      { kind: 'update', claim: { peer: A, status: 'suspect', incarnation: 65_536, accuser: B } },
    ],
  ],
  [`01 0e ${B} 02 000000000003`, [{ kind: 'update', claim: { peer: B, status: 'faulty', incarnation: 3 } }]],
  [`01 0e ${B} 02 000000100000`, [{ kind: 'update', claim: { peer: B, status: 'faulty', incarnation: 2 ** 20 } }]],
  [`01 0e ${B} 03 000000000003`, [{ kind: 'update', claim: { peer: B, status: 'left', incarnation: 3 } }]],
];
const bytes = (hex: string): Buffer => Buffer.from(hex.replaceAll(' ', ''), 'hex');

for (const [hex, messages] of GOLDEN)
  test(`the format is frozen: ${hex.slice(0, 30)}`, () => {
    assert.equal(Buffer.from(encodeSwim(messages)).toString('hex'), bytes(hex).toString('hex'));
    assert.deepEqual(decodeSwim(bytes(hex)), messages);
  });

test('what is encoded is decoded', () => {
  fc.assert(
    fc.property(fc.array(message, { minLength: 1, maxLength: 20 }), (messages) =>
      assert.deepEqual(decodeSwim(encodeSwim(messages)), messages),
    ),
  );
});

test('any bytes are decoded to messages or to a reason', () => {
  const any = fc.oneof(
    fc.uint8Array({ maxLength: 100 }),
    fc.uint8Array({ maxLength: 60 }).map((b) => Uint8Array.of(1, ...b)),
    fc
      .tuple(fc.constantFrom(...Object.values(SWIM_TYPES)), fc.uint8Array({ maxLength: 45 }))
      .map(([t, b]) => Uint8Array.of(1, t, ...b)),
  );
  fc.assert(
    fc.property(any, (b) => {
      const decoded = decodeSwim(b);
      if (typeof decoded !== 'string') assert.deepEqual(Buffer.from(encodeSwim(decoded)).length <= b.length, true);
    }),
    { numRuns: 5000 },
  );
});

test('a payload cut short, or with a byte more, is malformed', () => {
  fc.assert(
    fc.property(fc.array(message, { minLength: 1, maxLength: 5 }), fc.nat(), (messages, n) => {
      const whole = encodeSwim(messages);
      const cut = whole.subarray(0, 2 + (n % (whole.length - 2)));
      assert.equal(decodeSwim(cut), 'malformed');
      assert.equal(decodeSwim(Buffer.concat([whole, Uint8Array.of(0)])), 'malformed');
    }),
  );
});

test('each kind of nonsense has its reason', () => {
  const cases: readonly (readonly [string, Uint8Array])[] = [
    ['empty', new Uint8Array(0)],
    ['empty', Uint8Array.of(1)],
    ['version', bytes('02 0a 00000007')],
    ['oversize', Buffer.concat([bytes('01 00'), new Uint8Array(MAX_SWIM_BYTES)])],
    ['unknown-type', bytes('01 63 00000007')],
    ['malformed', bytes('01 0a c0')], // a nil where a map was meant stopped the process of swim's own transport
    ['malformed', bytes('01 00 0000')],
    ['malformed', bytes('01 00 0100 0000')],
    ['unknown-type', bytes('01 00 0100 0300 00 0000')], // a compound in a compound
    ['malformed', bytes(`01 0e ${A} 04 000000000001`)],
    ['malformed', bytes(`01 0e ${A} 00 800000000001`)],
    ['malformed', bytes(`01 0e ${A} 00 000000100001`)], // streams could not be written above it
    ['malformed', bytes(`01 0e ${A} 01 000000000001`)], // a suspicion without an accuser
    ['malformed', bytes(`01 0e ${A} 00 000000000001 ${B}`)],
  ];
  for (const [reason, payload] of cases)
    assert.equal(decodeSwim(payload), reason, Buffer.from(payload).toString('hex'));
});

test('more messages than anybody sends are refused', () => {
  const ping: SwimMessage = { kind: 'ping', seq: 1 };
  const many = (n: number): readonly SwimMessage[] => Array.from({ length: n }, () => ping);
  assert.equal((decodeSwim(encodeSwim(many(MAX_SWIM_MESSAGES))) as unknown[]).length, MAX_SWIM_MESSAGES);
  assert.equal(decodeSwim(encodeSwim(many(MAX_SWIM_MESSAGES + 1))), 'malformed');
});
