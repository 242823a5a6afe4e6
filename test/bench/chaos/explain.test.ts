import assert from 'node:assert/strict';
import { test } from 'node:test';
import { explain, GRACE_MS, type Evidence } from '../../../bench/chaos/explain.js';
import { KIND_WORDS, type Happened, type Trouble } from '../../../bench/chaos/fault.js';
import type { Outage } from '../../../bench/chaos/outages.js';

const INTERVAL_MS = 200;

const during = (fromMs: number, toMs: number, trouble: Trouble): Happened => ({
  fault: { ...trouble, atMs: fromMs, forMs: toMs - fromMs },
  fromMs,
  toMs,
});
const outage = (fromMs: number, toMs: number, a = 1, b = 2): Outage => ({
  a,
  b,
  fromMs,
  toMs,
  lost: Math.round((toMs - fromMs) / INTERVAL_MS),
});

function reasons(o: Outage, happened: readonly Happened[], more: Partial<Evidence> = {}): readonly string[] {
  const evidence: Evidence = { happened, sleeved: new Map(), intervalMs: INTERVAL_MS, ...more };
  return explain(o, evidence).reasons;
}

test('a cut explains what the hosts it separates lose while it is in force, and no others', () => {
  const cut = [during(10_000, 20_000, { kind: 'oneWay', from: 2, to: 1 })];
  assert.deepEqual(reasons(outage(10_100, 20_100), cut), [KIND_WORDS.oneWay]);
  assert.deepEqual(reasons(outage(10_100, 20_100, 1, 3), cut), []);
  assert.deepEqual(reasons(outage(9_000, 12_000), cut), [], 'it began before');
  assert.deepEqual(reasons(outage(12_000, 20_000 + GRACE_MS), cut), [KIND_WORDS.oneWay]);
  assert.deepEqual(reasons(outage(12_000, 20_000 + GRACE_MS + 1_000), cut), [], 'it lasts too long');
});

test('halves separate those of one side from those of the other', () => {
  const halves = [during(0, 5_000, { kind: 'halves', side: [1, 3] })];
  assert.deepEqual(reasons(outage(1_000, 4_000, 1, 2), halves), [KIND_WORDS.halves]);
  assert.deepEqual(reasons(outage(1_000, 4_000, 1, 3), halves), []);
});

test('a router that is killed, frozen or without disk explains nothing on the vxlan', () => {
  for (const kind of ['kill', 'freeze', 'disk'] as const)
    assert.deepEqual(reasons(outage(1_000, 1_200), [during(0, 5_000, { kind, host: 1 })]), []);
});

test('a router that goes down at an end of a pair that the sleeve carries explains it, from whichever end it was sent there', () => {
  const freeze = during(0, 5_000, { kind: 'freeze', host: 1 });
  const sleeved = new Map([[freeze, new Set(['0 1', '1 2'])]]);
  assert.deepEqual(reasons(outage(1_000, 6_000), [freeze], { sleeved }), ['router down while on the sleeve']);
  assert.deepEqual(reasons(outage(1_000, 6_000, 0, 1), [freeze], { sleeved }), ['router down while on the sleeve']);
  assert.deepEqual(reasons(outage(1_000, 6_000, 1, 3), [freeze], { sleeved }), []);
});

test('another router that goes down explains it for a pair that the sleeve carries, until another way is found', () => {
  const kill = during(30_000, 50_000, { kind: 'kill', host: 3 });
  const sleeved = new Map([[kill, new Set(['1 2'])]]);
  assert.deepEqual(reasons(outage(30_200, 31_000), [kill]), []);
  assert.deepEqual(reasons(outage(30_200, 31_000), [kill], { sleeved }), ['relay killed or frozen']);
  assert.deepEqual(reasons(outage(30_200, 34_000), [kill], { sleeved }), []);
});

test('a single lost ping is explained by the fault that was there', () => {
  const flush = during(10_000, 10_010, { kind: 'tables', host: 1, what: 'vxlanFdb' });
  assert.deepEqual(reasons(outage(10_200, 10_200), [flush]), ['vxlan FDB flushed']);
  assert.deepEqual(reasons(outage(9_000, 9_000), [flush]), []);
});

test('a flush explains it until there was time to repair, for which the router has to run', () => {
  const flush = during(10_000, 10_010, { kind: 'tables', host: 1, what: 'vxlanFdb' });
  assert.deepEqual(reasons(outage(10_000, 11_000), [flush]), ['vxlan FDB flushed']);
  assert.deepEqual(reasons(outage(10_000, 15_000), [flush]), []);
  const freeze = during(8_000, 14_000, { kind: 'freeze', host: 1 });
  assert.deepEqual(reasons(outage(10_000, 15_000), [flush, freeze]), ['vxlan FDB flushed, router down']);
  const other = during(8_000, 14_000, { kind: 'freeze', host: 2 });
  assert.deepEqual(reasons(outage(10_000, 15_000), [flush, other]), []);
});

test('loss explains as many in a row as chance gives, and no more', () => {
  const loss = [during(0, 60_000, { kind: 'loss', host: 1, percent: 20 })];
  assert.deepEqual(reasons(outage(1_000, 1_600), loss), [KIND_WORDS.loss]);
  assert.deepEqual(reasons(outage(1_000, 5_000), loss), []);
  const little = [during(0, 60_000, { kind: 'loss', host: 1, percent: 5 })];
  assert.deepEqual(reasons(outage(1_000, 3_000), little), []);
});

test('causes that follow on another explain together, the longest first', () => {
  const happened = [
    during(0, 2_000, { kind: 'cut', from: 1, to: 2 }),
    during(4_000, 12_000, { kind: 'halves', side: [1] }),
  ];
  assert.deepEqual(reasons(outage(0, 12_000), happened), [KIND_WORDS.halves, KIND_WORDS.cut]);
});

test('what is sure is named before what may be, and chance before both where it is enough', () => {
  const cut = during(10_000, 20_000, { kind: 'cut', from: 1, to: 2 });
  const kill = during(19_800, 22_000, { kind: 'kill', host: 3 });
  const loss = during(19_000, 30_000, { kind: 'loss', host: 2, percent: 10 });
  const auto = { sleeved: new Map([[kill, new Set(['1 2'])]]) };
  assert.deepEqual(reasons(outage(19_600, 22_400), [cut, kill], auto), [KIND_WORDS.cut, 'relay killed or frozen']);
  assert.deepEqual(reasons(outage(22_000, 22_200), [cut, kill, loss], auto)[0], KIND_WORDS.loss);
});
