// What a container, a stranger and a peer that means ill may send through a sleeve.
import fc from 'fast-check';
import { OUTER, OUTER_BYTES, writeOuter } from '../../datapath/sleeve/wire/datagram.js';
import type { Mac } from '../../router/types.js';
import { anyFrame, anySuperFrame } from '../datapath/sleeve/frame/segmentation.js';

const VIRTIO_BYTES = 10;

/** A frame that a container may have made by itself: somewhere, something in it is not as a kernel makes it. */
export const anyForgery = (mac: Mac): fc.Arbitrary<Uint8Array> =>
  fc
    .record({
      frame: fc.oneof(anySuperFrame, anyFrame),
      changes: fc.array(fc.record({ at: fc.nat(120), value: fc.nat(255) }), { maxLength: 4 }),
      virtio: fc.array(fc.record({ at: fc.nat(VIRTIO_BYTES - 1), value: fc.constantFrom(0, 1, 4, 5, 16, 127, 255) }), {
        maxLength: 4,
      }),
      length: fc.oneof(fc.constant(Infinity), fc.nat(1_600)),
    })
    .map(({ frame, changes, virtio, length }) => {
      const bytes = frame.bytes.slice(0, Math.max(1, length));
      for (const { at, value } of [...changes, ...virtio]) if (at < bytes.length) bytes[at] = value;
      if (bytes.length >= VIRTIO_BYTES + 6 && bytes.at(-1)! % 8 > 0)
        bytes.set(Buffer.from(mac.replaceAll(':', ''), 'hex'), VIRTIO_BYTES); // mostly to somebody
      return bytes;
    });

/** A datagram that is wrong somewhere: any bytes, or a clear header in order and any bytes behind it. */
export const anyDatagram = (receiver: number): fc.Arbitrary<Uint8Array> =>
  fc
    .record({
      header: fc.constantFrom('none', 'session', 'nobody', 'label'),
      lane: fc.nat(2),
      hops: fc.constantFrom(0, 1, 8, 9, 255),
      label: fc.constantFrom(1, 5, 0xffffffff),
      counter: fc.constantFrom(0, 1, 2 ** 32, 2 ** 53 - 1),
      rest: fc.uint8Array({ maxLength: 1_500 }),
    })
    .map(({ header, lane, hops, label, counter, rest }) => {
      if (header === 'none') return rest;
      const bytes = Uint8Array.from([...new Uint8Array(OUTER_BYTES), ...rest]);
      const view = new DataView(bytes.buffer);
      writeOuter(view, 0, (lane & 1) as 0 | 1, header === 'label' ? label : 0, header === 'nobody' ? 77 : receiver);
      if (lane === 2) bytes[OUTER.lane] = 2;
      bytes[OUTER.hops] = hops;
      view.setBigUint64(OUTER.counter, BigInt(counter));
      return bytes;
    });

/** What a peer with the right keys may say: messages almost in order. */
export const anyMessage = (vni: number, mac: Mac): fc.Arbitrary<Uint8Array> =>
  fc
    .record({
      kind: fc.constantFrom(1, 1, 1, 1, 2, 2, 2, 3, 4, 9),
      network: fc.constantFrom(vni, vni, vni, 7),
      set: fc.nat(3),
      index: fc.constantFrom(0, 1, 2, 0x8000, 0x8001, 0x7fff),
      total: fc.constantFrom(21, 40, 300, 1_400, 65_535),
      body: fc.oneof(anyForgery(mac), fc.uint8Array({ maxLength: 600 })),
    })
    .map(({ kind, network, set, index, total, body }) => {
      const head = [kind, 0, 0, kind === 1 ? network : 0, 0, 0, 0, set, index >> 8, index & 255];
      return Uint8Array.from(kind === 2 ? [...head, total >> 8, total & 255, ...body] : [...head, ...body]).subarray(
        0,
        60_000,
      );
    });
