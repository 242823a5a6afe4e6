import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Placement } from '../../../../datapath/sleeve/worker/placement.js';

/** A worker that is woken every 5 ms, and a machine whose processors receive packets at the given rates. */
function worker(perMs: readonly number[], busy = new Int32Array(2), mine = 0) {
  const received = perMs.map(() => 0);
  const counts = () => new Map(received.entries());
  const placement = new Placement(busy, mine, counts);
  return {
    busy,
    perMs: perMs as number[],
    run(forMs: number, share: number): number | undefined {
      let cpu: number | undefined;
      for (let ms = 0; ms < forMs; ms += 5) {
        perMs.forEach((rate, i) => (received[i]! += 5 * rate));
        cpu = placement.woken(5 * share, 5 * (1 - share));
      }
      return cpu;
    },
  };
}

test('with little to do a worker runs where most packets are received', () => {
  assert.equal(worker([1, 9, 2]).run(1_000, 0.05), 1);
});

test('with much to do it runs anywhere at once, and goes home when that is over', () => {
  const w = worker([1, 9]);
  w.run(1_000, 0.05);
  assert.equal(w.run(10, 0.9), undefined);
  assert.equal(w.run(100, 0.05), undefined, 'a pause is not the end');
  assert.equal(w.run(500, 0.05), 1);
});

test('a worker that gets less than half of a processor, since it shares it, is busy', () => {
  const w = worker([1, 9]);
  w.run(1_000, 0.05);
  assert.equal(w.run(10, 0.4), undefined);
});

test('while the other worker is busy this one runs anywhere too', () => {
  const busy = new Int32Array(2);
  const [tx, rx] = [worker([1, 9], busy, 0), worker([1, 9], busy, 1)];
  rx.run(1_000, 0.05);
  tx.run(50, 0.9);
  assert.equal(rx.run(10, 0.05), undefined);
  tx.run(500, 0.05);
  assert.equal(rx.run(10, 0.05), 1);
});

test('it does not move for a processor that receives hardly more', () => {
  const w = worker([10, 9]);
  assert.equal(w.run(1_000, 0.05), 0);
  w.perMs.splice(0, 2, 10, 12);
  assert.equal(w.run(1_000, 0.05), 0);
  w.perMs.splice(0, 2, 10, 20);
  assert.equal(w.run(1_000, 0.05), 1);
});

test('after a long rest what was received meanwhile decides nothing', () => {
  const counts = [1_000_000, 0];
  const placement = new Placement(new Int32Array(2), 0, () => new Map(counts.entries()));
  let cpu: number | undefined;
  for (let i = 0; i < 20; i++) cpu = placement.woken(0.1, 60_000);
  assert.equal(cpu, undefined);
  for (let i = 0; i < 100; i++) {
    counts[1]! += 5;
    cpu = placement.woken(0.1, 4.9);
  }
  assert.equal(cpu, 1);
});

test('counters of 32 bits that begin anew are read right', () => {
  let n = 0;
  const placement = new Placement(new Int32Array(2), 0, () => {
    n += 600;
    return new Map([
      [0, (2 ** 32 - 1_000 + n) >>> 0],
      [1, n / 2],
    ]);
  });
  for (let i = 0; i < 200; i++) assert.notEqual(placement.woken(0.1, 4.9), 1);
});

test('where nothing is counted, or none is received, a worker runs anywhere', () => {
  for (const rates of [[], [0, 0]]) assert.equal(worker(rates).run(1_000, 0.05), undefined);
});
