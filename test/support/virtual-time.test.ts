import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VirtualTime } from './virtual-time.js';

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
