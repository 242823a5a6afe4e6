import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Neighbours, pairHash } from '../../../router/connection/neighbours.js';
import type { PeerId } from '../../../router/types.js';
import { scatteredPeer } from '../../support/peers.js';

const FULL_MESH = 8;
const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
const anyIds = (min: number, max: number): fc.Arbitrary<PeerId[]> =>
  fc.uniqueArray(fc.nat(100_000), { minLength: min, maxLength: max }).map((numbers) => numbers.map(scatteredPeer));

/** What one of them wants when it knows all the others. */
function viewOf(self: PeerId, ids: readonly PeerId[], missing: ReadonlySet<PeerId> = new Set()): Neighbours {
  const n = new Neighbours(self, FULL_MESH);
  for (const id of ids) n.add(id);
  for (const id of missing) n.setMissing(id, true);
  return n;
}

const views = (ids: readonly PeerId[], missing?: ReadonlySet<PeerId>): Map<PeerId, Neighbours> =>
  new Map(ids.map((self) => [self, viewOf(self, ids, missing)]));

/** Who is reached from the first over pairs of which one end wants the other. */
function reached(all: ReadonlyMap<PeerId, Neighbours>): Set<PeerId> {
  const [first] = all.keys();
  const found = new Set([first!]);
  for (const from of found)
    for (const [to, theirs] of all) if (all.get(from)!.wants(to) || theirs.wants(from)) found.add(to);
  return found;
}

test('a small mesh wants everybody', () => {
  const ids = range(FULL_MESH).map(scatteredPeer);
  for (const [self, n] of views(ids)) for (const id of ids) assert.equal(n.wants(id), id !== self);
});

test('two that know the same peers want each other, or neither wants the other', () => {
  fc.assert(
    fc.property(anyIds(2, 80), (ids) => {
      const all = views(ids);
      for (const [a, ofA] of all) for (const [b, ofB] of all) assert.equal(ofA.wants(b), ofB.wants(a), `${a} ${b}`);
    }),
    { numRuns: 30 },
  );
});

test('the graph is in one piece, whatever the ids and whoever is missing', () => {
  fc.assert(
    fc.property(anyIds(2, 80), fc.double({ min: 0, max: 0.9, noNaN: true }), (ids, rate) => {
      const missing = new Set(ids.filter((id) => pairHash(id, scatteredPeer(0)) < rate * 2 ** 32));
      const here = ids.filter((id) => !missing.has(id));
      const all = new Map(here.map((self) => [self, viewOf(self, ids, missing)]));
      if (here.length > 0) assert.equal(reached(all).size, here.length);
    }),
    { numRuns: 50 },
  );
});

test('however many there are, each wants a few', () => {
  for (const n of [50, 64, 65, 200, 1_000, 1_025]) {
    const ids = range(n).map(scatteredPeer);
    const degrees = ids.slice(0, 50).map((self) => {
      const view = viewOf(self, ids);
      return ids.filter((id) => view.wants(id)).length;
    });
    const mean = degrees.reduce((sum, d) => sum + d, 0) / degrees.length;
    assert.ok(mean > 6 && mean < 16, `${mean} of ${n} in the mean`);
    assert.ok(Math.max(...degrees) < 30, `${Math.max(...degrees)} of ${n}`);
  }
});

test('a join changes few pairs of those that were there, but for the one that passes a power of two', () => {
  const ids = range(300).map(scatteredPeer);
  const view = viewOf(ids[0]!, ids.slice(0, 20));
  view.takeChanges();
  for (const [i, id] of ids.entries()) {
    if (i < 20) continue;
    view.add(id);
    const changed = view.takeChanges().length;
    const isBound = [33, 65, 129, 257].includes(i + 1);
    assert.ok(isBound || changed <= 3, `${changed} changes with ${i + 1} routers`);
  }
});

test('a mesh that wanders about a bound does not change its mind', () => {
  for (const bound of [FULL_MESH, 32, 64]) {
    const ids = range(bound + 2).map(scatteredPeer);
    const view = viewOf(ids[0]!, ids);
    const [last, lastButOne] = [ids[bound + 1]!, ids[bound]!];
    const wanted = (): PeerId[] => ids.slice(0, bound).filter((id) => view.wants(id));
    const before = wanted();
    for (let i = 0; i < 3; i++) {
      view.remove(last);
      view.remove(lastButOne);
      const lost = before.filter((id) => !view.wants(id));
      assert.deepEqual(lost, [], `at ${bound}`);
      assert.ok(wanted().length <= before.length + 2, 'but for the ring');
      view.add(lastButOne);
      view.add(last);
    }
    assert.deepEqual(wanted(), before);
  }
});

test('what it says of changes is what changed', () => {
  const anyStep = fc.record({
    id: fc.nat(60).map(scatteredPeer),
    what: fc.constantFrom('add', 'remove', 'missing', 'back'),
  });
  fc.assert(
    fc.property(fc.array(anyStep, { maxLength: 150 }), (steps) => {
      const view = new Neighbours(scatteredPeer(1_000), FULL_MESH);
      const told = new Map<PeerId, boolean>();
      for (const { id, what } of steps) {
        if (what === 'add') view.add(id);
        else if (what === 'remove') view.remove(id);
        else view.setMissing(id, what === 'missing');
        for (const peer of view.takeChanges()) told.set(peer, !(told.get(peer) ?? false));
        for (const peer of range(61).map(scatteredPeer)) assert.equal(view.wants(peer), told.get(peer) ?? false);
      }
    }),
    { numRuns: 50 },
  );
});

test('who is missing is passed over in the ring, and still wanted', () => {
  const ids = range(40).map(scatteredPeer).sort();
  const [self, next, second] = [ids[10]!, ids[11]!, ids[12]!];
  const view = viewOf(self, ids, new Set([next]));
  assert.ok(view.wants(next) && view.wants(second));
  view.setMissing(next, false);
  assert.ok(view.wants(next));
});
