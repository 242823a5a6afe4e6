import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { KIND_WORDS, TABLE_FAULTS, type Fault } from '../../../bench/chaos/fault.js';
import { planFaults } from '../../../bench/chaos/schedule.js';

const anyRun = fc.tuple(fc.nat(2 ** 32 - 1), fc.integer({ min: 5, max: 120 }), fc.integer({ min: 3, max: 40 }));
const endOf = (fault: Fault): number => fault.atMs + fault.forMs;

test('the same seed gives the same faults, another gives others', () => {
  fc.assert(
    fc.property(anyRun, ([seed, seconds, routers]) => {
      assert.deepEqual(planFaults(seed, seconds, routers), planFaults(seed, seconds, routers));
    }),
  );
  assert.notDeepEqual(planFaults(1, 60, 10), planFaults(2, 60, 10));
});

test('every fault is over when the run is, and they come in order', () => {
  fc.assert(
    fc.property(anyRun, ([seed, seconds, routers]) => {
      const plan = planFaults(seed, seconds, routers);
      assert.ok(plan.every((fault, i) => endOf(fault) <= seconds * 1000 && fault.atMs >= (plan[i - 1]?.atMs ?? 0)));
    }),
  );
});

test('a fault names hosts that there are, and two different ones', () => {
  fc.assert(
    fc.property(anyRun, ([seed, seconds, routers]) => {
      for (const fault of planFaults(seed, seconds, routers)) {
        const hosts = 'host' in fault ? [fault.host] : 'side' in fault ? fault.side : [fault.from, fault.to];
        assert.ok(hosts.every((host) => Number.isInteger(host) && host >= 0 && host < routers));
        assert.equal(new Set(hosts).size, hosts.length);
        assert.ok(hosts.length < routers);
      }
    }),
  );
});

test('no more than a third of the routers is killed or frozen at a time, and none twice', () => {
  fc.assert(
    fc.property(anyRun, ([seed, seconds, routers]) => {
      const downs = planFaults(seed, seconds, routers).filter((f) => f.kind === 'kill' || f.kind === 'freeze');
      for (const one of downs) {
        const others = downs.filter((f) => f !== one && f.atMs <= one.atMs && endOf(f) > one.atMs);
        assert.ok(others.length <= routers / 3);
        assert.ok(others.every((f) => f.host !== one.host));
      }
    }),
  );
});

test('a run of ten minutes brings every kind of fault, and every kind of flush', () => {
  const plan = planFaults(7, 600, 30);
  assert.deepEqual(new Set(plan.map((f) => f.kind)), new Set(Object.keys(KIND_WORDS)));
  const flushes = plan.flatMap((f) => (f.kind === 'tables' ? [f.what] : []));
  assert.deepEqual(new Set(flushes), new Set(Object.keys(TABLE_FAULTS)));
});
