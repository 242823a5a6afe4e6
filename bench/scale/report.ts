// docs/scale.md's table and plots out of bench/out/scale-*.json: `make scale-docs`. Text around the table stays as it is.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { svg, type Plot, type Series } from './plot.js';
import { scaleTable, type SizeFigures } from './table.js';

const [OUT, DOC, PLOTS] = ['bench/out', 'docs/scale.md', 'docs/scale'];
const [BEGIN, END] = ['<!-- table: made by `make scale-docs` -->', '<!-- end of table -->'];

const sizes = (existsSync(OUT) ? readdirSync(OUT) : [])
  .filter((name) => /^scale-\d+\.json$/.test(name))
  .map((name) => JSON.parse(readFileSync(`${OUT}/${name}`, 'utf8')) as SizeFigures)
  .sort((a, b) => a.size - b.size);
if (sizes.length === 0) throw new Error(`${OUT} has no scale-N.json: run make scale first`);

const line = (name: string, of: (f: SizeFigures) => number | undefined): Series => ({
  name,
  points: sizes.flatMap((f): [number, number][] => {
    const y = of(f);
    return y === undefined || y <= 0 ? [] : [[f.size, y]];
  }),
});
const reference = (name: string, points: readonly (readonly [number, number])[]): Series => ({
  name,
  points: points.filter(([n]) => n >= sizes[0]!.size && n <= sizes.at(-1)!.size),
  isReference: true,
});

/** Serf's convergence simulator, fan-out 3, 200 ms, no loss; scalecube-cluster's own measurements, 1 % loss. */
const SERF = [
  [10, 1_600],
  [30, 1_800],
  [100, 2_000],
  [1_000, 2_200],
] as const;
const SCALECUBE = [
  [10, 2_990],
  [20, 2_716],
  [50, 3_483],
  [100, 3_177],
  [200, 3_617],
] as const;

const plots: Record<string, Plot> = {
  convergence: {
    title: 'Until all know, 99th percentile, at 1 % loss',
    xLabel: 'routers',
    yLabel: 'virtual ms',
    series: [
      line('join', (f) => f.join?.known.p99),
      line('attach', (f) => f.attach?.p99),
      line('crash', (f) => f.crash?.p99),
      line('partition healed', (f) => f.healed),
      reference('Serf, simulated', SERF),
      reference('scalecube, measured', SCALECUBE),
    ],
  },
  traffic: {
    title: 'What each router sends, headers included',
    xLabel: 'routers',
    yLabel: 'bytes a second',
    series: [
      line('idle', (f) => f.idle?.bytesPerS),
      line('1 % of endpoints a second', (f) => f.churn?.bytesPerS),
      reference(
        'memberlist, ceiling',
        sizes.map((f) => [f.size, 21_000] as const),
      ),
    ],
  },
  cost: {
    title: 'What each router costs',
    xLabel: 'routers',
    yLabel: 'see the legend',
    series: [
      line('idle, 0.001 % of a core', (f) => (f.idle === undefined ? undefined : f.idle.cpu * 1e5)),
      line('churn, 0.001 % of a core', (f) => (f.churn === undefined ? undefined : f.churn.cpu * 1e5)),
      line('heap, KiB', (f) => (f.heapMiB === undefined ? undefined : f.heapMiB * 1024)),
    ],
  },
};

mkdirSync(PLOTS, { recursive: true });
for (const [name, plot] of Object.entries(plots)) {
  const series = plot.series.filter((s) => s.points.length > 1);
  if (series.length > 0) writeFileSync(`${PLOTS}/${name}.svg`, svg({ ...plot, series }));
}
const doc = readFileSync(DOC, 'utf8');
const [head, rest] = [doc.slice(0, doc.indexOf(BEGIN) + BEGIN.length), doc.slice(doc.indexOf(END))];
writeFileSync(DOC, `${head}\n\n${scaleTable(sizes)}\n\n${rest}`);
