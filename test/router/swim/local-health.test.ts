import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FailureDetector, type DetectorEffect } from '../../../router/swim/failure-detector.js';
import { lowered, raised, stretched } from '../../../router/swim/local-health.js';
import { DEFAULT_TIMING } from '../../../router/swim/timing.js';
import type { Millis } from '../../../router/types.js';
import { peerNumber } from '../../support/datagram-network.js';
import { seededRandom } from '../../support/virtual-time.js';

const [SELF, B] = [peerNumber(0), peerNumber(1)];

/** Who accuses B within 10 s of silence, and when; `heardAt` is B's control connection. */
function accusedAt(heardAt?: (now: number) => number, refutations = 0): number | undefined {
  let now = 0;
  const detector = new FailureDetector({
    self: SELF,
    timing: DEFAULT_TIMING,
    random: seededRandom(1),
    ...(heardAt && { heardAt: () => heardAt(now) as Millis }),
  });
  const handle = (ev: Parameters<FailureDetector['handle']>[0]): readonly DetectorEffect[] =>
    detector.handle(ev, now as Millis);
  handle({ kind: 'member', peer: B, claim: { peer: B, status: 'alive', incarnation: 1 } });
  for (let i = 0; i < refutations; i++) handle({ kind: 'refuted' });
  handle({ kind: 'tick' });
  for (let due = detector.nextDeadline(); due !== undefined && due < 10_000; due = detector.nextDeadline()) {
    now = due;
    if (handle({ kind: 'tick' }).some((fx) => fx.kind === 'claim')) return now;
  }
  return undefined;
}

test('doubt stays within 0 and 8', () => {
  assert.equal([...Array(20).keys()].reduce(raised, 0), 8);
  assert.equal(lowered(0), 0);
  assert.equal(stretched(8, 100), 900);
});

test('who was suspected takes longer to accuse another', () => {
  assert.ok(accusedAt(undefined, 2)! > 2 * accusedAt()!);
});

test('a peer that speaks on its control connection is not accused, one that has ceased to is', () => {
  assert.equal(
    accusedAt((now) => now),
    undefined,
  );
  assert.equal(
    accusedAt(() => 0),
    accusedAt(),
  );
});
