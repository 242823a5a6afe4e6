import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createPersistence } from '../../../cli/daemon/persistence.js';
import type { StateDir } from '../../../router/index.js';

/** A disk whose writes take as long as the test wants. */
function slowDisk() {
  const log: string[] = [];
  const waiting: (() => void)[] = [];
  const save = async (file: { name: string }): Promise<void> => {
    log.push(`begin ${file.name}`);
    await new Promise<void>((resolve) => waiting.push(resolve));
    log.push(`end ${file.name}`);
  };
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  const finish = async (): Promise<void> => {
    await turn();
    for (; waiting.length > 0; await turn()) waiting.shift()!();
  };
  const dir = { save } as unknown as StateDir;
  const read = { cache: () => new Uint8Array(), targets: () => ({ targets: [], remotes: new Map<never, never>() }) };
  const persistence = createPersistence(dir, read, (e) => log.push(String(e)));
  return { log, waiting, turn, finish, persistence };
}

test('a flush begins when the write in flight has ended, and resolves when its own has', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { log, turn, finish, persistence } = slowDisk();
  persistence.later('targets');
  t.mock.timers.tick(250);
  await turn();
  const flushed = persistence.flush().then(() => log.push('flushed'));
  await turn();
  assert.deepEqual(log, ['begin targets.json', 'begin cache.bin']);
  await finish();
  await flushed;
  assert.deepEqual(log.slice(2).sort(), ['begin targets.json', 'end cache.bin', 'end targets.json', 'end targets.json', 'flushed'].sort());
  assert.equal(log.at(-1), 'flushed');
}); // prettier-ignore

test('a drop waits for the write in flight, and nothing is written after it', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { log, turn, finish, persistence } = slowDisk();
  persistence.later('targets');
  t.mock.timers.tick(250);
  persistence.later('cache');
  await turn();
  const dropped = persistence.drop().then(() => log.push('dropped'));
  await finish();
  await dropped;
  persistence.later('cache');
  t.mock.timers.tick(1_000_000);
  await turn();
  assert.deepEqual(log, ['begin targets.json', 'end targets.json', 'dropped']);
});
