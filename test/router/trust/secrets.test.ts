import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MAX_FORMER_SECRETS } from '../../../router/trust/limits.js';
import fc from 'fast-check';
import {
  clashes,
  heldSecret,
  isNewer,
  onlySecret,
  retired,
  taken,
  type HeldSecret,
} from '../../../router/trust/secrets.js';

const secret = (n: number, number = 0, order?: Uint8Array): HeldSecret =>
  heldSecret(`s${n}`, new Uint8Array(32).fill(n), number, order);
const anySecret = fc
  .tuple(fc.nat(9), fc.nat(5), fc.boolean())
  .map(([n, number, isOrdered]) => secret(n, number, isOrdered ? Uint8Array.of(n, number) : undefined));

test('of two secrets one is newer, to everybody', () => {
  fc.assert(
    fc.property(anySecret, anySecret, (a, b) => {
      if (a.keys.id === b.keys.id && a.number === b.number) assert.ok(!isNewer(a, b) && !isNewer(b, a));
      else assert.notEqual(isNewer(a, b), isNewer(b, a));
    }),
  );
});

test('in whatever order secrets are taken, the newest is first, no key id is twice, and there are four at most', () => {
  fc.assert(
    fc.property(fc.array(anySecret, { minLength: 1, maxLength: 12 }), (all) => {
      const { held, former } = all.reduce(taken, onlySecret(all[0]!));
      assert.ok(held.length <= 4 && new Set(held.map(({ keys }) => keys.id)).size === held.length);
      assert.ok(held.every((s, i) => i === 0 || isNewer(held[i - 1]!, s)));
      assert.ok(
        all.every((s) => !isNewer(s, held[0]!)),
        'what was newest was not lost',
      );
      assert.ok(held.every(({ keys }) => !former.includes(keys.id)));
    }),
  );
});

test('what is known of one secret is joined: the higher number, and an order if there is one', () => {
  const order = Uint8Array.of(1);
  for (const [one, other] of [
    [secret(1, 3), secret(1, 2, order)],
    [secret(1, 2, order), secret(1, 3)],
  ] as const) {
    const [only] = taken(onlySecret(one), other).held;
    assert.deepEqual([only!.number, only!.order], [3, order]);
  }
  assert.deepEqual(
    taken(onlySecret(secret(1, 2, order)), secret(1, 3, Uint8Array.of(2))).held[0]!.order,
    Uint8Array.of(2),
  );
});

test('what is retired is remembered by its key id, so many at most, and taken again it is no former one', () => {
  const gone = Array.from({ length: MAX_FORMER_SECRETS + 3 }, (_, i) => `${i}`);
  assert.equal(onlySecret(secret(0), gone).former.length, gone.length);
  assert.deepEqual(retired(taken(onlySecret(secret(0), gone), secret(1, 1))).former, [
    secret(0).keys.id,
    ...gone.slice(0, MAX_FORMER_SECRETS - 1),
  ]);
  let all = onlySecret(secret(0));
  for (let n = 1; n <= 12; n++) all = retired(taken(all, secret(n, n)));
  assert.deepEqual(
    all.former,
    Array.from({ length: 12 }, (_, i) => secret(11 - i).keys.id),
  );
  assert.ok(!taken(all, secret(9)).former.includes(secret(9).keys.id));
});

test('another secret under a key id that is held is none', () => {
  const known = onlySecret(secret(1));
  assert.equal(clashes(known, { ...secret(2), keys: secret(1).keys }), true);
  assert.equal(clashes(known, secret(1)), false);
  assert.equal(clashes(known, secret(2)), false);
});
