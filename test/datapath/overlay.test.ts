import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  CARRIERS,
  HOLD_MS,
  MAX_HOLD_MS,
  OverlayChoice,
  RETURN_MS,
  type Carrier,
  type CarrierState,
  type OverlayEffect,
} from '../../datapath/overlay.js';
import type { Millis, PeerId } from '../../router/types.js';

const PEER = 'a'.repeat(32) as PeerId;
const at = (ms: number): Millis => ms as Millis;
const up = (heardAt: number): CarrierState => ({
  kind: 'up',
  losingSince: undefined,
  heardAt: at(heardAt),
  isNarrow: false,
});
const down = (losingSince: number): CarrierState => ({
  kind: 'down',
  losingSince: at(losingSince),
  heardAt: undefined,
  isNarrow: false,
});

function choice(allowed: readonly Carrier[] = CARRIERS): {
  choice: OverlayChoice;
  set: (carrier: Carrier, state: CarrierState, now: number) => readonly OverlayEffect[];
} {
  const it = new OverlayChoice();
  it.handle({ kind: 'peer', peer: PEER, allowed }, at(0));
  return {
    choice: it,
    set: (carrier, state, now) => it.handle({ kind: 'state', peer: PEER, carrier, state }, at(now)),
  };
}

const uses = (fx: readonly OverlayEffect[]): string[] =>
  fx.flatMap((f) => (f.kind === 'use' ? [`${f.carrier} ${f.why}`] : []));

test('the first that may carry is in use before anything is known', () => {
  const it = new OverlayChoice();
  const fx = it.handle({ kind: 'peer', peer: PEER, allowed: ['sleeve', 'relay'] }, at(0));
  assert.deepEqual(uses(fx), ['sleeve first']);
  assert.deepEqual(uses(it.handle({ kind: 'peer', peer: PEER, allowed: ['vxlan', 'sleeve'] }, at(1))), []);
  assert.deepEqual(uses(it.handle({ kind: 'peer', peer: PEER, allowed: ['vxlan'] }, at(2))), ['vxlan refused']);
  assert.deepEqual(uses(it.handle({ kind: 'peer', peer: PEER, allowed: undefined }, at(3))), ['undefined refused']);
  assert.equal(it.inUse(PEER), undefined);
});

test('a lost vxlan gives way to a sleeve that was heard since', () => {
  const { set } = choice();
  set('vxlan', up(100), 100);
  set('sleeve', up(200), 200);
  assert.deepEqual(uses(set('vxlan', down(300), 900)), [], 'the sleeve may be as dead: nothing was heard since');
  assert.deepEqual(uses(set('sleeve', up(950), 950)), ['sleeve lost']);
});

test('an answer that was under way when the peer died does not take its data to the sleeve', () => {
  const { set } = choice();
  set('vxlan', up(100), 100);
  set('sleeve', up(310), 310);
  assert.deepEqual(uses(set('vxlan', down(300), 900)), []);
  assert.deepEqual(uses(set('sleeve', down(500), 1_000)), []);
});

test('when the overlay in use begins to lose, the others are asked at once, and once', () => {
  const { set } = choice(['vxlan', 'sleeve']);
  set('vxlan', up(100), 100);
  const losing: CarrierState = { ...up(100), losingSince: at(200) };
  assert.deepEqual(set('vxlan', losing, 400), [{ kind: 'hurry', peer: PEER, carriers: ['sleeve'] }]);
  assert.deepEqual(set('vxlan', losing, 600), []);
  assert.deepEqual(set('vxlan', up(700), 700), []);
  assert.equal(set('vxlan', { ...up(700), losingSince: at(800) }, 1000).length, 1, 'the next loss is another one');
});

test('when all fail at once the vxlan stays: a dead router is not a dead kernel', () => {
  const { set } = choice();
  set('vxlan', up(100), 100);
  set('sleeve', up(100), 100);
  set('vxlan', down(300), 900);
  assert.deepEqual(uses(set('sleeve', down(300), 1_000)), []);
  assert.deepEqual(uses(set('relay', down(300), 1_000)), []);
});

test('a peer that comes back is heard on the sleeve first: the vxlan that fell with it has a second and a half', () => {
  const back = (): ReturnType<typeof choice> => {
    const c = choice(['vxlan', 'sleeve']);
    c.set('vxlan', up(100), 100);
    c.set('sleeve', up(100), 100);
    c.set('vxlan', down(300), 900);
    c.set('sleeve', down(400), 1_000);
    assert.deepEqual(uses(c.set('sleeve', up(9_000), 9_000)), []);
    assert.equal(c.choice.nextDeadline(), 9_000 + RETURN_MS);
    return c;
  };
  const [{ choice: heard, set }, { choice: silent }] = [back(), back()];
  const answered: CarrierState = { ...down(0), losingSince: undefined, heardAt: at(10_000) };
  assert.deepEqual(uses(set('vxlan', answered, 10_000)), []);
  assert.equal(heard.nextDeadline(), undefined);
  assert.deepEqual(uses(set('vxlan', up(10_400), 10_400)), []);
  assert.deepEqual(uses(silent.handle({ kind: 'tick' }, at(9_000 + RETURN_MS - 1))), []);
  assert.deepEqual(uses(silent.handle({ kind: 'tick' }, at(9_000 + RETURN_MS))), ['sleeve lost']);
  assert.equal(silent.nextDeadline(), undefined);
});

test('a sleeve that dies after the vxlan goes back to the vxlan', () => {
  const { choice: it, set } = choice();
  set('vxlan', down(0), 900);
  assert.deepEqual(uses(set('sleeve', up(950), 950)), ['sleeve lost']);
  assert.deepEqual(uses(set('sleeve', down(2_000), 3_000)), ['vxlan dead']);
  assert.equal(it.inUse(PEER), 'vxlan');
});

test('a better overlay takes over after it has worked for a while', () => {
  const { choice: it, set } = choice();
  set('vxlan', down(0), 900);
  set('sleeve', up(950), 950);
  assert.deepEqual(uses(set('vxlan', up(5_000), 5_000)), []);
  assert.equal(it.nextDeadline(), 5_000 + HOLD_MS);
  assert.deepEqual(uses(it.handle({ kind: 'tick' }, at(5_000 + HOLD_MS - 1))), []);
  assert.deepEqual(uses(it.handle({ kind: 'tick' }, at(5_000 + HOLD_MS))), ['vxlan better']);
  assert.equal(it.nextDeadline(), undefined);
});

test('a path that flaps is trusted later each time, and again after it has held', () => {
  const { choice: it, set } = choice(['vxlan', 'sleeve']);
  let now = 0;
  set('vxlan', down(0), (now += 900));
  set('sleeve', up(now), now);
  const waits: number[] = [];
  for (let flap = 0; flap < 9; flap++) {
    const since = now;
    set('vxlan', up(now), now);
    now = it.nextDeadline()!;
    assert.deepEqual(uses(it.handle({ kind: 'tick' }, at(now))), ['vxlan better']);
    waits.push(now - since);
    set('sleeve', up(now + 500), (now += 500));
    assert.deepEqual(uses(set('vxlan', down(now - 200), now)), ['sleeve lost']);
  }
  assert.deepEqual(
    waits,
    [1, 2, 4, 8, 16, 32, 60, 60, 60].map((s) => s * 1_000),
  );
  assert.equal(waits.at(-1), MAX_HOLD_MS);
});

test('a vxlan too narrow for the network gives way to what carries whole frames, and not to nothing', () => {
  const { set } = choice(['vxlan', 'sleeve']);
  set('vxlan', up(100), 100);
  assert.deepEqual(uses(set('vxlan', { ...up(200), isNarrow: true }, 200)), []);
  assert.deepEqual(uses(set('sleeve', up(300), 300)), ['sleeve narrow']);
  assert.deepEqual(uses(set('vxlan', up(400), 400)), []);
});

test('whatever happens, what carries is allowed, and what works for good is in use in the end', () => {
  const state = fc.record({ up: fc.boolean(), narrow: fc.boolean(), fresh: fc.boolean() });
  const step = fc.record({ carrier: fc.constantFrom(...CARRIERS), state, ms: fc.integer({ min: 0, max: 5_000 }) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.subarray([...CARRIERS], { minLength: 1 }), (steps, allowed) => {
      const { choice: it, set } = choice(allowed);
      let now = 0;
      for (const s of steps) {
        now += s.ms;
        const lost = at(now - 700);
        const heardAt = at(s.state.fresh ? now : now - 5_000);
        const kind = s.state.up ? 'up' : 'down';
        set(s.carrier, { kind, heardAt, isNarrow: s.state.narrow, losingSince: s.state.up ? undefined : lost }, now);
        assert.ok(allowed.includes(it.inUse(PEER)!));
      }
      const best = allowed.at(-1)!;
      for (const c of allowed) set(c, c === best ? up((now += 10)) : down(now), now);
      set(best, up((now += 1_000)), now);
      it.handle({ kind: 'tick' }, at((now += MAX_HOLD_MS)));
      assert.equal(it.inUse(PEER), best);
    }),
  );
});

const wishes = (fx: readonly OverlayEffect[]): boolean[] =>
  fx.flatMap((f) => (f.kind === 'wantRelay' ? [f.wanted] : []));
const losing = (heardAt: number, since: number): CarrierState => ({ ...up(heardAt), losingSince: at(since) });

test('a way through others is asked for when the overlay in use begins to lose and no other was heard since', () => {
  const { choice: it, set } = choice();
  assert.deepEqual(wishes(set('vxlan', up(100), 100)), []);
  assert.deepEqual(wishes(set('sleeve', up(100), 100)), []);
  assert.deepEqual(wishes(set('vxlan', losing(100, 300), 500)), [true]);
  assert.deepEqual(wishes(set('sleeve', losing(100, 500), 700)), [], 'once');
  assert.ok(it.wantsRelay(PEER));
  assert.deepEqual(wishes(set('vxlan', up(800), 800)), [false]);
  assert.ok(!it.wantsRelay(PEER));
});

test('it is not asked for while a direct overlay answers, or is yet to be tried', () => {
  const { set } = choice();
  assert.deepEqual(wishes(set('vxlan', losing(0, 100), 300)), [], 'the sleeve was not tried');
  assert.deepEqual(wishes(set('sleeve', { ...down(0), kind: 'probing', losingSince: undefined }, 350)), []);
  assert.deepEqual(wishes(set('sleeve', up(400), 400)), []);
  assert.deepEqual(wishes(set('vxlan', down(100), 800)), []);
  assert.deepEqual(wishes(set('sleeve', losing(400, 900), 1_100)), [true], 'the last that worked');
});

test('it is kept while it carries, and given back when a direct overlay has taken over', () => {
  const { choice: it, set } = choice();
  set('sleeve', down(0), 600);
  assert.deepEqual(wishes(set('vxlan', down(0), 600)), [true]);
  assert.deepEqual(uses(set('relay', up(700), 700)), ['relay lost']);
  assert.deepEqual(wishes(set('vxlan', up(5_000), 5_000)), []);
  const fx = it.handle({ kind: 'tick' }, at(5_000 + HOLD_MS));
  assert.deepEqual([uses(fx), wishes(fx)], [['vxlan better'], [false]]);
});

test('where no direct overlay is allowed it is wanted from the start, where it is not allowed never', () => {
  const it = new OverlayChoice();
  assert.deepEqual(wishes(it.handle({ kind: 'peer', peer: PEER, allowed: ['relay'] }, at(0))), [true]);
  assert.deepEqual(wishes(it.handle({ kind: 'peer', peer: PEER, allowed: undefined }, at(1))), [false]);
  const { set } = choice(['vxlan', 'sleeve']);
  set('sleeve', down(0), 600);
  assert.deepEqual(wishes(set('vxlan', down(0), 600)), []);
});

test('a better overlay that loses has to hold anew', () => {
  const { choice: it, set } = choice(['vxlan', 'sleeve']);
  set('vxlan', down(0), 900);
  set('sleeve', up(950), 950);
  set('vxlan', up(5_000), 5_000);
  set('vxlan', losing(5_000, 5_500), 5_700);
  assert.equal(it.nextDeadline(), undefined);
  assert.deepEqual(uses(set('vxlan', up(6_200), 6_200)), []);
  assert.equal(it.nextDeadline(), 6_200 + HOLD_MS);
});

test('a better overlay that was not heard since the fall is not taken for one that works', () => {
  for (const sleeve of [up(200), losing(200, 700)]) {
    const { choice: it, set } = choice();
    set('vxlan', up(100), 100);
    set('sleeve', up(200), 200);
    set('vxlan', losing(100, 300), 500);
    set('relay', up(600), 600);
    set('sleeve', sleeve, 900);
    assert.deepEqual(uses(set('vxlan', down(300), 950)), ['relay lost']);
    assert.equal(it.nextDeadline(), undefined);
    assert.deepEqual(uses(it.handle({ kind: 'tick' }, at(9_000))), []);
    assert.deepEqual(uses(set('sleeve', up(10_000), 10_000)), []);
    assert.equal(it.nextDeadline(), 10_000 + HOLD_MS, 'it is heard again');
  }
});
