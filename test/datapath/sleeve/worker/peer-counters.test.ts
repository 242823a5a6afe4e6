import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  createPeerBuffer,
  PEER,
  PEER_DROP,
  PeerCounts,
  RX_SIZES,
  TX_SIZES,
  workerCounters,
} from '../../../../datapath/sleeve/worker/peer-counters.js';
import { HISTOGRAM_BOUNDS, TOTAL, Totals } from '../../../../datapath/sleeve/worker/shared.js';

const WAYS = ['direct', 'relay'] as const;

test('each worker counts for itself, each way for itself, and both workers are read as one', () => {
  const buffer = createPeerBuffer();
  const counts = new PeerCounts(buffer);
  for (const worker of [0, 1] as const)
    for (const way of WAYS) workerCounters(buffer, worker, way).fill(worker === 0 ? 1 : way === 'relay' ? 100 : 10);
  assert.equal(counts.way('direct').txFrames, 11);
  assert.equal(counts.way('relay').txFrames, 101);
  assert.equal(counts.sums().txFrames, 112);
  for (const way of WAYS) {
    const { drops, txSizes, rxSizes, ...counters } = counts.way(way);
    const all = [...Object.values(drops), ...txSizes, ...rxSizes, ...Object.values(counters)];
    assert.deepEqual(new Set(all), new Set([way === 'relay' ? 101 : 11]));
    assert.equal(all.length, workerCounters(buffer, 0, way).length);
  }
});

test('a worker that takes over goes on counting where the last one ended', () => {
  const buffer = createPeerBuffer();
  workerCounters(buffer, 1, 'relay')[PEER.rxFrames] = 4;
  workerCounters(buffer, 1, 'relay')[PEER.rxFrames]!++;
  assert.equal(new PeerCounts(buffer).way('relay').rxFrames, 5);
});

test('every number has its place, and reasons that there were not are not told', () => {
  const buffer = createPeerBuffer();
  const counters = workerCounters(buffer, 0, 'direct');
  const places = [...Object.values(PEER), ...Object.values(PEER_DROP), TX_SIZES, RX_SIZES];
  assert.equal(new Set(places).size, places.length);
  assert.equal(Math.max(...places), counters.length - 1);
  counters[PEER_DROP.replay] = 3;
  assert.deepEqual(new PeerCounts(buffer).way('direct').drops, { replay: 3 });
});

test("a peer's drop is one of the totals as well", () => {
  for (const reason of Object.keys(PEER_DROP)) assert.ok(reason in TOTAL, reason);
});

test('a super-frame is of the first class whose bound it does not exceed', () => {
  const totals = new Totals(Totals.create());
  assert.deepEqual(
    [1, 2, 3, 64, 65, 1_000].map((segments) => totals.frame(segments)),
    [0, 1, 2, HISTOGRAM_BOUNDS.length - 1, HISTOGRAM_BOUNDS.length, HISTOGRAM_BOUNDS.length],
  );
});
