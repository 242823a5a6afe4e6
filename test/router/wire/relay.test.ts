import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { PeerId } from '../../../router/types.js';
import {
  decodeRelay,
  encodeRelay,
  MAX_AVOIDED,
  MAX_RELAY_BYTES,
  MAX_RELAYS,
  relayToken,
  type RelayFrame,
  type RelayToken,
  type Setup,
} from '../../../router/wire/relay.js';

const hex = (b: Uint8Array): string => Buffer.from(b).toString('hex');
const peer = (n: number): PeerId => n.toString(16).padStart(2, '0').repeat(16) as PeerId;
const TOKEN = '0001020304050607' as RelayToken;
const SETUP: Setup = {
  kind: 'setup',
  token: TOKEN,
  label: 0x01020304,
  destination: peer(0xb2),
  path: [peer(0xa1), peer(0xc3)],
  avoid: [peer(0xd4)],
};

const anyToken = fc.uint8Array({ minLength: 8, maxLength: 8 }).map(relayToken);
const anyLabel = fc.integer({ min: 0, max: 0xffffffff });
const anyPeer = fc.integer({ min: 1, max: 255 }).map(peer);
const anyFrame: fc.Arbitrary<RelayFrame> = fc.oneof(
  fc.record({
    kind: fc.constant('setup' as const),
    token: anyToken,
    label: anyLabel,
    destination: fc.constant(peer(0)),
    path: fc.uniqueArray(anyPeer, { minLength: 1, maxLength: MAX_RELAYS + 1 }),
    avoid: fc.array(anyPeer, { maxLength: MAX_AVOIDED }),
  }),
  fc.record({
    kind: fc.constant('ready' as const),
    token: anyToken,
    label: anyLabel,
    relays: fc.nat(MAX_RELAYS),
  }),
  fc.record({
    kind: fc.constant('end' as const),
    token: anyToken,
    reason: fc.constantFrom('unwanted', 'no-way', 'full', 'stranger', 'lost', 'failed'),
    culprit: fc.option(anyPeer, { nil: undefined }),
  }),
);

test('frames have the bytes of the document', () => {
  assert.equal(
    hex(encodeRelay(SETUP)),
    `01010000000102030405060701020304${'b2'.repeat(16)}0201${'a1'.repeat(16)}${'c3'.repeat(16)}${'d4'.repeat(16)}`,
  );
  assert.equal(
    hex(encodeRelay({ kind: 'ready', token: TOKEN, label: 0xffffffff, relays: 7 })),
    '010200000001020304050607ffffffff07',
  );
  const end = { kind: 'end', token: TOKEN, reason: 'lost' } as const;
  assert.equal(hex(encodeRelay({ ...end, culprit: peer(0xc3) })), `01030000000102030405060705${'c3'.repeat(16)}`);
  assert.equal(hex(encodeRelay({ ...end, culprit: undefined })), `01030000000102030405060705${'00'.repeat(16)}`);
});

test('what is encoded is decoded, with bytes of a later version behind it too', () => {
  fc.assert(
    fc.property(anyFrame, fc.uint8Array({ maxLength: 32 }), (frame, more) => {
      assert.deepEqual(decodeRelay(Uint8Array.of(...encodeRelay(frame), ...more)), { ...frame });
    }),
  );
});

test('a frame that is cut anywhere is short', () => {
  fc.assert(
    fc.property(anyFrame, (frame) => {
      const bytes = encodeRelay(frame);
      for (let n = 0; n < bytes.length; n++) assert.equal(decodeRelay(bytes.subarray(0, n)), 'short', String(n));
    }),
  );
});

test('each thing that is wrong with a frame has its reason', () => {
  const good = encodeRelay(SETUP);
  const with_ = (at: number, byte: number): Uint8Array => good.map((b, i) => (i === at ? byte : b));
  assert.equal(decodeRelay(with_(0, 2)), 'version');
  assert.equal(decodeRelay(with_(1, 4)), 'type');
  assert.equal(decodeRelay(with_(32, 0)), 'count');
  assert.equal(decodeRelay(with_(32, MAX_RELAYS + 2)), 'count');
  assert.equal(decodeRelay(with_(33, MAX_AVOIDED + 1)), 'count');
  assert.equal(decodeRelay(new Uint8Array(MAX_RELAY_BYTES + 1).fill(1)), 'oversize');
  const ready = encodeRelay({ kind: 'ready', token: TOKEN, label: 1, relays: 0 });
  assert.equal(decodeRelay(Uint8Array.of(...ready.subarray(0, 16), MAX_RELAYS + 1)), 'relays');
  assert.throws(() => encodeRelay({ ...SETUP, path: [] }), RangeError);
  assert.throws(() => encodeRelay({ ...SETUP, path: Array.from({ length: MAX_RELAYS + 2 }, () => peer(1)) }), RangeError); // prettier-ignore
  assert.throws(() => encodeRelay({ ...SETUP, avoid: Array.from({ length: MAX_AVOIDED + 1 }, () => peer(1)) }), RangeError); // prettier-ignore
});

test('a path that passes a peer twice, or its end, is none', () => {
  const [a, b, c] = [peer(1), peer(2), SETUP.destination];
  for (const path of [[a, a], [a, b, a], [a, c], [c]])
    assert.equal(decodeRelay(encodeRelay({ ...SETUP, path })), 'path');
});

test('a reason of a later version reads as lost', () => {
  const end = encodeRelay({ kind: 'end', token: TOKEN, reason: 'failed', culprit: undefined });
  end[12] = 99;
  assert.deepEqual(decodeRelay(end), { kind: 'end', token: TOKEN, reason: 'lost', culprit: undefined });
});

test('any bytes are a frame or a reason', () => {
  const anyBytes = fc.tuple(fc.nat(4), fc.uint8Array({ maxLength: 320 })).map(([type, b]) => {
    const bytes = Uint8Array.of(1, type, ...b);
    if (bytes.length > 33) bytes[32] = bytes[32]! % 10;
    return bytes;
  });
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 320 }), anyBytes), (b) => {
      const frame = decodeRelay(b);
      if (typeof frame !== 'string') assert.deepEqual(decodeRelay(encodeRelay(frame)), frame);
    }),
  );
});
