// Line plots as SVG text. Pure. Both axes logarithmic; legible on light and dark pages, since colours follow the reader's theme.

export interface Series {
  readonly name: string;
  /** x and y above 0. */
  readonly points: readonly (readonly [x: number, y: number])[];
  /** Drawn in broken lines: somebody else's figures, or a promise. */
  readonly isReference?: boolean;
}

export interface Plot {
  readonly title: string;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly series: readonly Series[];
}

const [WIDTH, HEIGHT] = [780, 420];
const [LEFT, RIGHT, TOP, BOTTOM] = [72, 250, 44, 56];
const COLOURS = 8;

const STYLE = `
  text { font: 13px system-ui, sans-serif; fill: #1f2328; }
  .title { font-weight: 600; font-size: 15px; }
  .axis { stroke: #59636e; } .grid { stroke: #59636e; stroke-opacity: .22; }
  .line { fill: none; stroke-width: 2; } .reference { stroke-dasharray: 6 4; }
  .c0 { stroke: #0969da; fill: #0969da; } .c1 { stroke: #bc4c00; fill: #bc4c00; } .c2 { stroke: #1a7f37; fill: #1a7f37; }
  .c3 { stroke: #8250df; fill: #8250df; } .c4 { stroke: #cf222e; fill: #cf222e; } .c5 { stroke: #9a6700; fill: #9a6700; }
  .c6 { stroke: #bf3989; fill: #bf3989; } .c7 { stroke: #59636e; fill: #59636e; }
  .line { fill: none; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; } .axis { stroke: #9198a1; } .grid { stroke: #9198a1; }
    .c0 { stroke: #4493f8; fill: #4493f8; } .c1 { stroke: #f0883e; fill: #f0883e; } .c2 { stroke: #3fb950; fill: #3fb950; }
    .c3 { stroke: #ab7df8; fill: #ab7df8; } .c4 { stroke: #f85149; fill: #f85149; } .c5 { stroke: #d29922; fill: #d29922; }
    .c6 { stroke: #db61a2; fill: #db61a2; } .c7 { stroke: #9198a1; fill: #9198a1; }
    .line { fill: none; }
  }`;

/** @returns a whole SVG document; the same plot gives the same bytes */
export function svg(plot: Plot): string {
  const all = plot.series.flatMap((s) => s.points);
  const x = scale(
    all.map(([at]) => at),
    LEFT,
    WIDTH - RIGHT,
    false,
  );
  const y = scale(
    all.map(([, at]) => at),
    HEIGHT - BOTTOM,
    TOP,
    true,
  );
  const xs = [...new Set(plot.series.filter((s) => s.isReference !== true).flatMap((s) => s.points.map(([at]) => at)))];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escaped(plot.title)}">`,
    `<style>${STYLE}\n</style>`,
    `<text class="title" x="${LEFT}" y="22">${escaped(plot.title)}</text>`,
    ...y.ticks.map((at) => line('grid', LEFT, y.of(at), WIDTH - RIGHT, y.of(at))),
    ...y.ticks.map((at) => text(LEFT - 8, y.of(at) + 4, short(at), 'end')),
    ...xs.map((at) => line('axis', x.of(at), HEIGHT - BOTTOM, x.of(at), HEIGHT - BOTTOM + 5)),
    ...xs.map((at) => text(x.of(at), HEIGHT - BOTTOM + 20, short(at), 'middle')),
    line('axis', LEFT, HEIGHT - BOTTOM, WIDTH - RIGHT, HEIGHT - BOTTOM),
    line('axis', LEFT, TOP, LEFT, HEIGHT - BOTTOM),
    text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 14, plot.xLabel, 'middle'),
    `<text text-anchor="middle" transform="translate(18 ${(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)">${escaped(plot.yLabel)}</text>`,
    ...plot.series.flatMap((s, i) => drawSeries(s, i % COLOURS, x.of, y.of)),
    ...plot.series.flatMap((s, i) => legend(s, i)),
    '</svg>',
    '',
  ].join('\n');
}

function drawSeries(s: Series, colour: number, x: (at: number) => number, y: (at: number) => number): string[] {
  const points = s.points.map(([px, py]) => `${fixed(x(px))},${fixed(y(py))}`);
  const dots = s.isReference === true ? [] : points.map((p) => p.split(','));
  return [
    `<polyline class="line c${colour}${s.isReference === true ? ' reference' : ''}" points="${points.join(' ')}"/>`,
    ...dots.map(([cx, cy]) => `<circle class="c${colour}" cx="${cx}" cy="${cy}" r="3"/>`),
  ];
}

function legend(s: Series, i: number): string[] {
  const [x, y] = [WIDTH - RIGHT + 16, TOP + 10 + i * 22];
  const style = `line c${i % COLOURS}${s.isReference === true ? ' reference' : ''}`;
  return [line(style, x, y, x + 24, y), text(x + 32, y + 4, s.name, 'start')];
}

interface Scale {
  readonly of: (value: number) => number;
  readonly ticks: readonly number[];
}

/** Logarithmic from `from` to `to`. @param isWhole widened to whole steps of 1, 2, 5, 10 */
function scale(values: readonly number[], from: number, to: number, isWhole: boolean): Scale {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const steps: number[] = [];
  for (let e = Math.floor(Math.log10(least)); e <= Math.ceil(Math.log10(most)); e++)
    for (const m of [1, 2, 5]) steps.push(m * 10 ** e);
  const low = isWhole ? steps.filter((s) => s <= least).at(-1)! : least;
  const high = isWhole ? steps.find((s) => s >= most)! : most;
  const span = Math.log(high / low) || 1;
  return {
    of: (value) => from + ((to - from) * Math.log(value / low)) / span,
    ticks: steps.filter((s) => s >= low && s <= high),
  };
}

const line = (style: string, x1: number, y1: number, x2: number, y2: number): string =>
  `<line class="${style}" x1="${fixed(x1)}" y1="${fixed(y1)}" x2="${fixed(x2)}" y2="${fixed(y2)}"/>`;

const text = (x: number, y: number, words: string, anchor: string): string =>
  `<text x="${fixed(x)}" y="${fixed(y)}" text-anchor="${anchor}">${escaped(words)}</text>`;

const fixed = (n: number): string => n.toFixed(1);

/** 0.05, 1, 20, 1000 */
const short = (n: number): string => String(Number(n.toPrecision(3)));

const escaped = (words: string): string => words.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/"/g, '&quot;');
