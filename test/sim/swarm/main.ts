// `make sim`: random scenarios for as long as asked, one process per core; a broken invariant is shrunk and printed.
// Exit 0: none was broken; 1: one was; 2: it was asked wrongly.
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { generate } from './generate.js';
import { parseOptions } from './options.js';
import { run, type Broken } from './run.js';
import { formatScenario, parseScenario, type Scenario } from './scenario.js';
import { shrink } from './shrink.js';
import { swarm } from './swarm.js';
import type { Done } from './worker.js';

const SHRINK_MS = 120_000;
const now = performance.now.bind(performance); // a running scenario has its own

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const complain = (line: string): void => void process.stderr.write(`make sim: ${line}\n`);

async function main(): Promise<number> {
  const options = parseOptions(process.env, Math.floor(Math.random() * 2 ** 31), availableParallelism());
  if (typeof options === 'string') return refuse(options);
  if (options.script !== undefined) return again(options.script);
  const { failed } = await swarm(options, new URL('./worker.js', import.meta.url), say);
  return failed === undefined ? 0 : report(failed);
}

function refuse(why: string): number {
  complain(why);
  return 2;
}

/** Runs a script of an earlier failure. */
async function again(path: string): Promise<number> {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (e) {
    return refuse(`cannot read SCRIPT="${path}": ${(e as NodeJS.ErrnoException).code}`);
  }
  const scenario = parseScenario(text);
  if (typeof scenario === 'string') return refuse(`SCRIPT="${path}" is no scenario: ${scenario}`);
  const { broken, virtualMs } = await run(scenario);
  say(broken === undefined ? `nothing is broken after ${virtualMs} virtual ms` : sentenceOf(broken));
  return broken === undefined ? 0 : 1;
}

async function report({ seed, verdict }: Done): Promise<number> {
  const broken = verdict.broken!;
  const scenario = generate(seed);
  say(`SEED=${seed}: ${sentenceOf(broken)}`);
  say(`shrinking its ${scenario.steps.length} steps for up to ${SHRINK_MS / 1_000} s ...`);
  const small = await shrunken(scenario, broken);
  const { broken: last } = await run(small);
  say(
    `${small.steps.length} steps: ${sentenceOf(last ?? broken)}\nput this into a file and run it by make sim SCRIPT=FILE`,
  );
  say(formatScenario(small));
  return 1;
}

function shrunken(scenario: Scenario, { invariant }: Broken): Promise<Scenario> {
  const until = now() + SHRINK_MS;
  return shrink(
    scenario,
    async (candidate) => (await run(candidate)).broken?.invariant === invariant,
    () => now() < until,
  );
}

const sentenceOf = ({ invariant, sentence, at }: Broken): string =>
  `broken after ${at} virtual ms: ${invariant}\n  ${sentence}`;

process.exitCode = await main();
