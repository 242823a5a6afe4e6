import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const HEAP = fileURLToPath(new URL('../../../cli/daemon/heap.js', import.meta.url));

/** Keeps 3 million young objects, some at each turn. Prints how far the space of the young had grown, MiB. */
const GROW = `
  import { getHeapSpaceStatistics } from 'node:v8';
  const young = () => getHeapSpaceStatistics().find((s) => s.space_name === 'new_space').space_size / 2 ** 20;
  const kept = [];
  let most = 0;
  for (let turn = 0; turn < 150; turn++) {
    for (let i = 0; i < 20_000; i++) kept.push({ i, a: [i] });
    most = Math.max(most, young());
    await new Promise((next) => setImmediate(next));
  }
  console.log(most);`;

async function grow(before: string): Promise<number> {
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', before + GROW]);
  return Number(stdout);
}

test('the space of young objects grows half as far as V8 would have it', async () => {
  const bounded = await grow(`import { boundHeap } from ${JSON.stringify(HEAP)}; boundHeap();`);
  assert.deepEqual([await grow(''), bounded], [32, 16]);
});
