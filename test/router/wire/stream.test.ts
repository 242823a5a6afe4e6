import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  commonVersion,
  decodePreamble,
  encodeFrame,
  encodePreamble,
  FrameReader,
  MAX_FRAME_BYTES,
  STREAM_VERSION,
  type Frame,
} from '../../../router/wire/stream.js';

/** Cuts `bytes` at the given places and reads the pieces. */
function read(bytes: Uint8Array, cuts: readonly number[] = []): (Frame | 'oversize')[] {
  const reader = new FrameReader();
  const at = [0, ...cuts.map((c) => c % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return at.slice(1).flatMap((end, i) => {
    const chunk = bytes.slice(at[i], end);
    const items = reader
      .push(chunk)
      .map((item) => (item === 'oversize' ? item : { type: item.type, body: item.body.slice() }));
    chunk.fill(0xee); // the reader must not depend on a chunk that it was given before
    return items;
  });
}

const anyFrames = fc.array(fc.tuple(fc.nat(255), fc.uint8Array({ maxLength: 40 })), { maxLength: 8 });
const streamOf = (frames: readonly (readonly [number, Uint8Array])[]): Uint8Array =>
  Buffer.concat(frames.map(([type, body]) => encodeFrame(type, body)));

test('the preamble and a frame have the bytes that docs/protocol promises', () => {
  assert.equal(Buffer.from(encodePreamble()).toString('hex'), '6d6573680303');
  assert.equal(Buffer.from(encodeFrame(5, Uint8Array.of(0xca, 0xfe))).toString('hex'), '0000000205cafe');
});

test('frames come out as they went in, however the bytes are cut', () => {
  fc.assert(
    fc.property(anyFrames, fc.array(fc.nat()), (frames, cuts) => {
      const want = frames.map(([type, body]) => ({ type, body }));
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
      assert.ok(!whole.includes('oversize') || whole.indexOf('oversize') === whole.length - 1);
    }),
  );
});

test('another protocol is known by its first wrong byte', () => {
  const preamble = (text: string): unknown => decodePreamble(Buffer.from(text, 'hex'));
  assert.equal(decodePreamble(Buffer.from('HTTP/1.1 400')), 'not-mesh');
  assert.equal(decodePreamble(Buffer.from('mm')), 'not-mesh');
  assert.equal(decodePreamble(Buffer.from('mes')), 'short');
  assert.equal(preamble('6d6573680100'), 'not-mesh', 'oldest is 0');
  assert.equal(preamble('6d6573680102'), 'not-mesh', 'oldest is newest');
  assert.deepEqual(preamble('6d6573680907ff'), { version: 9, oldest: 7 });
});

test('the newest version that both speak is the common one', () => {
  assert.equal(commonVersion({ version: 9, oldest: 7 }), undefined);
  assert.equal(commonVersion({ version: 1, oldest: 1 }), undefined);
  assert.equal(commonVersion({ version: 9, oldest: 1 }), STREAM_VERSION);
});

test('a frame of the largest size is read, a byte more is refused before it is held', () => {
  const body = new Uint8Array(MAX_FRAME_BYTES).fill(7);
  assert.deepEqual(read(encodeFrame(5, body), [9, 70_000, 600_000]), [{ type: 5, body }]);
  assert.deepEqual(read(Uint8Array.of(0, 0x10, 0, 1, 5)), ['oversize']);
  assert.throws(() => encodeFrame(5, new Uint8Array(MAX_FRAME_BYTES + 1)), RangeError);
});

test('of a large frame in small pieces at most twice its length is held', () => {
  const reader = new FrameReader();
  const whole = encodeFrame(5, new Uint8Array(MAX_FRAME_BYTES));
  const frames: (Frame | 'oversize')[] = [];
  for (let at = 0; at < whole.length; at += 64) frames.push(...reader.push(whole.subarray(at, at + 64)));
  const [frame] = frames;
  assert.ok(frames.length === 1 && frame !== undefined && frame !== 'oversize');
  assert.ok(frame.body.buffer.byteLength <= 2 * (MAX_FRAME_BYTES + 5), 'holds twice a frame at most');
});
