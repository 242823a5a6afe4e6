import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { bytesFor, isNew, REPLAY_BYTES, replayWindow, take, widthOf, type ReplayWindow } from '../../router/replay.js';

const fresh = (words?: number): ReplayWindow =>
  replayWindow(new ArrayBuffer(words === undefined ? REPLAY_BYTES : bytesFor(words)), 0, words);
const WINDOW = widthOf(fresh());

/** What a window with all memory in the world would say. */
class Model {
  readonly #taken = new Set<number>();
  readonly #width: number;
  #highest = -1;

  constructor(width: number) {
    this.#width = width;
  }

  isNew(counter: number): boolean {
    return counter > this.#highest || (this.#highest - counter < this.#width && !this.#taken.has(counter));
  }

  take(counter: number): boolean {
    this.#taken.add(counter);
    const isHighest = counter > this.#highest;
    if (isHighest) this.#highest = counter;
    return isHighest;
  }
}

const stepsNear = (width: number): fc.Arbitrary<{ back: number; forth: number }[]> =>
  fc.array(
    fc.oneof(
      fc.record({ back: fc.nat(64), forth: fc.constant(0) }),
      fc.record({ back: fc.integer({ min: width - 40, max: width + 40 }), forth: fc.constant(0) }),
      fc.record({ back: fc.constant(0), forth: fc.integer({ min: 1, max: 3 }) }),
      fc.record({ back: fc.constant(0), forth: fc.integer({ min: width - 40, max: width + 40 }) }),
      fc.record({ back: fc.constant(0), forth: fc.nat(100_000) }),
    ),
    { maxLength: 200 },
  );

for (const words of [256, 32])
  test(`a window of ${words} words says what a set of all counters would, wherever it begins`, () => {
    const width = widthOf(fresh(words));
    fc.assert(
      fc.property(stepsNear(width), fc.constantFrom(0, 31, 2 ** 32 - 50, 2 ** 40 + 7), (steps, start) => {
        const [window, model] = [fresh(words), new Model(width)];
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
