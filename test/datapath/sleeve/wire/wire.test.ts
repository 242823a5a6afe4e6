import assert from 'node:assert/strict';
import { createCipheriv } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { createMemory } from '../../../../datapath/sleeve/native/memory.js';
import { Sealing } from '../../../../datapath/sleeve/native/sealing.js';
import {
  checkDatagram,
  counterAt,
  OUTER,
  OUTER_BYTES,
  TAG_BYTES,
  writeAad,
  writeCounter,
  writeOuter,
} from '../../../../datapath/sleeve/wire/datagram.js';
import {
  checkMessage,
  frameAt,
  indexAt,
  isLastAt,
  PROBE_BYTES,
  probeSentUs,
  SEGMENT,
  vniAt,
  writePartHeader,
  writeProbe,
  writeSegmentHeader,
} from '../../../../datapath/sleeve/wire/message.js';

const golden = (name: string): Uint8Array =>
  Uint8Array.from(Buffer.from(readFileSync(`test/vectors/${name}.hex`, 'utf8').replace(/#.*|\s/g, ''), 'hex'));
const viewOf = (b: Uint8Array): DataView => new DataView(b.buffer, b.byteOffset, b.length);
const KEY = Uint8Array.from({ length: 32 }, (_, i) => i);
const COUNTER = 2 ** 32 + 5;

/** An ARP frame as the last segment of super-frame 9. */
function segmentMessage(): Uint8Array {
  const message = new Uint8Array(SEGMENT.ethernet + 42);
  writeSegmentHeader(viewOf(message), 0, 0x123456, 9, 0, true);
  message.set(
    Uint8Array.from({ length: 42 }, (_, i) => i),
    SEGMENT.ethernet,
  );
  return message;
}

/** A whole datagram in memory that OpenSSL can be given. */
function sealed(message: Uint8Array, cipher: 'aes-256-gcm' | 'chacha20-poly1305', withEvp: boolean): Uint8Array {
  const memory = createMemory(8_192);
  const at = memory.take(2_048);
  memory.bytes.set(message, at + OUTER_BYTES);
  writeOuter(memory.view, at, 1, 0, 0xa1b2c3d4);
  const sealer = new Sealing(memory, withEvp).sealer({ cipher, key: KEY, lane: 1, receiver: 0xa1b2c3d4 }, COUNTER);
  sealer.seal(at + OUTER.counter, message.length);
  sealer.close();
  return memory.bytes.slice(at, at + OUTER_BYTES + message.length + TAG_BYTES);
}

for (const cipher of ['aes-256-gcm', 'chacha20-poly1305'] as const)
  for (const withEvp of [true, false])
    test(`a datagram sealed by ${cipher} ${withEvp ? 'as fast as can be' : 'by node:crypto'} is the golden one`, () => {
      assert.deepEqual(sealed(segmentMessage(), cipher, withEvp), golden(`sleeve-${cipher}`));
    });

test('the golden datagram is what node:crypto makes of the words in docs/protocol.md', () => {
  const aad = Uint8Array.of(1, 1, 0xa1, 0xb2, 0xc3, 0xd4, 0, 0, 0, 0, 0, 0, 62);
  const c = createCipheriv('aes-256-gcm', KEY, Uint8Array.of(0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 5));
  c.setAAD(aad);
  const text = Buffer.concat([c.update(segmentMessage()), c.final(), c.getAuthTag()]);
  assert.deepEqual(golden('sleeve-aes-256-gcm').subarray(OUTER_BYTES), Uint8Array.from(text));
});

for (const [cipher, withEvp] of [
  ['aes-256-gcm', true],
  ['aes-256-gcm', false],
  ['chacha20-poly1305', true],
  ['chacha20-poly1305', false],
] as const)
  test(`${cipher}: what is opened ${withEvp ? 'by OpenSSL' : 'by node:crypto'} is what was sealed, and nothing else opens`, () => {
    const memory = createMemory(65_536);
    const at = memory.take(4_096);
    const sealing = new Sealing(memory, withEvp);
    const use = { cipher, key: KEY, lane: 0, receiver: 7 } as const;
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1, maxLength: 1_500 }),
        fc.nat(),
        fc.nat(255),
        (message, where, change) => {
          const [sealer, opener] = [sealing.sealer(use, where), sealing.opener(use)];
          memory.bytes.set(message, at + 8);
          sealer.seal(at, message.length);
          const datagram = memory.bytes.slice(at, at + 8 + message.length + TAG_BYTES);
          assert.ok(opener.open(at, message.length));
          assert.deepEqual(memory.bytes.slice(at + 8, at + 8 + message.length), message);
          datagram[where % datagram.length]! ^= change;
          memory.bytes.set(datagram, at);
          assert.equal(opener.open(at, message.length), change === 0);
          const other = sealing.opener({ ...use, receiver: 8 });
          memory.bytes.set(datagram, at);
          assert.equal(other.open(at, message.length), false);
          for (const key of [sealer, opener, other]) key.close();
        },
      ),
    );
  });

for (const cipher of ['aes-256-gcm', 'chacha20-poly1305'] as const)
  test(`${cipher}: OpenSSL and node:crypto make the same of any message, and open each other's`, () => {
    const memory = createMemory(65_536);
    const at = memory.take(4_096);
    const sides = [new Sealing(memory, true), new Sealing(memory, false)] as const;
    const anyUse = fc.record({ lane: fc.constantFrom(0 as const, 1 as const), receiver: fc.nat(0xffffffff) });
    const anyKey = fc.uint8Array({ minLength: 32, maxLength: 32 });
    fc.assert(
      fc.property(
        anyUse,
        anyKey,
        fc.maxSafeNat(),
        fc.uint8Array({ minLength: 1, maxLength: 1_500 }),
        (u, key, n, message) => {
          const counter = Math.min(n, 2 ** 53 - 2);
          const [one, other] = sides.map((sealing) => {
            const sealer = sealing.sealer({ cipher, key, ...u }, counter);
            memory.bytes.set(message, at + 8);
            sealer.seal(at, message.length);
            sealer.close();
            return memory.bytes.slice(at, at + 8 + message.length + TAG_BYTES);
          });
          assert.deepEqual(one, other);
          for (const sealing of sides) {
            memory.bytes.set(one!, at);
            const opener = sealing.opener({ cipher, key, ...u });
            assert.ok(opener.open(at, message.length));
            opener.close();
            assert.deepEqual(memory.bytes.slice(at + 8, at + 8 + message.length), message);
          }
        },
      ),
    );
  });

test('a sealer counts up from where it began', () => {
  const memory = createMemory(4_096);
  const at = memory.take(64);
  for (const cipher of ['aes-256-gcm', 'chacha20-poly1305', 'plain'] as const) {
    const sealer = new Sealing(memory).sealer({ cipher, key: KEY, lane: 0, receiver: 1 }, 2 ** 32 - 1);
    for (const counter of [2 ** 32 - 1, 2 ** 32, 2 ** 32 + 1]) {
      sealer.seal(at, 4);
      assert.equal(counterAt(memory.view, at), counter);
    }
  }
});

test('counters survive the bytes, and one beyond 2^53 is no number', () => {
  const b = new Uint8Array(8);
  fc.assert(
    fc.property(fc.maxSafeNat(), (counter) => {
      writeCounter(viewOf(b), 0, counter);
      assert.equal(counterAt(viewOf(b), 0), counter);
    }),
  );
  b.fill(0xff);
  assert.equal(counterAt(viewOf(b), 0), Infinity);
});

test('any bytes are a datagram or have a fault', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), (b) => void checkDatagram(b, 0, b.length)));
  const b = new Uint8Array(40);
  writeOuter(viewOf(b), 0, 0, 0, 1);
  const fault = (at: number, value: number): unknown => {
    const changed = b.slice();
    changed[at] = value;
    return checkDatagram(changed, 0, changed.length);
  };
  assert.equal(checkDatagram(b, 0, 19), 'short');
  assert.deepEqual(
    [fault(0, 1), fault(0, 2), fault(1, 2), fault(2, 9), fault(3, 1)],
    [undefined, 'version', 'lane', 'hops', 'reserved'],
  );
});

test('any bytes are a message or have a fault, and a message stays within its length', () => {
  const anyMessage = fc
    .tuple(fc.constantFrom(1, 2, 3, 4), fc.uint8Array({ maxLength: 80 }))
    .map(([kind, rest]) => Uint8Array.from([kind, ...rest]));
  fc.assert(
    fc.property(fc.oneof(anyMessage, fc.uint8Array({ maxLength: 80 })), (b) => {
      const v = viewOf(Uint8Array.from([...b, ...new Uint8Array(32)]));
      if (checkMessage(b, v, 0, b.length) !== undefined) return;
      if (b[0] === 1) assert.ok(b.length >= 34 && indexAt(v, 0) < 2_048);
      if (b[0] === 2) assert.ok(v.getUint16(8) + b.length - 12 <= v.getUint16(10));
    }),
  );
});

test('what is written is read', () => {
  const b = new Uint8Array(64);
  const v = viewOf(b);
  writeSegmentHeader(v, 0, 0xabcdef, 0xfffffffe, 2_047, false);
  assert.deepEqual([vniAt(v, 0), frameAt(v, 0), indexAt(v, 0), isLastAt(v, 0)], [0xabcdef, 0xfffffffe, 2_047, false]);
  writeProbe(v, 0, 77, 2 ** 40 + 3, 1_500);
  assert.equal(probeSentUs(v, 0), 2 ** 40 + 3);
  assert.equal(checkMessage(b, v, 0, PROBE_BYTES), undefined);
  writePartHeader(v, 0, 1, 100, 152);
  assert.equal(checkMessage(b, v, 0, 64), undefined);
  assert.equal(checkMessage(b, v, 0, 64 + 1), 'message-part');
  writeAad(b, 0, 1, 0xffffffff, 0x1234);
  assert.deepEqual([...b.subarray(0, 13)], [1, 1, 255, 255, 255, 255, 0, 0, 0, 0, 0, 0x12, 0x34]);
});
