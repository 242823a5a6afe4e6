import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Suspects } from '../../../router/swim/suspects.js';
import { DEFAULT_TIMING } from '../../../router/swim/timing.js';
import type { Millis } from '../../../router/types.js';
import { peerOf } from '../../support/peers.js';

/** Peer and accuser by number; what is done; how much later, ms. */
const anyStep = fc.record({
  peer: fc.integer({ min: 1, max: 3 }),
  accuser: fc.integer({ min: 5, max: 8 }),
  what: fc.constantFrom(
    'begin',
    'witness',
    'end',
    'accuse',
    'condemn',
    'answered',
    'restart',
    'postpone',
    'due',
    'members',
    'doubt',
  ),
  afterMs: fc.integer({ min: 0, max: 2_000 }),
});
type Step = typeof anyStep extends fc.Arbitrary<infer S> ? S : never;

/** @returns the next deadline after each step that is `looked` at */
function deadlines(steps: readonly Step[], looked: (step: number) => boolean): number[] {
  const found: number[] = [];
  let [members, patience, now] = [10, 1, 0 as Millis];
  const suspects = new Suspects({ timing: DEFAULT_TIMING, members: () => members, stretched: (ms) => ms * patience });
  for (const [i, { peer: p, accuser: a, what, afterMs }] of steps.entries()) {
    const [peer, accuser] = [peerOf(p), peerOf(a)];
    now = (now + afterMs) as Millis;
    if (what === 'begin' || what === 'witness')
      suspects.begin(peer, { accuser, condemned: false, looks: what === 'witness' }, now);
    else if (what === 'end') suspects.end(peer);
    else if (what === 'accuse') suspects.accuse(peer, accuser);
    else if (what === 'condemn') suspects.condemn(peer);
    else if (what === 'answered') suspects.answered(peer);
    else if (what === 'restart') suspects.restart(peer, now);
    else if (what === 'postpone') suspects.postpone(afterMs, now);
    else if (what === 'due') suspects.due(now);
    else if (what === 'members') members = 3 + a;
    else patience = a;
    if (looked(i)) found.push(suspects.nextDeadline());
  }
  return found;
}

test('what is due next does not depend on how often that was asked', () => {
  fc.assert(
    fc.property(fc.array(anyStep, { minLength: 20, maxLength: 40 }), (steps) => {
      const each = deadlines(steps, () => true);
      assert.deepEqual(
        each,
        steps.flatMap((_, last) => deadlines(steps, (i) => i === last)),
      );
    }),
    { numRuns: 300 },
  );
});
