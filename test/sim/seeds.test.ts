// Random lives of small meshes, a fixed set of them, and every one that ever broke something. Others: `make sim`.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FOUND } from './swarm/found.js';
import { generate } from './swarm/generate.js';
import { run } from './swarm/run.js';
import { hostsOf, type Scenario } from './swarm/scenario.js';
import { shrink } from './swarm/shrink.js';

const SEEDS = Array.from({ length: 40 }, (_, i) => i + 1);

const holds = async (scenario: Scenario): Promise<void> => {
  const { broken } = await run(scenario);
  assert.equal(broken && `${broken.invariant}: ${broken.sentence}`, undefined, `make sim SEED=${scenario.seed}`);
};

for (const { what, scenario } of FOUND) test(what, () => holds(scenario));

test(`whatever happens in ${SEEDS.length} meshes, what must always hold holds`, async () => {
  for (const seed of SEEDS) await holds(generate(seed));
});

test('the same seed is the same scenario and goes the same way', async () => {
  assert.deepEqual(generate(7), generate(7));
  assert.deepEqual(await run(generate(7)), await run(generate(7)));
});

test('shrinking leaves what breaks it: few steps, few hosts, little time', async () => {
  const scenario = generate(11);
  const [first, last] = [
    scenario.steps.find((s) => s.kind === 'join')!,
    scenario.steps.findLast((s) => s.kind === 'attach')!,
  ];
  const isBroken = ({ steps }: Scenario): Promise<boolean> =>
    Promise.resolve(
      [first, last].every(({ at: _, ...one }) =>
        steps.some(({ at: __, ...s }) => JSON.stringify(s) === JSON.stringify(one)),
      ),
    );
  const small = await shrink(scenario, isBroken, () => true);
  assert.deepEqual(
    small.steps.map((s) => s.kind),
    ['join', 'attach'],
  );
  assert.equal(small.endsAt, 0);
  assert.ok(new Set(small.steps.flatMap(hostsOf)).size <= 2);
});
