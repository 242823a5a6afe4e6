import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Topology } from '../../../router/gossip/topology.js';
import type { PeerId } from '../../../router/types.js';
import { peerOf } from '../../support/peers.js';

type Edges = readonly (readonly [number, number])[];

/** The view of router `self` when all publish these edges. */
function viewOf(self: number, count: number, edges: Edges, hidden: readonly number[] = []): Topology {
  const t = new Topology(peerOf(self));
  for (let p = 0; p < count; p++)
    t.setEdges(
      peerOf(p),
      edges.flatMap(([a, b]) => (a === p ? [peerOf(b)] : b === p ? [peerOf(a)] : [])),
    );
  for (const p of hidden) t.hidden(peerOf(p), true);
  return t;
}

const line: Edges = [
  [0, 1],
  [1, 2],
  [2, 3],
  [3, 4],
];
const anyMesh = fc.integer({ min: 1, max: 12 }).chain((count) => {
  const peer = fc.nat(count - 1);
  return fc.record({
    count: fc.constant(count),
    edges: fc.array(fc.tuple(peer, peer), { maxLength: 30 }),
    hidden: fc.array(peer, { maxLength: 3 }),
  });
});

test('in a line each host is reached through the next, both ways', () => {
  const t = viewOf(1, 5, line);
  assert.deepEqual([0, 1, 2, 3, 4].map((p) => t.nextHop(peerOf(p))), [peerOf(0), undefined, peerOf(2), peerOf(2), peerOf(2)]); // prettier-ignore
  assert.deepEqual([0, 1, 2, 3, 4].map((p) => t.distance(peerOf(p))), [1, 0, 1, 2, 3]); // prettier-ignore
});

test('a message that follows next hops reaches every peer in as many steps as the distance, when all share a view', () => {
  fc.assert(
    fc.property(anyMesh, ({ count, edges, hidden }) => {
      const views = Array.from({ length: count }, (_, p) => viewOf(p, count, edges, hidden));
      for (let from = 0; from < count; from++)
        for (const to of views[from]!.reachable()) {
          let [at, steps] = [peerOf(from), 0];
          for (; at !== to; steps++) {
            at = views[parseInt(at, 16)]!.nextHop(to)!;
            assert.ok(steps < count, 'a loop');
          }
          assert.equal(steps, views[from]!.distance(to));
        }
    }),
  );
});

test('every peer that is connected is reached, and no other', () => {
  fc.assert(
    fc.property(anyMesh, ({ count, edges }) => {
      const linked = Array.from({ length: count }, (_, p) => p);
      for (let round = 0; round < count; round++)
        for (const [a, b] of edges) linked[a] = linked[b] = Math.min(linked[a]!, linked[b]!);
      const t = viewOf(0, count, edges);
      const want = linked.flatMap((root, p) => (root === 0 && p !== 0 ? [peerOf(p)] : []));
      assert.deepEqual(t.reachable(), want);
      assert.equal(t.components().length, new Set(linked).size);
      assert.deepEqual(t.components()[0], [peerOf(0), ...want]);
      assert.deepEqual(
        t.components().flat().sort(),
        linked.map((_, p) => peerOf(p)),
      );
    }),
  );
});

test('the order in which edges were heard alters nothing', () => {
  fc.assert(
    fc.property(anyMesh, fc.infiniteStream(fc.nat()), ({ count, edges, hidden }, dice) => {
      const shuffled = [...edges].map((e) => [dice.next().value as number, e] as const).sort(([a], [b]) => a - b);
      const [a, b] = [viewOf(0, count, edges, hidden), viewOf(0, count, shuffled.map(([, e]) => e), hidden)]; // prettier-ignore
      for (let p = 0; p < count; p++) assert.equal(a.nextHop(peerOf(p)), b.nextHop(peerOf(p)));
      assert.deepEqual(a.components(), b.components());
    }),
  );
});

test('an edge of others counts only when both ends publish it', () => {
  const t = viewOf(0, 2, [[0, 1]]);
  t.setEdges(peerOf(2), [peerOf(1)]);
  assert.equal(t.nextHop(peerOf(2)), undefined);
  t.setEdges(peerOf(1), [peerOf(0), peerOf(2)]);
  assert.equal(t.nextHop(peerOf(2)), peerOf(1));
  t.setEdges(peerOf(2), []);
  assert.equal(t.nextHop(peerOf(2)), undefined);
});

test('our own word is enough for the first hop, and needed for it', () => {
  const t = new Topology(peerOf(0));
  t.setSelf([peerOf(1)]);
  assert.equal(t.nextHop(peerOf(1)), peerOf(1), 'before the other has published anything');
  t.setEdges(peerOf(2), [peerOf(0)]);
  assert.equal(t.nextHop(peerOf(2)), undefined, 'the other says so, we do not');
});

test('a hidden peer is reached, and nothing is reached through it', () => {
  const t = viewOf(0, 5, line);
  t.hidden(peerOf(2), true);
  assert.deepEqual(t.reachable(), [peerOf(1), peerOf(2)]);
  assert.deepEqual(t.components(), [[peerOf(0), peerOf(1), peerOf(2)], [peerOf(3), peerOf(4)]]); // prettier-ignore
  t.hidden(peerOf(2), false);
  assert.equal(t.nextHop(peerOf(4)), peerOf(1));
});

test('a removed peer takes its edges along', () => {
  const t = viewOf(0, 5, line);
  assert.equal(t.components().length, 1);
  t.removePeer(peerOf(1));
  t.setSelf([]);
  assert.deepEqual(t.components(), [[peerOf(0)], [peerOf(2), peerOf(3), peerOf(4)]]);
});

test('among equal ways the one through the lowest ids is taken', () => {
  const t = viewOf(9, 10, [[9, 5], [9, 3], [5, 1], [3, 1], [1, 0]]); // prettier-ignore
  assert.equal(t.nextHop(peerOf(0)), peerOf(3));
});

test('the version rises with a change and with nothing else', () => {
  const t = viewOf(0, 5, line);
  const { version } = t;
  t.setEdges(peerOf(1), [peerOf(2), peerOf(0), peerOf(2)]);
  t.hidden(peerOf(3), false);
  t.removePeer(peerOf(77));
  assert.equal(t.version, version);
  t.setEdges(peerOf(1), [peerOf(2)]);
  assert.equal(t.version, version + 1);
});

test('a full mesh of 1,000 is searched once per change at most, and not at all for neighbours', () => {
  const all = Array.from({ length: 1_000 }, (_, p) => peerOf(p));
  let looks = 0;
  const counted = (edges: readonly PeerId[]): Iterable<PeerId> => ({
    *[Symbol.iterator]() {
      for (const e of edges) {
        looks++;
        yield e;
      }
    },
  });
  const t = new Topology(peerOf(0));
  for (const p of all) t.setEdges(p, counted(all));
  assert.equal(looks, 1_000_000, 'each published edge is read once, when it is set');
  for (const p of all.slice(1)) assert.equal(t.nextHop(p), p);
  assert.equal(t.reachable().length, 999);
  assert.equal(t.components().length, 1);
});

const open = { maxRelays: 7, canBeLast: false };
const nobody: ReadonlySet<PeerId> = new Set();

test('data for a neighbour goes by the others that are nearest to it, and by those alone', () => {
  const square: Edges = [[0, 1], [0, 2], [0, 3], [1, 3], [2, 3], [2, 4], [4, 3]]; // prettier-ignore
  const t = viewOf(0, 5, square);
  assert.deepEqual(t.hopsForData(peerOf(3), nobody, open), [peerOf(1), peerOf(2)]);
  assert.deepEqual(t.hopsForData(peerOf(3), nobody, { ...open, canBeLast: true }), [peerOf(3)]);
  assert.deepEqual(t.hopsForData(peerOf(3), new Set([peerOf(1)]), open), [peerOf(2)]);
  assert.deepEqual(t.hopsForData(peerOf(3), new Set([peerOf(1), peerOf(2)]), open), []);
  t.hidden(peerOf(1), true);
  assert.deepEqual(t.hopsForData(peerOf(3), nobody, open), [peerOf(2)]);
});

test('no way for data has more relays than it may have', () => {
  const t = viewOf(0, 5, line);
  assert.deepEqual(t.hopsForData(peerOf(4), nobody, { ...open, maxRelays: 3 }), [peerOf(1)]);
  assert.deepEqual(t.hopsForData(peerOf(4), nobody, { ...open, maxRelays: 2 }), []);
  assert.deepEqual(t.hopsForData(peerOf(1), nobody, { maxRelays: 0, canBeLast: true }), [peerOf(1)]);
});

test('a way over connections that both ends send data over comes before a shorter one over others', () => {
  const t = viewOf(0, 4, [[0, 1], [1, 3], [0, 2], [2, 1], [0, 3]]); // prettier-ignore
  const carries = (a: number, b: number, says = true): void => t.setCarries(peerOf(a), peerOf(b), says);
  for (const [a, b] of [[0, 2], [2, 0], [2, 1], [1, 2], [1, 3]] as const) carries(a, b); // prettier-ignore
  assert.deepEqual(t.hopsForData(peerOf(3), nobody, open), [peerOf(1)], 'while one end says no, all count alike');
  carries(3, 1);
  assert.deepEqual(t.hopsForData(peerOf(3), nobody, open), [peerOf(2)]);
  assert.deepEqual(t.hopsForData(peerOf(3), nobody, { ...open, canBeLast: true }), [peerOf(2)]);
  const { version } = t;
  carries(2, 1, false);
  assert.deepEqual(t.hopsForData(peerOf(3), nobody, open), [peerOf(1)]);
  assert.equal(t.version, version);
  t.removePeer(peerOf(2));
  assert.deepEqual(t.hopsForData(peerOf(3), nobody, { ...open, canBeLast: true }), [peerOf(3)]);
});

test('who hands data on to the nearest, never back to where it was, loses it nowhere, when all share a view', () => {
  fc.assert(
    fc.property(anyMesh, ({ count, edges, hidden }) => {
      const views = Array.from({ length: count }, (_, p) => viewOf(p, count, edges, hidden));
      for (let from = 0; from < count; from++)
        for (let to = 0; to < count; to++) {
          const path = [peerOf(from)];
          for (let at = peerOf(from); from !== to && at !== peerOf(to); path.push(at)) {
            const search = { maxRelays: count, canBeLast: at !== peerOf(from) };
            const hops = views[parseInt(at, 16)]!.hopsForData(peerOf(to), new Set(path), search);
            if (path.length === 1 && hops.length === 0) break;
            assert.ok(hops.length > 0, 'a dead end');
            at = hops.at(-1)!;
            assert.ok(!path.includes(at), 'a loop');
          }
        }
    }),
  );
});
