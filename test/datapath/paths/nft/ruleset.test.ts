import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Ruleset } from '../../../../datapath/paths/nft/ruleset.js';

function ruleset() {
  const kernel = { commits: 1, generation: () => kernel.commits };
  return { kernel, ruleset: new Ruleset(kernel) };
}

/** How many commits there are while ours is under way, whether ours is one of them, and whether the edition is another then. */
for (const [commits, isOurs, isAnother, sentence] of [
  [1, true, false, 'a commit of ours leaves the edition as it is'],
  [2, true, true, "another's beside ours is seen"],
  [0, false, false, 'a commit of ours that is refused changes nothing'],
  [1, false, true, "another's while ours is refused is not taken for ours"],
] as const)
  test(sentence, async () => {
    const { kernel, ruleset: r } = ruleset();
    const before = r.edition();
    const work = (): boolean => {
      kernel.commits += commits;
      return isOurs;
    };
    await r.commit(work, (isDone) => isDone);
    assert.equal(r.edition() !== before, isAnother);
    assert.equal(r.edition(), r.edition());
  });

test('what cannot be known is not known, and may have changed when it is known again', () => {
  let generation: number | undefined = 7;
  const r = new Ruleset({ generation: () => generation });
  const before = r.edition();
  generation = undefined;
  assert.equal(r.edition(), undefined);
  generation = 7;
  assert.notEqual(r.edition(), before);
});
