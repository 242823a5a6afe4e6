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

/** Values side by side, of which nothing was promised. */
export interface Table {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly { readonly what: string; readonly cells: readonly string[] }[];
}

export interface PartResult {
  /** Shown before the figures. */
  readonly tables?: readonly Table[];
  /** Headings of `Figure.cells`. */
  readonly columns: readonly string[];
  readonly figures: readonly Figure[];
  /** Sentences to read the figures by. */
  readonly notes?: readonly string[];
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
  /** Writes a value down at once, for a run may be ended before its part is through. */
  readonly keep: (value: object) => void;
  /** Runs `work` while no other benchmark measures, where they have agreed on a lock. */
  exclusively<T>(work: () => Promise<T>): Promise<T>;
}

/** @returns lines, without a newline at the end */
export function drawResult({ tables = [], columns, figures, notes = [] }: PartResult): string[] {
  const rows = figures.map((f) => [f.what, ...pad(f.cells, columns.length), f.floor ?? '', verdict(f)]);
  return [
    ...tables.flatMap((table) => [...drawTable(table), '']),
    ...aligned([['', ...columns, 'promised', ''], ...rows]),
    ...notes.map((note) => `  ${note}`),
  ];
}

function drawTable({ title, columns, rows }: Table): string[] {
  const cells = rows.map((row) => [row.what, ...pad(row.cells, columns.length)]);
  return [`  ${title}`, ...aligned([['', ...columns], ...cells])];
}

/** The first column to the left, the others to the right. @param rows all of one length */
function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)));
  const line = (row: readonly string[]): string =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join('  ');
  return rows.map((row) => `  ${line(row)}`.trimEnd());
}

const verdict = ({ isMet }: Figure): string => (isMet === undefined ? '' : isMet ? 'ok' : 'MISSED');

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
