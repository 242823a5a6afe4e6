import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Roster } from '../../../router/swim/roster.js';
import type { PeerId } from '../../../router/types.js';
import { peerOf } from '../../support/peers.js';
import { seededRandom } from '../../support/virtual-time.js';

const anySteps = fc.array(fc.tuple(fc.constantFrom('add', 'delete', 'sample'), fc.nat(12)), { maxLength: 60 });

test('a roster holds what a set would, whatever was drawn in between', () => {
  fc.assert(
    fc.property(anySteps, fc.nat(), (steps, seed) => {
      const [roster, set, random] = [new Roster(), new Set<PeerId>(), seededRandom(seed)];
      for (const [step, n] of steps) {
        for (const both of [roster, set])
          if (step === 'add') both.add(peerOf(n));
          else if (step === 'delete') both.delete(peerOf(n));
        if (step === 'sample') roster.sample(n, random);
        assert.equal(roster.size, set.size);
        assert.deepEqual(new Set(roster.sample(99, random)), set);
        assert.ok(roster.size === 0 ? roster.draw(random) === undefined : set.has(roster.draw(random)!));
      }
    }),
  );
});

test('a sample has no peer twice, as many as asked for, and only those that pass', () => {
  const roster = new Roster();
  for (let i = 0; i < 50; i++) roster.add(peerOf(i));
  const random = seededRandom(1);
  for (let n = 0; n <= 50; n++) assert.equal(new Set(roster.sample(n, random)).size, n);
  assert.deepEqual(
    roster.sample(5, random, (p) => p === peerOf(7)),
    [peerOf(7)],
  );
});

test('each of a hundred is drawn about as often as the others', () => {
  const roster = new Roster();
  for (let i = 0; i < 100; i++) roster.add(peerOf(i));
  const [random, counts] = [seededRandom(2), new Map<string, number>()];
  for (let i = 0; i < 20_000; i++) for (const p of roster.sample(2, random)) counts.set(p, (counts.get(p) ?? 0) + 1);
  assert.ok(
    [...counts.values()].every((c) => c > 300 && c < 500),
    'expected 400 of each',
  );
});
