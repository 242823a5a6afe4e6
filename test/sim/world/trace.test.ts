import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { busyLife } from './busy-life.js';

const SCRIPT = fileURLToPath(new URL('./busy-life-process.js', import.meta.url));

const inAnotherProcess = (seed: number): string =>
  spawnSync(process.execPath, [SCRIPT, `${seed}`], { encoding: 'utf8' }).stdout.trim();

test('the same seed gives the same life byte for byte, in this process and in another, and another seed another', () => {
  const [first, again] = [busyLife(1, 'lines'), busyLife(1, 'lines')];
  const differs = first.lines.findIndex((line, i) => line !== again.lines[i]);
  assert.equal(differs, -1, `line ${differs}:\n${first.lines[differs]}\n${again.lines[differs]}`);
  assert.equal(first.lines.length, again.lines.length);
  assert.equal(first.digest, again.digest);
  assert.ok(first.lines.length > 5_000, `${first.lines.length} things happened`);
  assert.equal(inAnotherProcess(1), first.digest);
  assert.notEqual(busyLife(2).digest, first.digest);
});
