import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ConnectionFx } from '../../../router/connection/connections.js';
import { OF_STRANGERS } from '../../../router/trust/limits.js';
import type { Trust } from '../../../router/trust/trust.js';
import type { Ip, Millis, PeerId, SocketAddress } from '../../../router/types.js';
import {
  LOW,
  HIGH,
  MORE,
  MEMBER,
  REMOTE,
  at,
  connections,
  hear,
  joined,
  kinds,
  meet,
  opened,
  sent,
  trustOf,
} from '../../support/connection-ends.js';

test('of one source so many streams may be half open, and who has shown who it is counts no more', () => {
  const a = connections(LOW);
  const call = (n: number): readonly ConnectionFx[] => a.opened(-n, REMOTE, false, at(0));
  meet(a, connections(HIGH), 'b', 1_000);
  for (let n = 1; n <= OF_STRANGERS.halfOpenPerSource; n++) assert.deepEqual(call(n), []);
  assert.deepEqual(kinds(call(999)), ['close', 'drop']);
  a.closed(-1, 'ended', at(1));
  assert.deepEqual(kinds(call(998)), []);
});

test('of one source so many streams begin in a second, however soon they end', () => {
  const a = connections(LOW);
  let closed = 0;
  for (let n = 1; n <= 2 * OF_STRANGERS.burstPerSource; n++) {
    if (a.opened(-n, REMOTE, false, at(0)).length > 0) closed++;
    a.closed(-n, 'reset', at(0));
  }
  assert.equal(closed, OF_STRANGERS.burstPerSource);
  assert.deepEqual(a.opened(-999, { ...REMOTE, ip: '10.0.0.3' as Ip }, false, at(0)), [], 'another source');
});

const source = (n: number): SocketAddress => ({ ip: `10.1.${n >> 8}.${n & 255}` as Ip, port: 1_024 + n });

test('while strangers from everywhere call, a member comes in at once, and a stranger as soon as there are fewer', () => {
  const a = connections(LOW);
  const flood = (from: number, now: Millis): void => {
    for (let n = from; n < from + 1_000; n++) a.opened(-n, source(n), false, now);
  };
  flood(1, at(0));
  const b = connections(HIGH);
  const [caller, called] = [opened(b, 5_000, true, at(1)), opened(a, -5_000, false, at(1), MEMBER)];
  for (let round = 0; round < 3; round++) {
    hear(called, caller, at(1));
    flood(1_000 * (round + 2), at(2 + round));
    hear(caller, called, at(1));
  }
  assert.equal(a.of(HIGH)?.conn, -5_000);
  const c = connections(MORE[0]!);
  const [joiner, asked] = [opened(c, 1, true, at(1_000)), opened(a, -6_000, false, at(1_000), source(6_000))];
  for (let round = 0; round < 4; round++) {
    hear(asked, joiner, at(1_000));
    hear(joiner, asked, at(1_000));
  }
  assert.equal(a.of(MORE[0]!)?.conn, -6_000);
});

test('one half-open stream too many displaces the oldest, and nobody who has shown who it is', () => {
  const a = connections(LOW);
  meet(a, connections(HIGH), 'b', 1_000);
  for (let n = 1; n <= OF_STRANGERS.halfOpen; n++) assert.deepEqual(a.opened(-n, source(n), false, at(0)), []);
  const next = a.opened(-900, source(900), false, at(1));
  assert.deepEqual(kinds(next), ['drop', 'close', 'refused']);
  assert.deepEqual(next[1], { kind: 'close', conn: -1 });
  assert.equal(a.of(HIGH)?.conn, 1_000);
});

/** Counts what a stranger can make us compute. */
function counted(id: PeerId): { readonly trust: Trust; readonly count: { computed: number } } {
  const [trust, count] = [trustOf(id), { computed: 0 }];
  const { noise } = trust.crypto;
  const begin: typeof noise.begin = (options) => (count.computed++, noise.begin(options));
  return { trust: { ...trust, crypto: { ...trust.crypto, noise: { ...noise, begin } } }, count };
}

test('a first message that was recorded is answered a limited number of times, and its maker is still let in', () => {
  const { trust, count } = counted(LOW);
  const a = connections(LOW, 1, trust);
  const b = connections(HIGH);
  const recorded = joined(sent(b.opened(1, REMOTE, true, at(0))));
  for (let n = 1; n <= OF_STRANGERS.burst; n++) {
    a.opened(-n, source(n), false, at(1));
    a.received(-n, recorded, at(1));
    a.closed(-n, 'reset', at(1));
  }
  assert.equal(count.computed, OF_STRANGERS.unprovenBurst);
  const [caller, called] = [opened(b, 2, true, at(60)), opened(a, -2_000, false, at(60))];
  for (let round = 0; round < 4; round++) {
    hear(called, caller, at(60));
    hear(caller, called, at(60));
  }
  assert.equal(a.of(HIGH)?.conn, -2_000, 'it is asked for a proof, and gives it');
});

test('garbage behind a right key id costs no computation on the curve', () => {
  const { trust, count } = counted(LOW);
  const a = connections(LOW, 1, trust);
  const genuine = joined(sent(connections(HIGH).opened(1, REMOTE, true, at(0))));
  let refused = 0;
  for (let n = 1; n <= genuine.length; n++) {
    a.opened(-n, source(n), false, at(1));
    const fx = a.received(
      -n,
      genuine.map((byte, i) => (i === n - 1 ? byte ^ 1 : byte)),
      at(1),
    );
    if (kinds(fx).includes('close')) refused++;
  }
  assert.equal(count.computed, 0);
  // Of a length that became larger more is awaited.
  assert.ok(refused > genuine.length - 8, `${refused}`);
});
