import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FloodWatch } from '../../../datapath/guard/flood-watch.js';
import type { Millis } from '../../../router/types.js';

const at = (ms: number): Millis => ms as Millis;

test('a flood is said when it begins and once a minute while it lasts, with what was dropped since', () => {
  const watch = new FloodWatch();
  assert.equal(watch.look({ streams: 0, sleeve: 0 }, at(0)), undefined);
  assert.equal(watch.look({ streams: 99, sleeve: 0 }, at(1_500)), undefined, 'some that were too many are no flood');
  assert.deepEqual(watch.look({ streams: 1_100, sleeve: 0 }, at(3_000)), { streams: 1_100 });
  for (let n = 1; n < 40; n++)
    assert.equal(watch.look({ streams: 1_100 + 1_000 * n, sleeve: 5 }, at(3_000 + 1_500 * n)), undefined);
  assert.deepEqual(watch.look({ streams: 41_100, sleeve: 5 }, at(63_000)), { streams: 40_000, sleeve: 5 });
  assert.equal(watch.look({ streams: 41_100, sleeve: 5 }, at(200_000)), undefined, 'it is over');
});

test('what an earlier router was sent is not said again, and a table that began anew counts from nothing', () => {
  const watch = new FloodWatch();
  assert.equal(watch.look({ streams: 1_000_000 }, at(0)), undefined);
  assert.equal(watch.look({ streams: 1_000_050 }, at(1_500)), undefined);
  assert.deepEqual(watch.look({ streams: 300 }, at(3_000)), { streams: 300 });
});
