import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  isNew,
  REPLAY_BYTES,
  replayWindow,
  take,
  WINDOW,
  type ReplayWindow,
} from '../../../../datapath/sleeve/wire/replay.js';

const fresh = (): ReplayWindow => replayWindow(new ArrayBuffer(REPLAY_BYTES), 0);

/** What a window with all memory in the world would say. */
class Model {
  readonly #taken = new Set<number>();
  #highest = -1;

  isNew(counter: number): boolean {
    return counter > this.#highest || (this.#highest - counter < WINDOW && !this.#taken.has(counter));
  }

  take(counter: number): boolean {
    this.#taken.add(counter);
    const isHighest = counter > this.#highest;
    if (isHighest) this.#highest = counter;
    return isHighest;
  }
}

const anySteps = fc.array(
  fc.oneof(
    fc.record({ back: fc.nat(64), forth: fc.constant(0) }),
    fc.record({ back: fc.integer({ min: WINDOW - 40, max: WINDOW + 40 }), forth: fc.constant(0) }),
    fc.record({ back: fc.constant(0), forth: fc.integer({ min: 1, max: 3 }) }),
    fc.record({ back: fc.constant(0), forth: fc.integer({ min: WINDOW - 40, max: WINDOW + 40 }) }),
    fc.record({ back: fc.constant(0), forth: fc.nat(100_000) }),
  ),
  { maxLength: 200 },
);

test('the window says what a set of all counters would, wherever it begins', () => {
  fc.assert(
    fc.property(anySteps, fc.constantFrom(0, 31, 2 ** 32 - 50, 2 ** 40 + 7), (steps, start) => {
      const [window, model] = [fresh(), new Model()];
      let highest = start;
      for (const { back, forth } of steps) {
        const counter = Math.max(0, highest + forth - back);
        assert.equal(isNew(window, counter), model.isNew(counter), `${counter} after ${highest}`);
        if (!model.isNew(counter)) continue;
        assert.equal(take(window, counter), model.take(counter));
        highest = Math.max(highest, counter);
      }
    }),
  );
});

test('a counter is taken once', () => {
  const window = fresh();
  for (const counter of [0, 1, 5, 3, WINDOW, 2 ** 33]) {
    assert.ok(isNew(window, counter));
    take(window, counter);
    assert.ok(!isNew(window, counter));
  }
});

test('a counter beyond 2^53 is never new, so it cannot lock out all others', () => {
  assert.ok(!isNew(fresh(), Infinity));
  assert.ok(!isNew(fresh(), 2 ** 53));
  assert.ok(isNew(fresh(), 2 ** 53 - 1));
});
