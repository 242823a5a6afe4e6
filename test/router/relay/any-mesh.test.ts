// Whatever the topology, whatever each router believes of it, and whatever changes meanwhile.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { follow, RelayLab, relayPeer } from '../../support/relay-lab.js';

const HOSTS = 8;
const NOTHING = { transits: 0, labels: 0, seats: 0, peers: 0 };
const anyPair = fc.tuple(fc.nat(HOSTS - 1), fc.nat(HOSTS - 1)).filter(([a, b]) => a !== b);
const anyStep = fc.record({
  what: fc.constantFrom('want' as const, 'want' as const, 'unwant' as const, 'fail' as const, 'cut' as const, 'cut' as const, 'connect' as const), // prettier-ignore
  pair: anyPair,
  afterMs: fc.oneof(fc.nat(5), fc.nat(2_000), fc.nat(60_000)),
});
const anyStory = fc.record({
  seed: fc.nat(2 ** 30),
  lagMs: fc.constantFrom(0, 5, 2_000),
  edges: fc.array(anyPair, { minLength: 6, maxLength: 20 }),
  steps: fc.array(anyStep, { maxLength: 40 }),
  lossPercent: fc.constantFrom(0, 0, 20),
});
type Story = typeof anyStory extends fc.Arbitrary<infer T> ? T : never;

/** No label of anybody leads in a circle, and no way to somebody else; a way may lead nowhere while it is being changed. */
function assertSound(lab: RelayLab): void {
  for (const { id, table } of lab.hosts) {
    for (const [label, rule] of table.rules) follow(lab.tables, rule.from, id, label);
    for (const [peer, { via, label }] of table.ways) {
      const fate = follow(lab.tables, id, via, label);
      assert.ok(fate.kind === 'dropped' || fate.at === peer, `a way to ${peer} leads to ${fate.at}`);
    }
  }
}

/** Steps between the two, the connection that joins them not counted; undefined: none. */
function distance(lab: RelayLab, a: number, b: number): number | undefined {
  let level = [a];
  const seen = new Set(level);
  for (let steps = 1; level.length > 0; steps++) {
    level = level.flatMap((n) =>
      lab.hosts.flatMap((h) => {
        const isNext = lab.neighbours(n).includes(h.id) && !seen.has(h.n) && !(n === a && h.n === b);
        return isNext ? [h.n] : [];
      }),
    );
    if (level.includes(b)) return steps;
    level.forEach((n) => seen.add(n));
  }
  return undefined;
}

/** @returns the pairs that want a way in the end */
function tell(lab: RelayLab, story: Story): ReadonlyMap<string, readonly [number, number]> {
  const wanted = new Map<string, readonly [number, number]>();
  for (const { what, pair, afterMs } of story.steps) {
    const [a, b] = pair;
    if (what === 'want') wanted.set(`${a} ${b}`, pair);
    if (what === 'unwant') wanted.delete(`${a} ${b}`);
    if (what === 'want' || what === 'unwant') lab.want(a, b, what === 'want');
    if (what === 'fail' && lab.hosts[a]!.way.has(relayPeer(b))) lab.fail(a, b);
    if (what === 'cut') lab.cut(a, b);
    if (what === 'connect') lab.connect(a, b);
    assertSound(lab);
    lab.run(afterMs);
  }
  return wanted;
}

test('labels never lead in a circle or to another peer, all that are wanted and can be have ways, and nothing is left', () => {
  fc.assert(
    fc.property(anyStory, (story) => {
      const lab = new RelayLab(HOSTS, story.edges, story);
      lab.check = () => assertSound(lab);
      let frames = 0;
      lab.loses = () => frames++ % 100 < story.lossPercent;
      const wanted = tell(lab, story);
      lab.loses = () => false;
      lab.run(story.lossPercent > 0 ? 180_000 : 60_000);
      for (const [a, b] of wanted.values())
        if (distance(lab, a, b) !== undefined) assert.ok(lab.isJoined(a, b), `${a} has no way to ${b}`);
        else assert.equal(lab.walk(a, b), undefined, `${a} believes in a way to ${b}`);
      for (const [a, b] of wanted.values()) lab.want(a, b, false);
      lab.run(story.lossPercent > 0 ? 180_000 : 31_000);
      assert.deepEqual(
        lab.hosts.map((h) => h.relays.held),
        Array(HOSTS).fill(NOTHING),
      );
      for (const { table } of lab.hosts) assert.deepEqual([table.rules.size, table.ways.size], [0, 0]);
    }),
    { numRuns: 150 },
  );
});

test('both ends that want a way come to send by the same relays, there and back', () => {
  fc.assert(
    fc.property(anyStory, anyPair, (story, [a, b]) => {
      const lab = new RelayLab(HOSTS, story.edges, story);
      tell(lab, story);
      for (const [x, y] of [[a, b], [b, a]] as const) lab.want(x, y); // prettier-ignore
      lab.run(100_000);
      const there = lab.walk(a, b);
      if (there === undefined) return;
      assert.deepEqual(lab.walk(b, a)?.relays, [...there.relays].reverse());
    }),
    { numRuns: 100 },
  );
});
