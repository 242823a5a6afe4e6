import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Admission, sourceOf } from '../../../router/trust/admission.js';
import { MAX_SOURCES, OF_MEMBERS, OF_STRANGERS } from '../../../router/trust/limits.js';
import type { Ip, Millis } from '../../../router/types.js';

const MEMBER = '10.0.0.1' as Ip;
const MAX_HALF_OPEN = OF_STRANGERS.halfOpen + OF_MEMBERS.halfOpen;

const anyIp = fc.oneof(
  fc.nat(0xffff).map((n) => `10.1.${n >> 8}.${n & 255}` as Ip),
  fc.nat(9).map((n) => `2001:db8::${n}` as Ip),
  fc.constant(MEMBER),
);
const anyEvent = fc.record({ ip: anyIp, waitMs: fc.nat(60), closes: fc.option(fc.nat()), asks: fc.boolean() });

test('whoever calls and closes in whatever order, no more is remembered than the limits say, and nothing half open is lost', () => {
  fc.assert(
    fc.property(fc.array(anyEvent, { maxLength: 400 }), fc.nat(3), (events, times) => {
      const admission = new Admission((ip) => ip === MEMBER);
      const open = new Set<number>();
      let [conn, now] = [0, 0];
      for (let round = 0; round <= times; round++)
        for (const { ip, waitMs, closes, asks } of events) {
          now += waitMs;
          const admitted = admission.admit(++conn, ip, now as Millis);
          if (admitted.kind === 'admitted') open.add(conn);
          if (admitted.kind === 'admitted' && admitted.displaced !== undefined) {
            assert.ok(open.delete(admitted.displaced), 'who is displaced was half open');
            admission.done(admitted.displaced);
          }
          if (asks) admission.isWelcome(conn, now as Millis);
          const closed = closes !== null && [...open][closes % open.size];
          if (closed !== false && closed !== undefined && open.delete(closed)) admission.done(closed);
          const { sources, halfOpen } = admission.entries;
          assert.equal(halfOpen, open.size);
          assert.ok(halfOpen <= MAX_HALF_OPEN && sources <= 2 * MAX_SOURCES, `${halfOpen}, ${sources}`);
        }
      for (const left of open) admission.done(left);
      assert.equal(admission.entries.halfOpen, 0);
    }),
    { numRuns: 100 },
  );
});

test('a hundred thousand sources are as many entries as a thousand', () => {
  const admission = new Admission(() => false);
  for (let n = 0; n < 100_000; n++) {
    const ip = `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}` as Ip;
    const admitted = admission.admit(n, ip, n as Millis);
    if (admitted.kind === 'admitted' && admitted.displaced !== undefined) admission.done(admitted.displaced);
  }
  assert.deepEqual(admission.entries, { sources: MAX_SOURCES, halfOpen: OF_STRANGERS.halfOpen });
});

test('an IPv4 address is a source of its own, and an IPv6 one counts with its /64', () => {
  assert.notEqual(sourceOf('10.0.0.1' as Ip), sourceOf('10.0.0.2' as Ip));
  assert.equal(sourceOf('2001:db8::1' as Ip), sourceOf('2001:db8::ffff:1' as Ip));
  assert.notEqual(sourceOf('2001:db8::1' as Ip), sourceOf('2001:db8:0:1::1' as Ip));
});
