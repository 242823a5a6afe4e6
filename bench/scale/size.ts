// One size of mesh, in a process of its own: everything that is measured of it, in order, as bench/out/scale-N.json.
//   node --expose-gc --max-old-space-size=MB size.js N SEED [PARTS]
// PARTS: of join,attach,idle,crash,partition,churn,deaths; all without it.
import { mkdirSync, writeFileSync } from 'node:fs';
import { load, machine } from '../support/machine.js';
import { attaches, crashes, joins, partition } from './moments.js';
import { ScaleMesh } from './scale-mesh.js';
import { churn, falseDeaths, heapBytes, heapPerRouter, idle } from './steady.js';

const OUT = 'bench/out';
const LOSS = 0.01;
const HIGH_LOSS = 0.05;
/** Connections that served while the mesh grew are given up after 180 to 270 s. */
const REST_MS = 300_000;
const SHORT_REST_MS = 60_000;
const MEBIBYTE = 2 ** 20;

const [size, seed] = [Number(process.argv[2]), Number(process.argv[3])];
const parts = new Set((process.argv[4] ?? 'join,attach,idle,crash,partition,churn,deaths').split(','));
/** Fewer of each where each has very many observers. */
const events = size >= 1_000 ? 10 : size >= 300 ? 20 : 50;
const newcomers = size >= 1_000 ? 3 : Math.min(5, Math.ceil(size / 4));

/** Larger ones do not grow from nothing: N newcomers at once are N * N answers. */
const fromRecords = size > 100;

const figures: Record<string, unknown> = { size, seed, loss: LOSS, fromRecords, machine: machine() };
const startedAt = process.hrtime.bigint();
const seconds = (): number => Number(process.hrtime.bigint() - startedAt) / 1e9;

function measure(part: string, run: () => unknown): void {
  if (!parts.has(part)) return;
  const [from, loadBefore] = [seconds(), load()];
  const figure = run();
  figures[part] = figure;
  const took = seconds() - from;
  console.error(
    `${size} routers: ${part} ${JSON.stringify(figure)} (${took.toFixed(1)} s, load ${loadBefore.toFixed(1)})`,
  );
  figures.seconds = Math.round(seconds());
  mkdirSync(OUT, { recursive: true });
  writeFileSync(`${OUT}/scale-${size}.json`, `${JSON.stringify(figures, undefined, 1)}\n`);
}

const baseline = heapBytes();
const mesh = new ScaleMesh(seed);
mesh.lose(LOSS);
if (fromRecords) mesh.growFromRecords(size - newcomers);
else mesh.grow(size - newcomers);
console.error(`${size} routers: grown in ${seconds().toFixed(1)} s, ${mesh.world.time.now()} virtual ms`);
measure('join', () =>
  joins(
    mesh,
    Array.from({ length: newcomers }, (_, i) => `new${i}`),
  ),
);
mesh.untilAgreed(60_000);
mesh.logged('');
measure('attach', () => attaches(mesh, events));
mesh.world.run(fromRecords ? SHORT_REST_MS : REST_MS);
figures.heapMiB = heapPerRouter(mesh, baseline) / MEBIBYTE;
measure('idle', () => idle(mesh, 60));
measure('crash', () => crashes(mesh, size >= 300 ? 3 : Math.min(5, Math.ceil(size / 10) + 1)));
measure('partition', () => {
  const { known, agreed } = partition(mesh);
  figures.healed = known;
  return agreed;
});
measure('churn', () => churn(mesh, size >= 1_000 ? 10 : 30));
mesh.lose(HIGH_LOSS);
measure('deaths', () => falseDeaths(mesh, 20));
// Not closed: a crash writes each router's cache to its disk, and the process ends anyway.
