// What a part of the bench gives back, and how it is shown: tables of at most 80 columns.

/** One line that can be held against a promise. */
export interface Figure {
  readonly what: string;
  /** The value, then whatever a reader should see beside it. */
  readonly cells: readonly string[];
  /** As issue and docs/benchmarks.md state it; undefined where nothing was promised. */
  readonly floor?: string;
  readonly isMet?: boolean;
}

export interface PartResult {
  /** Headings of `Figure.cells`. */
  readonly columns: readonly string[];
  readonly figures: readonly Figure[];
  /** Every single value, for the JSON file. */
  readonly data: unknown;
  /** What could not be measured, while the rest could. */
  readonly failed?: string;
}

export interface Part {
  /** As in `PARTS=name,name`. */
  readonly name: string;
  readonly title: string;
  /** @throws Error if it could not be measured; a floor that is missed is a figure, not an error */
  run(settings: Settings): Promise<PartResult>;
}

export interface Settings {
  /** Rounds of the throughput part. */
  readonly rounds: number;
  /** How long the idle part counts, s. */
  readonly idleS: number;
  readonly say: (progress: string) => void;
}

const VERDICT_WIDTH = 6;

/** @returns lines, without a newline at the end */
export function drawTable({ columns, figures }: PartResult): string[] {
  const rows = figures.map((f) => [f.what, ...pad(f.cells, columns.length), f.floor ?? '']);
  const all = [['', ...columns, 'promised'], ...rows];
  const widths = all[0]!.map((_, i) => Math.max(...all.map((row) => row[i]!.length)));
  return all.map((row, n) => {
    const cells = row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)));
    return `  ${cells.join('  ')}  ${verdict(figures[n - 1]).padEnd(VERDICT_WIDTH)}`.trimEnd();
  });
}

const verdict = (figure: Figure | undefined): string =>
  figure?.isMet === undefined ? '' : figure.isMet ? 'ok' : 'MISSED';

const pad = (cells: readonly string[], length: number): string[] => Array.from({ length }, (_, i) => cells[i] ?? '');

/** @returns a figure with its verdict. @param limit what `value` must stay at or below */
export const atMost = (what: string, value: number, limit: number, unit: string, ...more: string[]): Figure => ({
  what,
  cells: [`${short(value)} ${unit}`, ...more],
  floor: `<= ${limit} ${unit}`,
  isMet: value <= limit,
});

/** Three digits that matter. */
export const short = (n: number): string =>
  Number.isFinite(n) ? (Math.abs(n) >= 100 ? n.toFixed(0) : Number(n.toPrecision(3)).toString()) : '-';
