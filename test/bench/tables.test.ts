import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Values } from '../../bench/sleeve/measure.js';
import { promises, tablesOf, type Named, type Round } from '../../bench/sleeve/tables.js';

const VALUES: Values = {
  tcp1: 1e9,
  tcp4: 1e9,
  udpLarge: 1e3,
  udpSmall: 1e3,
  blast: 1e3,
  rtt: 0.1,
  cpu: { sends: 0, relays: 0, receives: 0, machine: 1 },
  drops: 0,
};
const HAND: Named = { name: 'hand', title: 'by hand', kind: 'kernel' };
const AGAIN: Named = { name: 'again', title: 'again', kind: 'kernel' };
const SEALED: Named = { name: 'sealed', title: 'sealed', kind: 'ours' };
const PLAIN: Named = { name: 'plain', title: 'plain', kind: 'ours' };
const SLOW: Named = { name: 'tinc', title: 'tinc', kind: 'rival' };
const FAST: Named = { name: 'wireguard-go', title: 'wireguard-go', kind: 'rival' };
const OURS = [HAND, AGAIN, SEALED, PLAIN];

const tcp = (gbits: number, more: Partial<Values> = {}): Values => ({ ...VALUES, tcp1: gbits * 1e9, ...more });
const round = (hand: number, again: number, sealed: number, more: Partial<Values> = {}): Round => ({
  hand: tcp(hand),
  again: tcp(again),
  sealed: tcp(sealed, more),
  plain: tcp(sealed * 2),
});

const table = (title: RegExp, contenders: readonly Named[], rounds: readonly Round[]) => {
  const found = tablesOf(contenders, rounds).find((t) => title.test(t.title));
  assert.ok(found, `no table ${title.source}`);
  return Object.fromEntries(found.rows.map(({ what, cells }) => [what, cells]));
};
const promise = (what: RegExp, contenders: readonly Named[], rounds: readonly Round[]) =>
  promises(contenders, rounds).find((figure) => what.test(figure.what));

test('a ratio is the median of the rounds, each to the mean of its own two hand-made measurements', () => {
  const rounds = [round(8, 12, 4), round(1, 1, 0.5), round(100, 300, 20)];
  assert.equal(table(/to the hand-made/, OURS, rounds)['sealed']![0], '0.400'); // of 0.4, 0.5, 0.1
  const sealed = promise(/^sealed, TCP, to hand-made/, OURS, rounds);
  assert.deepEqual([sealed?.cells[0], sealed?.isMet], ['0.400', true]);
});

test('the second hand-made measurement is held against the first, so that its distance from 1 is the noise', () => {
  const rounds = [round(10, 8, 4), round(10, 9, 4), round(10, 30, 4)];
  assert.equal(table(/to the hand-made/, OURS, rounds)['again']![0], '0.900');
  assert.deepEqual(promise(/noise/, OURS, rounds)?.cells, ['0.900', '0.800 .. 3.000']);
});

test('round-trip times are compared by their difference, and a promise of them is an upper bound', () => {
  const slow = [round(10, 10, 4, { rtt: 0.31 })];
  assert.equal(table(/to the hand-made/, OURS, slow)['sealed']!.at(-1), '+0.210');
  assert.equal(promise(/RTT/, OURS, slow)?.isMet, false);
  assert.equal(promise(/RTT/, OURS, [round(10, 10, 4, { rtt: 0.29 })])?.isMet, true);
});

test('one datagram of ours that was lost in one round misses the promise; those of a rival do not', () => {
  const clean = round(10, 10, 4);
  assert.equal(promise(/lost by us/, OURS, [clean, round(10, 10, 4, { drops: 1 }), clean])?.isMet, false);
  const rivals = { tinc: tcp(1, { drops: 7 }), 'wireguard-go': tcp(3) };
  const field = [...OURS, SLOW, FAST];
  assert.equal(promise(/lost by us/, field, [{ ...clean, ...rivals }])?.isMet, true);
  assert.equal(table(/Cost/, field, [{ ...clean, ...rivals }])['tinc']!.at(-1), '7');
});

test('the sealed sleeve must be ahead of the fastest rival, whoever that is', () => {
  const field = [...OURS, SLOW, FAST];
  const rounds = [{ ...round(10, 10, 4), tinc: tcp(0.6), 'wireguard-go': tcp(4.5) }];
  const lead = promise(/^sealed, TCP, to wireguard-go/, field, rounds);
  assert.deepEqual([lead?.cells[0], lead?.isMet], ['0.889', false]);
});

test('without rivals there is nothing to be ahead of, and no table of ratios to one that is not there', () => {
  const rounds = [round(10, 10, 4)];
  assert.deepEqual(
    tablesOf(OURS, rounds).map(({ title }) => title),
    ['Median of all rounds', 'Ratio to the hand-made VXLAN', 'Cost of the one TCP stream'],
  );
  assert.ok(promises(OURS, rounds).every(({ what }) => !/tinc|wireguard/.test(what)));
});
