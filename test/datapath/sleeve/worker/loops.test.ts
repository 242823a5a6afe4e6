// Frames and datagrams of any content through both loops, over real sockets: nothing throws, and what is in order goes through.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { Sealing } from '../../../../datapath/sleeve/native/sealing.js';
import { createMemory } from '../../../../datapath/sleeve/native/memory.js';
import { OUTER, OUTER_BYTES, writeOuter } from '../../../../datapath/sleeve/wire/datagram.js';
import { anyDatagram, anyForgery, anyMessage } from '../../../support/sleeve-forgeries.js';
import { HISTOGRAM_BOUNDS } from '../../../../datapath/sleeve/worker/shared.js';
import { KEYS, loopPair, MAC, Stranger, VNI, type LoopHost } from '../../../support/sleeve-loops.js';
import { anySuperFrame, onTheWire, superFrame, type SuperFrame } from '../frame/segmentation.js';

const VIRTIO_BYTES = 10;
/** What `other` calls its session. */
const RECEIVER = 2;
const ROOMY = 2_000;
const NUM_RUNS = 300;

const [one, other] = loopPair();
const stranger = new Stranger();
after(() => [one, other, stranger].forEach((end) => end.close()));

const wire = (bytes: Uint8Array, f: SuperFrame): string[] => onTheWire(bytes, f.ip, f.transport, f.isIpv6);
const LAST = superFrame({
  ...{ isIpv6: false, isTcp: true, tags: 0, options: 3, extension: false },
  ...{ gsoBytes: 1_300, payloadBytes: 9_001, flags: 0x18, seed: 5 },
});
const DATAGRAMS = superFrame({
  ...{ isIpv6: false, isTcp: false, tags: 0, options: 0, extension: false },
  ...{ gsoBytes: 1_300, payloadBytes: 3_900, flags: 0, seed: 6 },
});

/** Whatever has been, a frame that is in order arrives as it was sent. */
function isWell(from: LoopHost, to: LoopHost): void {
  to.receive();
  from.setPathMtu(to.id, ROOMY);
  from.send(LAST.bytes);
  const arrived = to.receive();
  assert.deepEqual(
    arrived.flatMap((bytes) => wire(bytes, LAST)),
    wire(LAST.bytes, LAST),
  );
}

/** What a TAP asks of a frame (drivers/net/tun.c, linux/virtio_net.h): headers and checksum lie within it. */
function isSound(frame: Uint8Array): void {
  const v = new DataView(frame.buffer, frame.byteOffset, frame.length);
  const length = frame.length - VIRTIO_BYTES;
  const [flags, type, header, gso] = [frame[0]!, frame[1]! & 0x7f, v.getUint16(2, true), v.getUint16(4, true)];
  assert.ok(length >= 14 && header <= length, `${length} bytes, header of ${header}`);
  assert.ok([0, 1, 4, 5].includes(type), `type ${type}`);
  if (type !== 0) assert.ok(gso > 0 && header > 0 && (flags & 1) === 1);
  if ((flags & 1) === 1) assert.ok(v.getUint16(6, true) + v.getUint16(8, true) + 2 <= length, 'checksum outside');
}

test('frames with any headers are sent or counted, and what arrives of them is a frame', () => {
  const anyWidth = fc.constantFrom(576, 700, 1_400, 9_000, 65_535);
  fc.assert(
    fc.property(
      fc.array(anyForgery(MAC), { minLength: 1, maxLength: 8 }),
      anyWidth,
      fc.boolean(),
      (frames, pathMtu, back) => {
        const [from, to] = back ? [other, one] : [one, other];
        from.setPathMtu(to.id, pathMtu);
        for (const frame of frames) from.send(frame);
        for (const frame of to.receive()) isSound(frame);
        isWell(one, other);
        isWell(other, one);
      },
    ),
    { numRuns: NUM_RUNS },
  );
});

test('frames in order arrive as they were', () => {
  fc.assert(
    fc.property(anySuperFrame, (frame) => {
      one.setPathMtu(other.id, ROOMY);
      one.send(frame.bytes);
      const arrived = other.receive().flatMap((bytes) => wire(bytes, frame));
      assert.deepEqual(arrived, wire(frame.bytes, frame));
    }),
    { numRuns: NUM_RUNS },
  );
});

test('datagrams of any content from anywhere make no frame, no report and no answer', () => {
  fc.assert(
    fc.property(fc.array(anyDatagram(RECEIVER), { minLength: 1, maxLength: 8 }), (datagrams) => {
      const before = other.reports.length;
      for (const datagram of datagrams) stranger.send(other.socket.port, datagram);
      assert.deepEqual(other.receive(), []);
      assert.equal(other.reports.length, before);
      assert.deepEqual([...stranger.received(), ...one.socket.received()], []);
      isWell(one, other);
    }),
    { numRuns: NUM_RUNS },
  );
});

test('a peer that has the keys and seals nonsense makes no frame that is not one', () => {
  const memory = createMemory(80_000);
  const at = memory.take(70_000);
  // The lane that its receiving thread would use: the other one is for `isWell`.
  const sealer = new Sealing(memory).sealer({ cipher: 'aes-256-gcm', key: KEYS[0], lane: 1, receiver: RECEIVER }, 0);
  const sealed = (message: Uint8Array): Uint8Array => {
    memory.bytes.set(message, at + OUTER_BYTES);
    writeOuter(memory.view, at, 1, 0, RECEIVER);
    sealer.seal(at + OUTER.counter, message.length);
    return memory.bytes.slice(at, at + OUTER_BYTES + message.length + sealer.tagBytes);
  };
  fc.assert(
    fc.property(fc.array(anyMessage(VNI, MAC), { minLength: 1, maxLength: 12 }), (messages) => {
      for (const message of messages) one.socket.send(other.socket.port, sealed(message));
      // Whether its headers make sense is the TAP's to say, and to refuse.
      for (const frame of other.receive()) assert.ok(frame.length >= VIRTIO_BYTES + 14);
      one.socket.received(); // answers to its probes
      isWell(one, other);
    }),
    { numRuns: NUM_RUNS },
  );
  assert.ok(other.total('message-kind') > 0 && other.total('message-part') > 0 && other.total('gso-headers') > 0);
});

/** The size class of a super-frame of so many segments, by the bounds that `status` shows. */
const classOf = (segments: number): number => {
  const found = HISTOGRAM_BOUNDS.findIndex((bound) => segments <= bound);
  return found < 0 ? HISTOGRAM_BOUNDS.length : found;
};
const histogram = (segments: number): number[] =>
  Array.from({ length: HISTOGRAM_BOUNDS.length + 1 }, (_, i) => (i === classOf(segments) ? 1 : 0));

test('what goes and comes is counted of its peer: frames, bytes, datagrams and sizes', () => {
  const [near, far] = loopPair();
  try {
    near.setPathMtu(far.id, ROOMY);
    near.send(LAST.bytes);
    const frames = far.receive();
    const bytes = frames.reduce((sum, frame) => sum + frame.length - VIRTIO_BYTES, 0);
    const [sent, came] = [near.traffic(far.id, 'direct'), far.traffic(near.id, 'direct')];
    assert.deepEqual([sent.txFrames, sent.txBytes, sent.txDatagrams], [1, LAST.bytes.length - VIRTIO_BYTES, 7]);
    assert.deepEqual(sent.txSizes, histogram(7));
    assert.deepEqual([came.rxFrames, came.rxBytes, came.rxDatagrams], [frames.length, bytes, 7]);
    assert.deepEqual(
      came.rxSizes.reduce((sum, n) => sum + n, 0),
      frames.length,
    );
    assert.deepEqual([sent.drops, came.drops, sent.rxFrames, came.txFrames, sent.txSplit], [{}, {}, 0, 0, 0]);
    near.setPathMtu(far.id, 600);
    near.send(DATAGRAMS.bytes); // unlike TCP, UDP is not cut anew
    assert.equal(near.traffic(far.id, 'direct').txSplit, 3);
  } finally {
    [near, far].forEach((end) => end.close());
  }
});

test('what is dropped of a peer is counted of it by reason, with the way that it came', () => {
  const [near, far] = loopPair();
  const catcher = new Stranger();
  try {
    near.setPathMtu(far.id, ROOMY);
    near.move(far.id, catcher.port);
    near.send(LAST.bytes);
    const datagrams = catcher.received();
    const relayed = datagrams.map((d) => Uint8Array.from(d, (byte, i) => (i === OUTER.hops ? 3 : byte)));
    const broken = Uint8Array.from(relayed[0]!, (byte, i) => (i === OUTER_BYTES ? byte ^ 1 : byte));
    for (const d of [broken, ...relayed, relayed[0]!, datagrams[1]!]) catcher.send(far.socket.port, d);
    far.receive();
    const [direct, relay] = [far.traffic(near.id, 'direct'), far.traffic(near.id, 'relay')];
    assert.deepEqual([relay.rxDatagrams, relay.drops], [7, { tag: 1, replay: 1 }]);
    assert.ok(relay.rxFrames > 0);
    assert.deepEqual([direct.rxDatagrams, direct.rxFrames, direct.drops], [0, 0, { replay: 1 }]);
    assert.deepEqual([far.total('tag'), far.total('replay')], [1, 2]);
  } finally {
    [near, far, catcher].forEach((end) => end.close());
  }
});
