import assert from 'node:assert/strict';
import { test } from 'node:test';
import { generate } from './generate.js';
import { parseOptions } from './options.js';
import { formatScenario, parseScenario } from './scenario.js';

test('a minute from a random seed on every core is what is done unless told otherwise', () => {
  const all = { seconds: 60, seed: 7, count: Infinity, jobs: 2, script: undefined };
  assert.deepEqual(parseOptions({}, 7, 2), all);
  assert.deepEqual(parseOptions({ SECONDS: '', SEED: '', SCRIPT: '' }, 7, 2), all);
  assert.deepEqual(parseOptions({ SECONDS: '600', SEED: '0', COUNT: '5', JOBS: '1', SCRIPT: 'x' }, 7, 2), {
    seconds: 600,
    seed: 0,
    count: 5,
    jobs: 1,
    script: 'x',
  });
});

test('a number that is none is refused in a sentence that names it', () => {
  for (const SECONDS of ['x', '0', '-1', '1.5', '1e3', '99999999999', ' 1'])
    assert.equal(parseOptions({ SECONDS }, 7, 2), `SECONDS="${SECONDS}" is not a whole number from 1 to 604800`);
  assert.equal(
    parseOptions({ SEED: '4294967296' }, 7, 2),
    'SEED="4294967296" is not a whole number from 0 to 4294967295',
  );
});

test('a scenario that was printed is the same when it is read, and what is none is refused', () => {
  const scenario = generate(3);
  assert.deepEqual(parseScenario(formatScenario(scenario)), JSON.parse(JSON.stringify(scenario)));
  assert.equal(parseScenario('{}'), 'it lacks "seed", "endsAt" or "steps"');
  assert.equal(parseScenario('{"seed":1,"endsAt":1,"steps":[{"at":0}]}'), 'step 1 lacks "at" or "kind"');
  assert.match(parseScenario('hello') as string, /JSON/);
});
