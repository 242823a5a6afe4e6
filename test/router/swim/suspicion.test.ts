import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { confirmationsWanted, faultyAt } from '../../../router/swim/suspicion.js';
import { DEFAULT_TIMING } from '../../../router/swim/timing.js';
import type { Millis } from '../../../router/types.js';
import { peerNumber } from '../../support/datagram-network.js';

const timing = { ...DEFAULT_TIMING, suspicionMinMs: 1000, suspicionMaxFactor: 6 };
const suspicion = (accusers: number, condemned = false, answered = false) => ({
  startedAt: 5000 as Millis,
  accusers: new Set(Array.from({ length: accusers }, (_, n) => peerNumber(n))),
  condemned,
  answered,
});

test('the time to refute falls from the longest to the shortest on a logarithmic scale', () => {
  assert.equal(faultyAt(suspicion(1), 10, timing), 11_000);
  assert.equal(Math.round(faultyAt(suspicion(2), 10, timing)), 7845); // 6 s less 5 s times ln 2 / ln 3
  assert.equal(faultyAt(suspicion(3), 10, timing), 6000);
  assert.equal(faultyAt(suspicion(9), 10, timing), 6000);
});

test('it grows with the members above ten', () => {
  assert.equal(Math.round(faultyAt(suspicion(3), 100, timing)), 6100);
});

test('two members have nobody to confirm, three have one', () => {
  assert.deepEqual([1, 2, 3, 4, 100].map(confirmationsWanted), [0, 0, 1, 2, 2]);
  assert.equal(faultyAt(suspicion(1), 2, timing), 6000);
});

test('another accuser, or a burial elsewhere, never lengthens it; a sign of life never shortens it', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 2, max: 2000 }), (accusers, members) => {
      const at = faultyAt(suspicion(accusers), members, timing);
      assert.ok(faultyAt(suspicion(accusers + 1), members, timing) <= at);
      assert.ok(faultyAt(suspicion(accusers, true), members, timing) <= at);
      assert.ok(faultyAt(suspicion(accusers, true, true), members, timing) >= at);
    }),
  );
});
