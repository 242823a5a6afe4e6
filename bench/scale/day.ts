// 24 virtual hours of ten routers under churn: does anything grow?   node --expose-gc day.js [HOURS] [SEED]
// Every 2 s an endpoint leaves its host and another comes, every 5 min a router is killed and restarted, every hour the mesh is
// cut in two for a minute. A line for each hour: heap after a collection (five minutes after the cut), bytes a router sent a second.
import { mkdirSync, writeFileSync } from 'node:fs';
import { ScaleMesh } from './scale-mesh.js';
import { heapBytes } from './steady.js';

const SIZE = 10;
const [CHANGE_S, RESTART_S, CUT_AT_S, HOUR_S] = [2, 300, 3_240, 3_600];
const CUT_S = 60;

const [hours, seed] = [Number(process.argv[2] ?? 24), Number(process.argv[3] ?? 1)];
const mesh = new ScaleMesh(seed);
mesh.lose(0.01);
mesh.grow(SIZE);

function second(s: number): void {
  if (s % CHANGE_S === 0) {
    mesh.detach(mesh.pick(mesh.endpoints));
    mesh.attach(mesh.pick(mesh.names));
  }
  if (s % RESTART_S === 0) {
    const name = mesh.pick(mesh.names);
    mesh.world.restart(name);
    mesh.meter.watch(name, mesh.world.host(name).router.network);
  }
  if (s === CUT_AT_S) mesh.world.partition(mesh.names.slice(0, SIZE / 2), mesh.names.slice(SIZE / 2));
  if (s === CUT_AT_S + CUT_S) mesh.world.heal();
  mesh.world.run(1_000);
}

const rows: { hour: number; heapMiB: number; bytesPerS: number; records: number; healed: boolean }[] = [];
for (let hour = 1; hour <= hours; hour++) {
  mesh.meter.reset();
  for (let s = 0; s < HOUR_S; s++) second(s);
  const bytesPerS = Math.round(mesh.meter.total().bytes / SIZE / HOUR_S);
  mesh.logged('');
  let healed = true;
  try {
    mesh.untilAgreed(10_000);
  } catch {
    healed = false;
  }
  const { records } = mesh.hosts[0]!.router.core.options.store.stats();
  rows.push({ hour, heapMiB: Math.round((heapBytes() / 2 ** 20) * 10) / 10, bytesPerS, records, healed });
  console.error(JSON.stringify(rows.at(-1)));
  mkdirSync('bench/out', { recursive: true });
  writeFileSync('bench/out/scale-day.json', `${JSON.stringify(rows, undefined, 1)}\n`);
}
mesh.close();
