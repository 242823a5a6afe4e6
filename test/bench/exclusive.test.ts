import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { exclusively } from '../../bench/support/exclusive.js';
import { inTemporaryDir } from '../support/temporary-dir.js';

test('of several that want one lock, one works at a time, and each gets its turn', () =>
  inTemporaryDir(async (dir) => {
    let [inside, most] = [0, 0];
    const work = async (n: number): Promise<number> => {
      most = Math.max(most, ++inside);
      for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
      inside--;
      return n;
    };
    const done = await Promise.all([1, 2, 3].map((n) => exclusively(join(dir, 'lock'), () => work(n))));
    assert.deepEqual([done, most], [[1, 2, 3], 1]);
  }));

test('work that throws gives the lock back, and a lock that cannot be had is said', () =>
  inTemporaryDir(async (dir) => {
    const file = join(dir, 'lock');
    await assert.rejects(
      exclusively(file, () => Promise.reject(new Error('broke'))),
      /broke/,
    );
    assert.equal(await exclusively(file, () => Promise.resolve(1)), 1);
    await assert.rejects(
      exclusively(join(dir, 'no-folder', 'lock'), () => Promise.resolve(1)),
      /flock .*: exit \d+/,
    );
  }));
