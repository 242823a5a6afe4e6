import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Timer, TimerHeap } from './timer-heap.js';
import { VirtualTime } from './virtual-time.js';

const anyStep = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('arm' as const), at: fc.nat(40) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('callOff' as const), which: fc.nat(40) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('take' as const) }) },
);

test('timers leave the heap by time, then in the order of arming, whatever was called off meanwhile', () => {
  fc.assert(
    fc.property(fc.array(anyStep, { minLength: 50, maxLength: 300, size: 'max' }), (steps) => {
      const [heap, armed, left] = [new TimerHeap(), [] as Timer[], new Set<Timer>()];
      const earliest = (): Timer | undefined => [...left].sort((a, b) => a.at - b.at || a.order - b.order)[0];
      for (const step of steps) {
        const timer =
          step.kind === 'arm'
            ? new Timer(step.at, armed.length, () => undefined)
            : step.kind === 'take'
              ? heap.first()
              : armed[step.which];
        assert.equal(heap.first(), earliest());
        if (timer === undefined) continue;
        if (step.kind === 'arm') {
          armed.push(timer);
          left.add(timer);
          heap.add(timer);
        } else assert.equal(heap.remove(timer), left.delete(timer));
        assert.equal(heap.size, left.size);
      }
    }),
  );
});

test('timers, intervals and immediates run in virtual time, and one that was called off never does', () => {
  const time = VirtualTime.install(1);
  const said: string[] = [];
  const say = (what: string) => (): void => void said.push(`${time.now()} ${what}`);
  try {
    const every = setInterval(say('interval'), 10);
    const off = setTimeout(say('called off'), 5);
    setTimeout(say('timeout'), 20);
    setImmediate(say('immediate'));
    time.after(0.5, say('half'));
    setTimeout(() => clearTimeout(off), 4);
    time.run(25);
    clearInterval(every);
    time.run(100);
    assert.equal(time.pending, 0);
  } finally {
    time.restore();
  }
  assert.deepEqual(said, ['0 immediate', '0.5 half', '10 interval', '20 interval', '20 timeout']);
});
