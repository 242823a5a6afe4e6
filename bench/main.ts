// `make bench`: measures what the README promises, beside what plain `ip` and `bridge` give on the same namespaces.
//
//   PARTS=throughput,sleeve,launch,attach,macs,fire,idle,crowd,flood   only these
//   FLOODS=vxlan/streams,sleeve/sleeve   of the flood part only these: the overlay, and what is flooded
//   ROUNDS=15   of throughput and sleeve     IDLE_S=60
//   BENCH_LOCK=FILE   each round of the sleeve and the flood part holds this lock of flock(1), as others on the machine may do
import assert from 'node:assert/strict';
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { attachPart } from './parts/attach.js';
import { crowdPart } from './parts/crowd.js';
import { firePart } from './parts/fire.js';
import { floodPart } from './parts/flood.js';
import { idlePart } from './parts/idle.js';
import { launchPart } from './parts/launch.js';
import { macsPart } from './parts/macs.js';
import { sleevePart } from './parts/sleeve.js';
import { throughputPart } from './parts/throughput.js';
import { exclusively } from './support/exclusive.js';
import { load, machine } from './support/machine.js';
import { drawResult, type Part, type Settings } from './support/report.js';

const PARTS: readonly Part[] = [
  throughputPart,
  sleevePart,
  launchPart,
  attachPart,
  macsPart,
  firePart,
  idlePart,
  crowdPart,
  floodPart,
];
const OUT = 'bench/out';

interface Outcome {
  readonly loadBefore: number;
  readonly loadAfter: number;
  readonly seconds: number;
  readonly error?: string;
  readonly data?: unknown;
}

async function main(): Promise<number> {
  assert.equal(process.env.MESH_SANDBOX, '1', 'needs a sandbox: make bench');
  const startedAt = new Date().toISOString();
  const about = machine();
  const chosen = choose(process.env.PARTS);
  mkdirSync(OUT, { recursive: true });
  const file = `${OUT}/bench-${startedAt.replace(/\.\d+Z$/, 'Z').replaceAll(':', '')}.json`;
  const settings: Settings = {
    rounds: count('ROUNDS', 15),
    idleS: count('IDLE_S', 60),
    say: (progress) => console.error(`    ${progress}`),
    keep: (value) => appendFileSync(`${file}l`, `${JSON.stringify(value)}\n`),
    exclusively: (work) => exclusively(process.env.BENCH_LOCK, work),
  };
  console.log(`mesh bench   Linux ${about.kernel}, Node ${about.node}, ${about.cpus} x ${about.cpu}`);
  const outcomes: Record<string, Outcome> = {};
  for (const part of chosen) outcomes[part.name] = await runPart(part, settings);
  const { rounds, idleS } = settings;
  writeFileSync(file, JSON.stringify({ startedAt, machine: about, rounds, idleS, parts: outcomes }, undefined, 1));
  console.log(`\nevery value: ${file}`);
  const failed = chosen.filter((part) => outcomes[part.name]!.error !== undefined);
  if (failed.length > 0) console.log(`failed: ${failed.map((part) => part.name).join(' ')}`);
  return failed.length > 0 ? 1 : 0;
}

async function runPart(part: Part, settings: Settings): Promise<Outcome> {
  const [loadBefore, startedAt] = [load(), performance.now()];
  const times = () => ({ loadBefore, loadAfter: load(), seconds: Math.round((performance.now() - startedAt) / 1000) });
  console.log(`\n${part.title}`);
  try {
    const result = await part.run(settings);
    for (const line of drawResult(result)) console.log(line);
    const { figures, data: values, failed } = result;
    const outcome = { ...times(), data: { figures, values }, ...(failed !== undefined && { error: failed }) };
    if (failed !== undefined) console.log(`  FAILED: ${failed}`);
    console.log(`  load average ${loadBefore.toFixed(1)} before, ${outcome.loadAfter.toFixed(1)} after`);
    return outcome;
  } catch (e) {
    const error = e instanceof Error ? (e.stack ?? e.message) : String(e);
    const cause = e instanceof Error && e.cause instanceof Error ? `\ncaused by ${e.cause.message}` : '';
    console.log(`  FAILED: ${error}${cause}`);
    return { ...times(), error };
  }
}

function choose(names: string | undefined): readonly Part[] {
  if (names === undefined || names === '') return PARTS;
  return names.split(',').map((name) => {
    const part = PARTS.find((p) => p.name === name);
    assert.ok(part, `PARTS: there is no "${name}", only ${PARTS.map((p) => p.name).join(', ')}`);
    return part;
  });
}

function count(name: string, otherwise: number): number {
  const n = Number(process.env[name] ?? otherwise);
  assert.ok(Number.isInteger(n) && n > 0, `${name} is a whole number above 0`);
  return n;
}

const code = await main();
process.removeAllListeners('exit'); // a test's router prints its log when the process fails: here the part has said why
process.exit(code);
