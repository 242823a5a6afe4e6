import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Affinity, packetsByCpu, parseSoftnet } from '../../../../datapath/sleeve/native/affinity.js';
import { createMemory } from '../../../../datapath/sleeve/native/memory.js';

const allowed = (): string =>
  /^Cpus_allowed_list:\s*(.*)$/m.exec(readFileSync('/proc/thread-self/status', 'utf8'))![1]!;

test('a thread is bound to one processor, and set free again', () => {
  const before = allowed();
  const first = Number(/^\d+/.exec(before)![0]);
  const affinity = new Affinity(createMemory(4_096));
  assert.equal(affinity.bind(first), true);
  assert.equal(allowed(), `${first}`);
  assert.equal(affinity.bind(undefined), true);
  assert.equal(allowed(), before);
});

test('a processor that the thread may not use is refused, and nothing changes', () => {
  const before = allowed();
  const affinity = new Affinity(createMemory(4_096));
  for (const cpu of [1_023, 1_024, 5_000]) assert.equal(affinity.bind(cpu), false);
  assert.equal(allowed(), before);
});

test('the kernel tells how many packets each processor received', () => {
  const columns = (n: string, cpu: string): string =>
    [n, ...Array<string>(11).fill('00000000'), cpu, '00000000'].join(' ');
  const table = `${columns('0000000a', '00000000')}\n${columns('ffffffff', '00000003')}\n`;
  assert.deepEqual([...parseSoftnet(table)], [[0, 10], [3, 2 ** 32 - 1]]); // prettier-ignore
  assert.deepEqual([...parseSoftnet('00000001 00000000\n00000002 00000000\n')], [[0, 1], [1, 2]]); // prettier-ignore
  assert.ok([...packetsByCpu().values()].every((n) => Number.isSafeInteger(n)) && packetsByCpu().size > 0);
});
