// `make chaos`: faults from one seed upon real routers, while pings run between all containers. Ends with 0 when the mesh held,
// 1 when it did not, 2 when it was asked for what there is not.
//
//   make chaos SECONDS=600 SEED=7 ROUTERS=30 OVERLAY=auto
import { mkdirSync, writeFileSync } from 'node:fs';
import { load, machine } from '../support/machine.js';
import { leftBehind, runChaos } from './chaos.js';
import { drawOutcome, judge, outcomeJson } from './report.js';
import { parseSettings, type Settings } from './settings.js';

const OUT = 'bench/out';

async function main(settings: Settings): Promise<number> {
  const { seed, seconds, routers, overlay } = settings;
  const { kernel, node, cpus, cpu } = machine();
  console.log(`mesh chaos   seed ${seed}: ${routers} routers for ${seconds} s, overlay ${overlay}`);
  console.log(`  Linux ${kernel}, Node ${node}, ${cpus} x ${cpu}, load average ${load().toFixed(1)}`);
  const outcome = await runChaos(settings, { say: (line) => console.error(`    ${line}`) });
  const left = leftBehind();
  const verdict = judge({ ...outcome, failures: [...outcome.failures, ...left] });
  mkdirSync(OUT, { recursive: true });
  const file = `${OUT}/chaos-${seed}.json`;
  writeFileSync(file, outcomeJson(outcome, verdict));
  console.log('');
  for (const line of drawOutcome(outcome, verdict)) console.log(line);
  console.log(`  load average ${load().toFixed(1)}; every fault and outage: ${file}`);
  return verdict.broken.length > 0 ? 1 : 0;
}

const settings = parseSettings(process.argv.slice(2));
if (typeof settings === 'string') {
  console.error(`make chaos: ${settings}`);
  process.exit(2);
}
if (process.env.MESH_SANDBOX !== '1') {
  console.error('make chaos: it needs a sandbox: scripts/sandbox.sh node dist/bench/chaos/main.js');
  process.exit(2);
}
// The sandbox takes down what is left: routers, namespaces, disks.
for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)
  process.once(signal, () => process.exit(code));
process.exit(await main(settings));
