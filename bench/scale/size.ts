// One size of mesh, in a process of its own: everything that is measured of it, in order, as bench/out/scale-N.json.
//   node --expose-gc --max-old-space-size=MB size.js N SEED [PARTS]
// PARTS: of join,attach,idle,crash,partition,churn,deaths, in the order in which they are measured; all without it.
import { mkdirSync, writeFileSync } from 'node:fs';
import { load, machine } from '../support/machine.js';
import { attaches, crashes, joins, partition } from './moments.js';
import { ScaleMesh } from './scale-mesh.js';
import { churn, falseDeaths, heapBytes, heapPerRouter, idle, type Deaths } from './steady.js';

const OUT = 'bench/out';
const LOSS = 0.01;
const HIGH_LOSS = 0.05;
/** Connections that served while the mesh grew are given up after 180 to 270 s. */
const REST_MS = 300_000;
const SHORT_REST_MS = 60_000;
const DEATH_MINUTES = 10;
const ALL = 'join,attach,idle,crash,partition,churn,deaths';
const MEBIBYTE = 2 ** 20;

const [size, seed] = [Number(process.argv[2]), Number(process.argv[3])];
const wanted = (process.argv[4] ?? ALL).split(',');
/** Fewer of each where each has very many observers. */
const events = size >= 1_000 ? 10 : size >= 300 ? 20 : 50;
const newcomers = size >= 1_000 ? 3 : Math.min(5, Math.ceil(size / 4));

/** Larger ones do not grow from nothing: N newcomers at once are N * N answers. */
const fromRecords = size > 100;

const figures: Record<string, unknown> = { size, seed, loss: LOSS, fromRecords, machine: machine() };
const startedAt = process.hrtime.bigint();
const seconds = (): number => Number(process.hrtime.bigint() - startedAt) / 1e9;
const baseline = heapBytes();
const mesh = new ScaleMesh(seed);
let hasRested = false;

/** What a long part has come to: with a thousand routers one may take an hour. */
function say(what: string): void {
  const { user, system } = process.cpuUsage();
  const cpu = ((user + system) / 1e6).toFixed(0);
  console.error(`${size} routers: ${what}, ${mesh.world.time.now()} virtual ms, ${cpu} s of processor`);
}

function write(figure: Record<string, unknown>): void {
  Object.assign(figures, figure, { seconds: Math.round(seconds()) });
  mkdirSync(OUT, { recursive: true });
  writeFileSync(`${OUT}/scale-${size}.json`, `${JSON.stringify(figures, undefined, 1)}\n`);
}

function rest(): void {
  if (hasRested) return;
  hasRested = true;
  mesh.logged('');
  mesh.world.run(fromRecords ? SHORT_REST_MS : REST_MS);
  write({ heapMiB: heapPerRouter(mesh, baseline) / MEBIBYTE });
  say('rested');
}

const names = Array.from({ length: newcomers }, (_, i) => `new${i}`);
const PARTS: Readonly<Record<string, () => Record<string, unknown>>> = {
  join: () => {
    const join = joins(mesh, names);
    mesh.untilAgreed(60_000);
    return { join };
  },
  attach: () => ({ attach: attaches(mesh, events) }),
  idle: () => {
    rest();
    return { idle: idle(mesh, 60) };
  },
  crash: () => {
    rest();
    return { crash: crashes(mesh, size >= 300 ? 3 : Math.min(5, Math.ceil(size / 10) + 1)) };
  },
  partition: () => {
    rest();
    const { known, agreed } = partition(mesh, say);
    return { healed: known, partition: agreed };
  },
  churn: () => {
    rest();
    mesh.lose(LOSS);
    return { churn: churn(mesh, size >= 1_000 ? 10 : 30) };
  },
  deaths: () => {
    rest();
    mesh.lose(HIGH_LOSS);
    const soFar = (deaths: Deaths): void => {
      write({ deaths });
      say(`deaths ${JSON.stringify(deaths)}`);
    };
    const kinds = size >= 1_000 ? (['withSlow'] as const) : (['asTheyAre', 'withSlow'] as const);
    return { deaths: falseDeaths(mesh, kinds, DEATH_MINUTES, soFar) };
  },
};

mesh.lose(LOSS);
const first = wanted.includes('join') ? size - newcomers : size;
if (fromRecords) mesh.growFromRecords(first, say);
else mesh.grow(first);
say('grown');
for (const part of wanted) {
  const [from, loadBefore] = [seconds(), load()];
  const figure = PARTS[part]?.() ?? {};
  write(figure);
  const took = `${(seconds() - from).toFixed(1)} s, load ${loadBefore.toFixed(1)} to ${load().toFixed(1)}`;
  console.error(`${size} routers: ${JSON.stringify(figure)} (${took})`);
}
// Not closed: a crash writes each router's cache to its disk, and the process ends anyway.
