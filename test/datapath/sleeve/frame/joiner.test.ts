import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Assembler } from '../../../../datapath/sleeve/frame/assembler.js';
import {
  copyPayload,
  emptyCut,
  messageBytes,
  planCut,
  writeHeaders,
} from '../../../../datapath/sleeve/frame/cutter.js';
import { Joiner } from '../../../../datapath/sleeve/frame/joiner.js';
import {
  checkMessage,
  frameAt,
  indexAt,
  KIND,
  PART_HEADER_BYTES,
  writePartHeader,
} from '../../../../datapath/sleeve/wire/message.js';
import { anyDatagrams, anyFrame, anySuperFrame, onTheWire, superFrame, type SuperFrame } from './segmentation.js';

const VNI = 7;
const ROOM = 1_700;

/** What a frame becomes: one message a segment. */
function cut(frame: SuperFrame, number: number, room = ROOM): Uint8Array[] {
  const length = frame.bytes.length;
  const memory = new Uint8Array(length + 70_000);
  memory.set(frame.bytes);
  const view = new DataView(memory.buffer);
  const plan = emptyCut();
  assert.equal(planCut(memory, view, 0, length, room, plan), undefined);
  return Array.from({ length: plan.count }, (_, i) => {
    writeHeaders(memory, view, plan, 0, length, VNI, number, i);
    copyPayload(memory, plan, 0, length, i);
    return memory.slice(length, length + messageBytes(plan, i));
  });
}

/** What comes out of messages that came in these batches. */
function join(batches: readonly (readonly Uint8Array[])[], joinsUdp = true): Uint8Array[] {
  const total = batches.flat().reduce((sum, m) => sum + m.length, 0);
  const memory = new Uint8Array(total + 64);
  const view = new DataView(memory.buffer);
  const out: Uint8Array[] = [];
  const joiner = new Joiner(memory, view, ({ pieces, offsets, lengths, bytes, vni }) => {
    assert.equal(vni, VNI);
    const frame = [...offsets.subarray(0, pieces)].flatMap((at, i) => [...memory.subarray(at, at + lengths[i]!)]);
    assert.equal(frame.length, bytes);
    out.push(Uint8Array.from(frame));
  });
  joiner.joinsUdp = joinsUdp;
  let at = 0;
  for (const batch of batches) {
    for (const message of batch) {
      memory.set(message, at);
      assert.equal(checkMessage(memory, view, at, message.length), undefined);
      assert.equal(joiner.push('peer', at, message.length), undefined);
      at += message.length;
    }
    joiner.flush();
  }
  return out;
}

/** The frames on a wire without a sleeve, by segment; and of what came out of one. */
const wire = (frame: SuperFrame, bytes = frame.bytes): string[] =>
  onTheWire(bytes, frame.ip, frame.transport, frame.isIpv6);

const anyFrames = fc
  .array(
    fc.oneof(
      { weight: 4, arbitrary: anySuperFrame.map((f) => [f]) },
      anyFrame.map((f) => [f]),
      anyDatagrams,
    ),
    {
      minLength: 1,
      maxLength: 4,
    },
  )
  .map((frames) => frames.flat());
/** What a network does to datagrams: a key for each, by which they are sorted, and how often each comes. */
interface Fate {
  readonly delay: number;
  readonly copies: number;
  readonly ends: boolean;
}
const anyFate: fc.Arbitrary<fc.Stream<Fate>> = fc.infiniteStream(
  fc.record({ delay: fc.nat(30), copies: fc.constantFrom(1, 1, 1, 1, 0, 2), ends: fc.boolean() }),
);

test('a frame that arrives whole and in order is written back as it was, but for what the virtio header only hints at', () => {
  fc.assert(
    fc.property(anySuperFrame, (frame) => {
      const [joined, ...more] = join([cut(frame, 1)]);
      assert.equal(more.length, 0);
      const hinted = frame.bytes.slice();
      new DataView(hinted.buffer).setUint16(2, frame.payload - 10, true);
      assert.deepEqual(joined, hinted);
    }),
  );
});

test('whatever is lost, doubled, reordered and however batched: every frame delivered is one that a plain wire would have', () => {
  fc.assert(
    fc.property(anyFrames, anyFate, fc.boolean(), (frames, fates, joinsUdp) => {
      const sent = frames.flatMap((frame, i) => cut(frame, i + 1).map((message) => ({ message, frame })));
      const arrived = sent
        .flatMap((s, i) => {
          const { delay, copies } = (fates.next() as { value: Fate }).value;
          return Array.from({ length: copies }, () => ({ ...s, at: i + delay }));
        })
        .sort((x, y) => x.at - y.at);
      const batches: Uint8Array[][] = [[]];
      for (const { message } of arrived) {
        batches.at(-1)!.push(message);
        if ((fates.next() as { value: Fate }).value.ends) batches.push([]);
      }
      const expected = arrived.map(({ message, frame }) => wire(frame)[indexOf(message)]!).sort();
      const owners = new Map(arrived.map(({ message, frame }) => [numberOf(message), frame]));
      assert.deepEqual(deliveredOnWire(join(batches, joinsUdp), [...owners.values()]).sort(), expected);
    }),
    { numRuns: 300 },
  );
});

const viewOf = (b: Uint8Array): DataView => new DataView(b.buffer, b.byteOffset, b.length);
const indexOf = (message: Uint8Array): number => indexAt(viewOf(message), 0);
const numberOf = (message: Uint8Array): number => frameAt(viewOf(message), 0);

/** Frames that came out, as a wire has them. Where the headers lie is told by the frame's own first bytes. */
function deliveredOnWire(out: readonly Uint8Array[], frames: readonly SuperFrame[]): string[] {
  return out.flatMap((bytes) => {
    const frame = frames.find((f) => isOf(bytes, f));
    assert.ok(frame, 'a frame that nobody sent');
    return wire(frame, bytes);
  });
}

/** Same virtio checksum fields, Ethernet header, and (of a super-frame) source and destination. */
function isOf(bytes: Uint8Array, f: SuperFrame): boolean {
  if (f.ip === 0) return Buffer.compare(bytes, f.bytes) === 0;
  const addresses = f.isIpv6 ? [f.ip + 8, f.ip + 40] : [f.ip + 12, f.ip + 20];
  const same = (from: number, to: number): boolean =>
    Buffer.compare(bytes.subarray(from, to), f.bytes.subarray(from, to)) === 0;
  return same(6, 10) && same(10, f.ip) && same(addresses[0]!, addresses[1]!) && same(f.transport, f.transport + 4);
}

test('TCP is cut smaller where the path is small, and is the same stream', () => {
  fc.assert(
    fc.property(
      anySuperFrame.filter((f) => f.isTcp && f.gsoBytes > 400),
      fc.integer({ min: 600, max: 900 }),
      (frame, room) => {
        const messages = cut(frame, 1, room);
        assert.ok(messages.every((m) => m.length <= room));
        const [joined] = join([messages]);
        assert.deepEqual(joined!.subarray(10), frame.bytes.subarray(10));
      },
    ),
  );
});

test('a message in parts comes together, in whatever order the parts come, and not when one is missing', () => {
  const anyParts = fc.record({
    size: fc.integer({ min: 1_001, max: 3_000 }),
    step: fc.integer({ min: 60, max: 500 }),
    seed: fc.nat(),
  });
  fc.assert(
    fc.property(anyParts, ({ size, step, seed }) => {
      const message = Uint8Array.from({ length: size }, (_, i) => (i * 7 + seed) & 255);
      message[0] = KIND.segment;
      const parts = split(message, 9, step);
      const order = parts
        .map((p, i) => [(i * 7919 + seed) % 101, p] as const)
        .sort((x, y) => x[0] - y[0])
        .map(([, p]) => p);
      const assembler = new Assembler();
      const push = (p: Uint8Array): Uint8Array | undefined => assembler.push(p, viewOf(p), 0, p.length);
      for (const part of order.slice(0, -1)) assert.equal(push(part), undefined);
      assert.equal(push(order[0]!), undefined); // again: it is known
      assert.deepEqual(push(order.at(-1)!), message);
    }),
  );
});

function split(message: Uint8Array, set: number, step: number): Uint8Array[] {
  const parts: Uint8Array[] = [];
  for (let at = 0; at < message.length; at += step) {
    const body = message.subarray(at, at + step);
    const part = new Uint8Array(PART_HEADER_BYTES + body.length);
    writePartHeader(viewOf(part), 0, set, at, message.length);
    part.set(body, PART_HEADER_BYTES);
    parts.push(part);
  }
  return parts;
}

test('any bytes in the place of a message are joined or refused, without a throw', () => {
  const mutations = fc.array(fc.tuple(fc.nat(200), fc.nat(255)), { maxLength: 6 });
  fc.assert(
    fc.property(anySuperFrame, mutations, fc.nat(1_500), (frame, changes, length) => {
      const memory = new Uint8Array(70_000);
      const view = viewOf(memory);
      let bytes = 0;
      const joiner = new Joiner(memory, view, (joined) => (bytes += joined.bytes));
      let at = 0;
      for (const message of cut(frame, 1)) {
        for (const [i, value] of changes) if (i < message.length) message[i] = value;
        const size = Math.min(message.length, Math.max(34, length));
        memory.set(message, at);
        if (checkMessage(memory, view, at, size) === undefined && memory[at] === KIND.segment)
          joiner.push('peer', at, size);
        at += message.length;
      }
      joiner.flush();
      assert.ok(bytes <= at);
    }),
  );
});

test('any bytes in the place of a frame are cut or refused, within bounds', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.constantFrom(0, 1, 4, 5, 0x81), (tail, type) => {
      const frame = Uint8Array.from([1, type, ...tail]);
      const memory = new Uint8Array(1_000);
      memory.set(frame);
      const plan = emptyCut();
      if (planCut(memory, viewOf(memory), 0, frame.length, ROOM, plan) !== undefined) return;
      const bodies = (plan.count - 1) * plan.payloadBytes + plan.lastPayloadBytes;
      assert.equal(10 + plan.headerBytes + bodies, frame.length);
      assert.ok(plan.count <= 2_048 && plan.lastPayloadBytes > 0);
    }),
  );
});

test('a segment size of one byte does not make 60,000 datagrams of a frame', () => {
  const shape = {
    isIpv6: false,
    isTcp: true,
    tags: 0,
    options: 0,
    extension: false,
    payloadBytes: 60_000,
    flags: 0x10,
    seed: 1,
  };
  const frame = superFrame({ ...shape, gsoBytes: 1 });
  const plan = emptyCut();
  assert.equal(planCut(frame.bytes, viewOf(frame.bytes), 0, frame.bytes.length, ROOM, plan), 'segments');
});

test('lone UDP datagrams of one size, one behind the other, become one super-frame', () => {
  const shape = {
    isTcp: false,
    tags: 0,
    options: 0,
    extension: false,
    flags: 0,
    gsoBytes: 0,
    payloadBytes: 64,
    seed: 5,
  };
  for (const isIpv6 of [false, true]) {
    const frames = Array.from({ length: 70 }, () => superFrame({ ...shape, isIpv6 }));
    for (const f of frames) f.bytes[1] = 0;
    const joined = join([frames.flatMap((f, i) => cut(f, i))]);
    assert.deepEqual(joined.map((b) => [b[1], b.length - frames[0]!.payload]), [[5, 64 * 64], [5, 6 * 64]]); // prettier-ignore
    assert.deepEqual(join([frames.flatMap((f, i) => cut(f, i))], false).length, 70);
  }
});
