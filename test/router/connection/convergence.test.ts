// Two ends that lose streams at different times and hear of it late or never must come to use the same one again.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { TwoEnds, type Side } from '../../support/two-ends.js';
import { seededRandom } from '../../support/virtual-time.js';

type Misfortune =
  | { readonly kind: 'pass'; readonly ms: number }
  | { readonly kind: 'reach' | 'reset' | 'challenge' | 'hurry' | 'connect'; readonly side: Side; readonly n: number }
  | { readonly kind: 'lag'; readonly side: Side; readonly ms: number }
  | { readonly kind: 'lose'; readonly n: number };

const anySide = fc.constantFrom<Side>(0, 1);
const anyMisfortune: fc.Arbitrary<Misfortune> = fc.oneof(
  fc.record({ kind: fc.constant('pass' as const), ms: fc.constantFrom(1, 3, 10, 300, 1_000, 6_000, 30_000) }),
  fc.record({
    kind: fc.constantFrom(
      'reach' as const,
      'reset' as const,
      'challenge' as const,
      'hurry' as const,
      'connect' as const,
    ),
    side: anySide,
    n: fc.nat(3),
  }),
  fc.record({ kind: fc.constant('lag' as const), side: anySide, ms: fc.constantFrom(1, 2, 50, 400, 2_500) }),
  fc.record({ kind: fc.constant('lose' as const), n: fc.nat(3) }),
);

/** A greeting that will not come (10 s), a back-off, and what was on its way. */
const SETTLED_MS = 15_000;
/** When whoever has lost it cannot dial, or nobody was told: 20 s of silence and 5 s for an answer before that. */
const FOUND_OUT_MS = 40_000;
const QUIET_MS = 60_000;
const DIALS_PER_S = 4;

function suffer(world: TwoEnds, m: Misfortune): void {
  switch (m.kind) {
    case 'pass':
      return world.run(m.ms);
    case 'lag':
      return void (world.lagMs[m.side] = m.ms);
    case 'reach':
      return world.setReach(m.side, m.n % 2 === 0);
    case 'reset':
      return void newest(world, m.n).forEach((s) => world.reset(m.side, s));
    case 'lose':
      return void newest(world, m.n).forEach((s) => (s.isLost = true));
    case 'challenge':
      return world.challenge(m.side);
    case 'hurry':
      return world.hurry(m.side);
    case 'connect':
      return world.connect(m.side, `host-${m.n}`);
  }
}

const newest = (world: TwoEnds, n: number): TwoEnds['streams'] => world.streams.slice(-1 - n, world.streams.length - n);

function mend(world: TwoEnds): void {
  world.lagMs.fill(1);
  world.setReach(0, true);
  world.setReach(1, true);
}

/** The most that one job dialled within one second. */
function busiestSecond(dials: readonly { readonly at: number; readonly job: string }[]): number {
  const within = dials.map((d) => dials.filter((e) => e.job === d.job && e.at >= d.at && e.at < d.at + 1_000).length);
  return Math.max(0, ...within);
}

function checkSettled(world: TwoEnds): void {
  assert.ok(world.used(0) !== undefined, 'the lower is not connected');
  assert.ok(world.used(0) === world.used(1), 'they use different streams');
  assert.equal(world.streams.filter((s) => s.isOpen[0] || s.isOpen[1]).length, 1, 'there are streams to spare');
  const dials = world.ends.map((e) => e.dials.length);
  world.run(QUIET_MS);
  assert.deepEqual(
    world.ends.map((e) => e.dials.length),
    dials,
    'somebody dials',
  );
  for (const e of world.ends) {
    assert.equal(e.dialer.dialling, 0);
    assert.ok(busiestSecond(e.dials) <= DIALS_PER_S, `${busiestSecond(e.dials)} dials in a second`);
  }
}

test('when the wire is whole again both ends use the same stream, and nobody dials any more', () => {
  const anyDiallers = fc.constantFrom<readonly Side[]>([0, 1], [0], [1]);
  fc.assert(
    fc.property(anyDiallers, fc.array(anyMisfortune, { maxLength: 25 }), fc.nat(), (diallers, misfortunes, seed) => {
      const world = new TwoEnds(seededRandom(seed), diallers);
      for (const m of misfortunes) suffer(world, m);
      mend(world);
      const areTold = diallers.length === 2 && !world.streams.some((s) => s.isLost);
      world.run(areTold ? SETTLED_MS : FOUND_OUT_MS);
      checkSettled(world);
    }),
    { numRuns: 500, includeErrorInReport: true },
  );
});

test('dials that cross end no connection, however long the way is', () => {
  const lag = fc.integer({ min: 1, max: 400 });
  const dial = fc.record({ kind: fc.constant('connect' as const), side: anySide, n: fc.nat(3) });
  const pass = fc.record({ kind: fc.constant('pass' as const), ms: fc.integer({ min: 0, max: 500 }) });
  fc.assert(
    fc.property(lag, lag, fc.array(fc.oneof(dial, pass), { maxLength: 20 }), (there, back, events) => {
      const world = new TwoEnds(() => 0.5, [0, 1]);
      world.lagMs.splice(0, 2, there, back);
      for (const e of events) suffer(world, e);
      world.run(SETTLED_MS);
      checkSettled(world);
      assert.deepEqual(
        world.ends.map((e) => e.lost),
        [0, 0],
      );
    }),
    { numRuns: 500, includeErrorInReport: true },
  );
});
