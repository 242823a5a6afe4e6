// `make scale`: whole meshes in virtual time, each size in a process of its own.
//
//   ROUTERS=10,100   only these sizes   SEED=7   PARTS=join,attach,idle,crash,partition,churn,deaths
//   ROUTERS=real     instead one real router among 1,000 peers
//   ROUTERS=day      instead 24 virtual hours of ten routers under churn
// Writes bench/out/scale-N.json, scale-router.json and scale-day.json; `make scale-docs` makes table and plots of them.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { totalmem } from 'node:os';

const SIZES = [10, 30, 100, 300, 1_000, 'real'];
/** What is left to the rest of the machine. */
const SPARE_MIB = 4_096;

const here = new URL('.', import.meta.url).pathname;

async function run(file: string, ...args: string[]): Promise<boolean> {
  const heap = Math.floor(totalmem() / 2 ** 20) - SPARE_MIB;
  // Most of what a mesh allocates lives for a moment: with room for that, it is not copied until it is dead.
  const flags = ['--expose-gc', `--max-old-space-size=${heap}`, '--max-semi-space-size=64'];
  const child = spawn(process.execPath, [...flags, `${here}${file}`, ...args], { stdio: 'inherit' });
  const [code] = (await once(child, 'close')) as [number | null];
  return code === 0;
}

const seed = process.env.SEED ?? '1';
const sizes = process.env.ROUTERS?.split(',') ?? SIZES.map(String);
const parts = process.env.PARTS;
for (const size of sizes) {
  const isWell =
    size === 'real' || size === 'day'
      ? await run(size === 'day' ? 'day.js' : 'router.js')
      : await run('size.js', size, seed, ...(parts === undefined ? [] : [parts]));
  if (!isWell) process.exitCode = 1;
}
