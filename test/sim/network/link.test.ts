import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../../support/virtual-time.js';
import { GOOD_LINK, Link, type LinkSpec } from './link.js';

const link = (spec: Partial<LinkSpec>): Link => new Link({ ...GOOD_LINK, ...spec });
const random = seededRandom(3);
const SOME = Buffer.alloc(1_000, 'x');

/** What becomes of so many datagrams, each sent when the one before is out of the way. */
function arrivals(
  spec: Partial<LinkSpec>,
  n: number,
): readonly { readonly afterMs: number; readonly bytes: Uint8Array }[] {
  const one = link(spec);
  return Array.from({ length: n }, (_, i) => one.datagram(SOME, i * 1_000, random)).flat();
}

const isNear = (value: number, wanted: number): boolean => Math.abs(value - wanted) <= wanted * 0.1;

test('of many datagrams the given shares are lost, doubled and damaged', () => {
  assert.ok(isNear(arrivals({ loss: 0.3 }, 10_000).length, 7_000));
  assert.ok(isNear(arrivals({ duplicates: 0.2 }, 10_000).length, 12_000));
  const damaged = arrivals({ corrupts: 0.25 }, 10_000).filter(({ bytes }) => !SOME.equals(bytes));
  assert.ok(isNear(damaged.length, 2_500), `${damaged.length}`);
  assert.equal(arrivals({ loss: 1 }, 100).length + arrivals({ cut: true }, 100).length, 0);
});

test('datagrams take the latency at least, and the jitter more in the mean', () => {
  const times = arrivals({ latencyMs: 20, jitterMs: 10 }, 10_000).map(({ afterMs }) => afterMs);
  assert.ok(Math.min(...times) >= 20);
  assert.ok(isNear(times.reduce((a, b) => a + b) / times.length - 20, 10));
});

test('the line takes its time for each bit, lets so much wait, and drops the rest', () => {
  const slow = link({ latencyMs: 0, bitsPerS: 1_048 * 8_000, queueBytes: 3 * 1_048 });
  const at = Array.from({ length: 5 }, () => slow.datagram(SOME, 0, random)[0]?.afterMs);
  assert.deepEqual(at, [1, 2, 3, undefined, undefined]);
  assert.deepEqual(slow.datagram(SOME, 2, random)[0]?.afterMs, 2);
});

test('a datagram larger than the MTU is dropped, a stream is cut to fit and only late for what is lost', () => {
  assert.equal(link({ mtu: 1_047 }).datagram(SOME, 0, random).length, 0);
  assert.equal(link({ mtu: 1_048 }).datagram(SOME, 0, random).length, 1);
  assert.equal(link({ mtu: 1_047, latencyMs: 7 }).stream(100_000, 0, random), 7);
  const late = Array.from({ length: 1_000 }, () => link({ loss: 0.1, latencyMs: 0 }).stream(100, 0, random));
  assert.ok(isNear(late.filter((ms) => ms > 0).length, 100));
  assert.ok(
    late.every((ms) => [0, 200, 600, 1_400, 3_000].includes(ms)),
    'once, twice … the RTO',
  );
});
