// One process of `make sim`: runs one scenario after another and says how each went.
import { generate } from './generate.js';
import { run, type Verdict } from './run.js';

/** Seeds from `first` on, each `step`th. */
export interface Share {
  readonly first: number;
  readonly step: number;
}

export interface Done {
  readonly seed: number;
  readonly verdict: Verdict;
}

async function work({ first, step }: Share): Promise<void> {
  for (let seed = first; ; seed += step) {
    const done: Done = { seed, verdict: await run(generate(seed)) };
    await new Promise<void>((sent) => process.send!(done, undefined, undefined, () => sent()));
  }
}

process.on('disconnect', () => process.exit(0)); // nobody listens any more
process.once('message', (share: Share) => void work(share));
