import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Deadlines } from '../../router/deadlines.js';
import type { Millis } from '../../router/types.js';

/** Keys on few times, so that many are due at once. */
const anyStep = fc.record({ key: fc.nat(40), at: fc.option(fc.nat(30)) });

test('whatever is set, moved and taken out, the first is the earliest, and of equals the one that was put first', () => {
  fc.assert(
    fc.property(fc.array(anyStep, { minLength: 50, maxLength: 300, size: 'max' }), (steps) => {
      // A map keeps the order in which its keys were put, and the place of one that is set anew: and sorting is stable.
      const [d, model] = [new Deadlines<number>(), new Map<number, Millis>()];
      for (const s of steps) {
        if (s.at === null) assert.equal(d.delete(s.key), model.delete(s.key));
        else {
          d.set(s.key, s.at as Millis);
          model.set(s.key, s.at as Millis);
        }
        const earliest = [...model].sort(([, a], [, b]) => a - b)[0];
        assert.deepEqual([d.first, d.next], [earliest?.[0], earliest?.[1]]);
        assert.deepEqual([d.size, d.has(s.key)], [model.size, model.has(s.key)]);
      }
    }),
  );
});
