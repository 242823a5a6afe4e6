import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Fault, Trouble } from '../../../bench/chaos/fault.js';
import { parseSettings } from '../../../bench/chaos/settings.js';
import { ruleset } from '../../../bench/chaos/wire.js';

const fault = (trouble: Trouble): Fault => ({ ...trouble, atMs: 0, forMs: 1 });

test('the rules of the switch follow from the faults in force, and from nothing else', () => {
  const rules = ruleset(
    [
      fault({ kind: 'oneWay', from: 2, to: 0 }),
      fault({ kind: 'cut', from: 0, to: 1 }),
      fault({ kind: 'cut', from: 1, to: 0 }),
      fault({ kind: 'loss', host: 1, percent: 12 }),
      fault({ kind: 'kill', host: 0 }),
    ],
    3,
  );
  assert.match(rules, /elements = { "to-h0" \. "to-h1", "to-h1" \. "to-h0", "to-h2" \. "to-h0" };/);
  assert.match(rules, /oifname "to-h1" numgen random mod 100 < 12 counter drop;/);
  assert.match(rules, /^table bridge chaos\ndelete table bridge chaos\n/);
  assert.doesNotMatch(ruleset([], 3), /elements|numgen/);
});

test('halves cut each of the one side from each of the other, both ways', () => {
  const rules = ruleset([fault({ kind: 'halves', side: [0, 2] })], 4);
  assert.equal([...rules.matchAll(/"to-h\d" \. "to-h\d"/g)].length, 8);
  assert.doesNotMatch(rules, /"to-h0" \. "to-h2"/);
});

test('what is not given has a value, and what is given badly gets a sentence', () => {
  assert.deepEqual(parseSettings(['--seconds', '', '--seed', '7', '--routers', '30', '--overlay', 'vxlan']), {
    seconds: 60,
    seed: 7,
    routers: 30,
    overlay: 'vxlan',
  });
  for (const [argv, sentence] of [
    [['--seconds', 'soon'], 'SECONDS is "soon", and not a whole number from 5 to 86400'],
    [['--seconds', '1'], 'SECONDS is "1", and not a whole number from 5 to 86400'],
    [['--seed', '-1'], 'SEED is "-1", and not a whole number from 0 to 4294967295'],
    [['--routers', '2'], 'ROUTERS is "2", and not a whole number from 3 to 200'],
    [['--overlay', 'gre'], 'OVERLAY is "gre", and not auto or vxlan'],
    [['--speed', '3'], 'there is no "--speed", only SECONDS, SEED, ROUTERS and OVERLAY'],
  ] as const)
    assert.equal(parseSettings(argv), sentence);
});
