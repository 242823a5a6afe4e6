import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { NumberMap } from '../../datapath/number-map.js';

/** Few keys, so that they meet; small ones, ones that differ above 32 bits only, and the largest. */
const anyKey = fc.oneof(
  fc.integer({ min: 0, max: 40 }),
  fc.integer({ min: 0, max: 40 }).map((n) => n * 2 ** 32),
  fc.constantFrom(2 ** 32 - 1, 2 ** 53 - 1),
);
const anyStep = fc.oneof(
  { weight: 3, arbitrary: fc.tuple(fc.constant('set' as const), anyKey, fc.nat()) },
  { weight: 2, arbitrary: fc.tuple(fc.constant('delete' as const), anyKey, fc.constant(0)) },
);

test('it does what a Map does, whatever is set and deleted', () => {
  fc.assert(
    fc.property(fc.array(anyStep, { maxLength: 400 }), (steps) => {
      const [map, model] = [new NumberMap(), new Map<number, number>()];
      for (const [op, key, value] of steps) {
        if (op === 'set') assert.equal(map.set(key, value), !model.has(key));
        else assert.equal(map.delete(key), model.has(key));
        if (op === 'set') model.set(key, value);
        else model.delete(key);
        assert.deepEqual([map.size, map.has(key), map.get(key)], [model.size, model.has(key), model.get(key)]);
      }
      assert.deepEqual(new Map(map.entries()), model);
      for (const key of model.keys()) assert.equal(map.get(key), model.get(key));
    }),
  );
});

test('an entry that stays is visited though others come and go meanwhile', () => {
  fc.assert(
    fc.property(fc.uniqueArray(anyKey, { maxLength: 60 }), fc.array(anyStep, { maxLength: 60 }), (keys, steps) => {
      const map = new NumberMap();
      for (const key of keys) map.set(key, 1);
      const [seen, stays] = [new Set<number>(), new Set(keys)];
      const rest = [...steps];
      for (const [key] of map.entries()) {
        assert.ok(map.has(key), `${key} went before it was visited`);
        seen.add(key);
        const [op, other, value] = rest.shift() ?? ['set', key, 2];
        if (op === 'set') map.set(other, value);
        else map.delete(other);
        if (op === 'delete') stays.delete(other);
      }
      for (const key of stays) assert.ok(seen.has(key), `${key} was not visited`);
    }),
  );
});

test('a hundred thousand keys that are spaced alike are found in a few steps each', () => {
  // As MACs that differ in some bits only. Were they on one heap, this would take minutes.
  for (const spacing of [1, 2 ** 8, 2 ** 16, 2 ** 32]) {
    const map = new NumberMap();
    for (let i = 0; i < 100_000; i++) map.set(i * spacing, i);
    for (let i = 0; i < 100_000; i += 997) assert.equal(map.get(i * spacing), i);
    for (let i = 0; i < 100_000; i++) assert.equal(map.delete(i * spacing), true);
    assert.equal(map.size, 0);
  }
});
