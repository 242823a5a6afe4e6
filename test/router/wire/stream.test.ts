import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  commonVersion,
  encodeFrame,
  encodePreamble,
  MAX_FRAME_BYTES,
  STREAM_VERSION,
  StreamReader,
  type StreamItem,
} from '../../../router/wire/stream.js';

const preamble: StreamItem = { kind: 'preamble', version: 1, oldest: 1 };

/** Cuts `bytes` at the given places and reads the pieces. */
function read(bytes: Uint8Array, cuts: readonly number[] = []): StreamItem[] {
  const reader = new StreamReader();
  const at = [0, ...cuts.map((c) => c % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return at.slice(1).flatMap((end, i) => {
    const chunk = bytes.slice(at[i], end);
    const items = reader
      .push(chunk)
      .map((item) => (item.kind === 'frame' ? { ...item, body: item.body.slice() } : item));
    chunk.fill(0xee); // the reader must not depend on a chunk that it was given before
    return items;
  });
}

const anyFrames = fc.array(fc.tuple(fc.nat(255), fc.uint8Array({ maxLength: 40 })), { maxLength: 8 });
const streamOf = (frames: readonly (readonly [number, Uint8Array])[]): Uint8Array =>
  Buffer.concat([encodePreamble(), ...frames.map(([type, body]) => encodeFrame(type, body))]);

test('the preamble and a frame have the bytes that docs/protocol promises', () => {
  assert.equal(Buffer.from(encodePreamble()).toString('hex'), '6d6573680101');
  assert.equal(Buffer.from(encodeFrame(5, Uint8Array.of(0xca, 0xfe))).toString('hex'), '0000000205cafe');
});

test('frames come out as they went in, however the bytes are cut', () => {
  fc.assert(
    fc.property(anyFrames, fc.array(fc.nat()), (frames, cuts) => {
      const want = [preamble, ...frames.map(([type, body]) => ({ kind: 'frame' as const, type, body }))];
      assert.deepEqual(read(new Uint8Array(streamOf(frames)), cuts), want);
    }),
  );
});

test('any bytes give the same items however they are cut, and none after a bad one', () => {
  const anyStream = fc.oneof(
    fc.uint8Array(),
    fc
      .tuple(anyFrames, fc.uint8Array())
      .map(([frames, tail]) => new Uint8Array(Buffer.concat([streamOf(frames), tail]))),
  );
  fc.assert(
    fc.property(anyStream, fc.array(fc.nat()), (bytes, cuts) => {
      const whole = read(bytes);
      assert.deepEqual(read(bytes, cuts), whole);
      assert.ok(whole.findIndex((item) => item.kind === 'bad') === -1 || whole.at(-1)!.kind === 'bad');
    }),
  );
});

test('another protocol is known by its first wrong byte', () => {
  assert.deepEqual(read(Buffer.from('HTTP/1.1 400')), [{ kind: 'bad', reason: 'not-mesh' }]);
  assert.deepEqual(read(Buffer.from('mm')), [{ kind: 'bad', reason: 'not-mesh' }]);
  assert.deepEqual(read(Buffer.from('6d6573680100', 'hex')), [{ kind: 'bad', reason: 'not-mesh' }], 'oldest is 0');
  assert.deepEqual(read(Buffer.from('6d6573680102', 'hex')), [{ kind: 'bad', reason: 'not-mesh' }], 'oldest is newest');
});

test('of a stream with no version in common only the preamble is read', () => {
  const future = Buffer.concat([Buffer.from('mesh'), Uint8Array.of(9, 7), Buffer.alloc(64, 0xff)]);
  assert.deepEqual(read(future), [{ kind: 'preamble', version: 9, oldest: 7 }]);
  assert.equal(commonVersion({ version: 9, oldest: 7 }), undefined);
  assert.equal(commonVersion({ version: 9, oldest: 1 }), STREAM_VERSION);
});

test('a frame of the largest size is read, a byte more is refused before it is held', () => {
  const body = new Uint8Array(MAX_FRAME_BYTES).fill(7);
  const whole = new Uint8Array(Buffer.concat([encodePreamble(), encodeFrame(5, body)]));
  assert.deepEqual(read(whole, [9, 70_000, 600_000])[1], { kind: 'frame', type: 5, body });
  const over = Buffer.concat([encodePreamble(), Uint8Array.of(0, 0x10, 0, 1, 5)]);
  assert.deepEqual(read(over)[1], { kind: 'bad', reason: 'oversize' });
  assert.throws(() => encodeFrame(5, new Uint8Array(MAX_FRAME_BYTES + 1)), RangeError);
});

test('of a large frame in small pieces at most twice its length is held', () => {
  const reader = new StreamReader();
  const whole = Buffer.concat([encodePreamble(), encodeFrame(5, new Uint8Array(MAX_FRAME_BYTES))]);
  const buffers = new Set<ArrayBufferLike>();
  const items: StreamItem[] = [];
  for (let at = 0; at < whole.length; at += 64) {
    items.push(...reader.push(whole.subarray(at, at + 64)));
    const last = items.at(-1);
    if (last?.kind === 'frame') buffers.add(last.body.buffer);
  }
  assert.deepEqual(
    items.map((item) => item.kind),
    ['preamble', 'frame'],
  );
  const [held] = buffers;
  assert.ok(held !== undefined && held.byteLength <= 2 * (MAX_FRAME_BYTES + 5), 'holds twice a frame at most');
});
