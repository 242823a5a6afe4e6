import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { RecordChange } from '../../../router/gossip/chain.js';
import { Claims } from '../../../router/gossip/claims.js';
import { peerOf } from '../../support/peers.js';
import { blue, bytes, ip } from '../../support/stores.js';
import { ipKey } from '../../../router/wire/records.js';

const key = ipKey(ip(1));
const [A, B, C] = [peerOf(0xa), peerOf(0xb), peerOf(0xc)];
const change = (owner: typeof A, seq: number, value?: Uint8Array, gone = false): RecordChange => ({
  owner,
  topic: blue,
  key,
  seq,
  value,
  deleted: value === undefined,
  gone,
  previous: undefined,
});
const one = bytes(1);
const hear = (...changes: readonly RecordChange[]): Claims => {
  const claims = new Claims();
  for (const c of changes) claims.apply(c);
  return claims;
};
const holder = (claims: Claims): typeof A | undefined => claims.holderOf(blue, key)?.owner;

test('the higher sequence wins, and on a tie the higher peer', () => {
  assert.equal(holder(hear(change(A, 2, one), change(B, 1, one))), A);
  assert.equal(holder(hear(change(A, 2, one), change(B, 2, one))), B);
});

test('the loser is told to whom it lost', () => {
  const claims = hear(change(A, 2, one), change(B, 3, one));
  assert.deepEqual(claims.losersOf(A), [{ topic: blue, key, seq: 2, by: B, bySeq: 3, outranked: false }]);
  assert.deepEqual(claims.losersOf(B), []);
});

test('a withdrawn claim keeps its rank, so the older one does not come back, and its owner hears of it', () => {
  const claims = hear(change(A, 2, one), change(B, 3, one), change(B, 3));
  assert.equal(holder(claims), undefined);
  assert.deepEqual(claims.losersOf(A), [{ topic: blue, key, seq: 2, by: B, bySeq: 3, outranked: true }]);
  assert.equal(claims.highestSeq(blue, key), 3);
  const back = claims.apply(change(A, 4, one));
  assert.deepEqual(
    back.map((c) => [c.winner?.owner, c.previous]),
    [[A, undefined]],
  );
});

test('a withdrawal with the highest sequence of all, which nobody could outrank, keeps nobody out', () => {
  const claims = hear(change(A, 1, one), change(B, 2 ** 48, one), change(B, 2 ** 48));
  assert.equal(holder(claims), A);
  assert.equal(holder(hear(change(B, 2 ** 48), change(A, 2 ** 48, one))), A);
  assert.equal(hear(change(B, 2 ** 48)).highestSeq(blue, key), 0);
});

test('a withdrawal from a loser changes nothing', () => {
  const claims = hear(change(A, 2, one), change(B, 3, one));
  assert.deepEqual(claims.apply(change(A, 2)), []);
  assert.equal(holder(claims), B);
});

test('a move is one change, from the old owner to the new; a repeat is none', () => {
  const claims = hear(change(A, 1, one));
  const [moved, ...rest] = claims.apply(change(B, 2, bytes(2)));
  assert.deepEqual(rest, []);
  assert.deepEqual(moved, {
    topic: blue,
    key,
    winner: { owner: B, seq: 2, value: bytes(2) },
    previous: { owner: A, seq: 1, value: one },
  });
  assert.deepEqual(claims.apply(change(B, 2, bytes(2))), []);
  assert.deepEqual(claims.apply(change(B, 5, bytes(2))), []);
  assert.equal(claims.apply(change(B, 5, bytes(3))).length, 1);
});

test('what is gone counts no more', () => {
  const claims = hear(change(A, 2, one), change(B, 3, one));
  const back = claims.apply(change(B, 3, undefined, true));
  assert.equal(back[0]?.winner?.owner, A);
  assert.equal(claims.highestSeq(blue, key), 2);
  claims.apply(change(A, 2, undefined, true));
  assert.equal(claims.highestSeq(blue, key), 0);
  assert.deepEqual([...claims.holders(blue)], []);
});

test('a tombstone may be dropped only when no live claim is below it', () => {
  const claims = hear(change(A, 2, one), change(B, 3));
  assert.equal(claims.release(change(B, 3, undefined, true)), false);
  assert.equal(holder(claims), undefined);
  claims.apply(change(A, 2));
  assert.equal(claims.release(change(B, 3, undefined, true)), true);
  assert.equal(claims.highestSeq(blue, key), 2);
  assert.equal(claims.release(change(C, 1, undefined, true)), true);
});

test('a record without a sequence is not a claim', () => {
  const claims = hear(change(A, 0, one));
  assert.equal(holder(claims), undefined);
  claims.apply(change(A, 1, one));
  assert.equal(claims.apply(change(A, 0, one))[0]?.winner, undefined);
});

test('the holders of a topic are listed, those of another are not', () => {
  const claims = hear(change(A, 1, one), { ...change(B, 2, one), key: ipKey(ip(2)) });
  assert.deepEqual(
    [...claims.holders(blue)].map(([k, w]) => [k, w.owner]),
    [
      [key, A],
      [ipKey(ip(2)), B],
    ],
  );
  assert.deepEqual([...claims.holders('core')], []);
});

const anyChange = fc
  .record(
    {
      owner: fc.constantFrom(A, B, C),
      seq: fc.nat(4),
      value: fc.option(fc.nat(2), { nil: undefined }),
      gone: fc.boolean(),
    },
    { noNullPrototype: true },
  )
  .map(({ owner, seq, value, gone }) =>
    change(owner, seq, value === undefined || gone ? undefined : bytes(value), gone),
  );

test('the winner is the highest of the latest words, whatever came before', () => {
  fc.assert(
    fc.property(fc.array(anyChange, { maxLength: 30 }), (changes) => {
      const latest = new Map(changes.map((c) => [c.owner, c]));
      const [top] = [...latest.values()]
        .filter((c) => !c.gone && c.seq > 0)
        .sort((a, b) => b.seq - a.seq || (a.owner > b.owner ? -1 : 1));
      const expected = top?.value && { owner: top.owner, seq: top.seq, value: top.value };
      assert.deepEqual(hear(...changes).holderOf(blue, key), expected);
      assert.deepEqual(hear(...[...latest.values()].reverse()).holderOf(blue, key), expected);
    }),
  );
});

test('the changes told add up to the winner', () => {
  fc.assert(
    fc.property(fc.array(anyChange, { maxLength: 30 }), (changes) => {
      const claims = new Claims();
      let told: unknown;
      for (const c of changes) {
        for (const { winner, previous } of claims.apply(c)) {
          assert.deepEqual(previous?.owner, told);
          told = winner?.owner;
        }
      }
      assert.equal(told, holder(claims));
    }),
  );
});
