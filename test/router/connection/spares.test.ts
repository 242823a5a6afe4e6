import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SPARE_MS, Spares, type SpareFx } from '../../../router/connection/spares.js';
import type { Millis, PeerId } from '../../../router/types.js';

const at = (ms: number): Millis => ms as Millis;
const [LOW, HIGH] = ['a', 'b'].map((c) => c.repeat(32) as PeerId) as [PeerId, PeerId];
const always = (): boolean => true;
const never = (): boolean => false;
const soonest = (): number => 0;

/** Both ends of a connection that neither has a use for. */
function both(): { low: Spares; high: Spares } {
  const [low, high] = [new Spares(LOW, soonest), new Spares(HIGH, soonest)];
  low.up(HIGH, false, at(0));
  high.up(LOW, false, at(0));
  return { low, high };
}

const said = (peer: PeerId, isSpare: boolean): SpareFx => ({ kind: 'tell', peer, isSpare });

test('when both have said that they can do without, the lower id closes', () => {
  const { low, high } = both();
  assert.deepEqual(low.tick(at(SPARE_MS - 1), always), []);
  assert.deepEqual(low.tick(at(SPARE_MS), always), [said(HIGH, true)]);
  assert.deepEqual(high.tick(at(SPARE_MS), always), [said(LOW, true)]);
  high.heard(LOW, true, at(SPARE_MS));
  low.heard(HIGH, true, at(SPARE_MS));
  assert.deepEqual(high.tick(at(SPARE_MS), always), [], 'not for the higher to do');
  assert.deepEqual(low.tick(at(SPARE_MS), always), [{ kind: 'close', peer: HIGH }]);
  assert.deepEqual([low.down(HIGH), high.down(LOW)], [true, true]);
});

test('one that the other needs is never closed', () => {
  const { low } = both();
  low.tick(at(SPARE_MS), always);
  assert.equal(low.nextDeadline(), undefined);
  assert.deepEqual(low.tick(at(10 * SPARE_MS), always), []);
  assert.equal(low.down(HIGH), false);
});

test('what is needed again is taken back, and the other closes nothing', () => {
  const { low, high } = both();
  low.tick(at(SPARE_MS), always);
  high.tick(at(SPARE_MS), always);
  low.heard(HIGH, true, at(SPARE_MS));
  assert.deepEqual(high.needs(LOW, true, at(SPARE_MS)), [said(LOW, false)]);
  low.heard(HIGH, false, at(SPARE_MS));
  assert.deepEqual(low.tick(at(SPARE_MS), always), [{ kind: 'close', peer: HIGH }].slice(1));
});

test('one that cannot be missed is looked at again later, and said to be needed', () => {
  const { low } = both();
  assert.deepEqual(low.tick(at(SPARE_MS), never), []);
  assert.equal(low.nextDeadline(), 2 * SPARE_MS);
  assert.deepEqual(low.tick(at(2 * SPARE_MS), always), [said(HIGH, true)]);
  low.heard(HIGH, true, at(2 * SPARE_MS));
  assert.deepEqual(low.tick(at(2 * SPARE_MS), never), [said(HIGH, false)]);
});

test('when too few are left, all that was said is taken back', () => {
  const { low } = both();
  low.tick(at(SPARE_MS), always);
  assert.deepEqual(low.hold(at(SPARE_MS + 1)), [said(HIGH, false)]);
  assert.deepEqual(low.hold(at(SPARE_MS + 2)), []);
});
