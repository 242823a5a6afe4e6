import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Core } from '../../../router/core.js';
import type { Clock } from '../../../router/core.js';
import { Runtime, systemClock } from '../../../router/runtime/runtime.js';
import type { Millis } from '../../../router/types.js';

type Ev = { readonly kind: 'tick' } | { readonly kind: 'say'; readonly words: readonly string[] };

/** Says back what it is told, and asks for ticks at given times. */
class Parrot implements Core<Ev, string> {
  readonly ticks: number[] = [];
  deadlines: number[] = [];

  handle(ev: Ev, now: Millis): readonly string[] {
    if (ev.kind === 'say') return ev.words;
    this.ticks.push(now);
    this.deadlines = this.deadlines.filter((at) => at > now);
    return [];
  }

  nextDeadline(): Millis | undefined {
    return this.deadlines[0] as Millis | undefined;
  }
}

class FakeClock implements Clock {
  time = 1_000;
  timers: { at: number; fire: () => void }[] = [];
  armed = 0;

  now(): Millis {
    return this.time as Millis;
  }

  after(ms: number, fire: () => void): () => void {
    const timer = { at: this.time + ms, fire };
    this.armed++;
    this.timers.push(timer);
    return () => (this.timers = this.timers.filter((t) => t !== timer));
  }

  /** Fires what is due, `early` ms too early. */
  advance(ms: number, early = 0): void {
    this.time += ms;
    for (const t of this.timers.filter((due) => due.at - early <= this.time)) {
      this.timers = this.timers.filter((other) => other !== t);
      t.fire();
    }
  }
}

test('effects are performed in order, and an event from inside waits its turn', () => {
  const heard: string[] = [];
  const runtime: Runtime<Ev, string> = new Runtime<Ev, string>(
    new Parrot(),
    (word) => {
      heard.push(word);
      if (word === 'a') runtime.dispatch({ kind: 'say', words: ['inner'] });
    },
    new FakeClock(),
  );
  runtime.dispatch({ kind: 'say', words: ['a', 'b'] });
  assert.deepEqual(heard, ['a', 'b', 'inner']);
});

test('one timer stands, for the earliest deadline, and is left alone while that stays', () => {
  const [core, clock] = [new Parrot(), new FakeClock()];
  const runtime = new Runtime<Ev, string>(core, () => undefined, clock);
  core.deadlines = [1_500, 1_700];
  for (let i = 0; i < 3; i++) runtime.dispatch({ kind: 'say', words: [] });
  assert.deepEqual([clock.timers.length, clock.armed], [1, 1]);
  clock.advance(500);
  clock.advance(200);
  assert.deepEqual(core.ticks, [1_500, 1_700]);
  assert.equal(clock.timers.length, 0);
});

test('a timer that fires early is set again', () => {
  const [core, clock] = [new Parrot(), new FakeClock()];
  const runtime = new Runtime<Ev, string>(core, () => undefined, clock);
  core.deadlines = [1_500];
  runtime.dispatch({ kind: 'say', words: [] });
  clock.advance(499, 1);
  clock.advance(1);
  assert.deepEqual(core.ticks, [1_499, 1_500]);
});

test('a deadline beyond what a timer can hold is waited for in parts', () => {
  const [core, clock] = [new Parrot(), new FakeClock()];
  const runtime = new Runtime<Ev, string>(core, () => undefined, clock);
  core.deadlines = [2 ** 33];
  runtime.dispatch({ kind: 'say', words: [] });
  assert.equal(clock.timers[0]!.at, clock.time + 2 ** 31 - 1);
});

test('after close nothing is handled, what waited included', () => {
  const heard: string[] = [];
  const [core, clock] = [new Parrot(), new FakeClock()];
  const runtime: Runtime<Ev, string> = new Runtime<Ev, string>(
    core,
    (word) => {
      heard.push(word);
      runtime.dispatch({ kind: 'say', words: ['inner'] });
      runtime.close();
    },
    clock,
  );
  core.deadlines = [1_500];
  runtime.dispatch({ kind: 'say', words: ['a'] });
  runtime.dispatch({ kind: 'say', words: ['late'] });
  runtime.close();
  assert.deepEqual([heard, clock.timers.length], [['a'], 0]);
});

test('what a core throws comes out, and the next event is handled', () => {
  const core: Core<Ev, string> = {
    handle: (ev) => {
      if (ev.kind === 'say' && ev.words.length === 0) throw new Error('our bug');
      return ev.kind === 'say' ? ev.words : [];
    },
    nextDeadline: () => undefined,
  };
  const heard: string[] = [];
  const runtime = new Runtime<Ev, string>(core, (word) => heard.push(word), new FakeClock());
  assert.throws(() => runtime.dispatch({ kind: 'say', words: [] }), /our bug/);
  runtime.dispatch({ kind: 'say', words: ['on'] });
  assert.deepEqual(heard, ['on']);
});

test('the machine clock fires, and not once it is cancelled', async () => {
  const fired: string[] = [];
  systemClock.after(1, () => fired.push('cancelled'))();
  await new Promise<void>((done) => systemClock.after(2, done));
  assert.deepEqual(fired, []);
  assert.ok(systemClock.now() <= systemClock.now());
});
