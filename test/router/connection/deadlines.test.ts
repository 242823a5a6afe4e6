import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Deadlines } from '../../../router/connection/deadlines.js';
import type { Millis } from '../../../router/types.js';

const at = (ms: number): Millis => ms as Millis;

test('of those that are due at once the one that was put first comes first', () => {
  const d = new Deadlines<string>();
  for (const key of ['c', 'a', 'b']) d.set(key, at(5));
  const out: (string | undefined)[] = [];
  while (d.size > 0) {
    out.push(d.first);
    d.delete(d.first!);
  }
  assert.deepEqual(out, ['c', 'a', 'b']);
});

test('whatever is set, moved and taken out, the first is the earliest', () => {
  const step = fc.record({ key: fc.integer({ min: 0, max: 20 }), at: fc.option(fc.integer({ min: 0, max: 50 })) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const [d, model] = [new Deadlines<number>(), new Map<number, number>()];
      for (const s of steps) {
        if (s.at === null) assert.equal(d.delete(s.key), model.delete(s.key));
        else {
          d.set(s.key, at(s.at));
          model.set(s.key, s.at);
        }
        assert.equal(d.next, model.size === 0 ? undefined : Math.min(...model.values()));
        assert.equal(d.first === undefined ? undefined : model.get(d.first), d.next);
        assert.deepEqual([d.size, d.has(s.key)], [model.size, model.has(s.key)]);
      }
    }),
  );
});
