// Text for terminals: durations, sizes, tables, wrapped sentences. All pure.

export type Style = 'good' | 'bad' | 'warn' | 'dim' | 'bold';
export type Paint = (style: Style, text: string) => string;
export const plain: Paint = (_style, text) => text;

/** How to draw: `columns` is the widest line allowed. */
export interface Look {
  readonly columns: number;
  readonly paint: Paint;
}

/** What peers write reaches a terminal only as printable ASCII: a name must not move the cursor or break a column. */
export const clean = (text: string): string => text.replace(/[^\x20-\x7e]/g, '?');

/** `820 ms`, `12 s`, `3 min 4 s`, `2 h 5 min`, `3 d 4 h`. */
export function formatDuration(ms: number): string {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`;
  const s = Math.floor(ms / 1000);
  if (s < 60) return `${s} s`;
  if (s < 3600) return two(Math.floor(s / 60), 'min', s % 60, 's');
  if (s < 86400) return two(Math.floor(s / 3600), 'h', Math.floor(s / 60) % 60, 'min');
  return two(Math.floor(s / 86400), 'd', Math.floor(s / 3600) % 24, 'h');
}

const two = (a: number, unitA: string, b: number, unitB: string): string =>
  b === 0 ? `${a} ${unitA}` : `${a} ${unitA} ${b} ${unitB}`;

/** For a column: `12s`, `3m`, `2h`, `3d`. */
export function shortDuration(ms: number): string {
  const s = Math.max(0, Math.floor(ms / 1000));
  if (s < 60) return `${s}s`;
  if (s < 3600) return `${Math.floor(s / 60)}m`;
  return s < 86400 ? `${Math.floor(s / 3600)}h` : `${Math.floor(s / 86400)}d`;
}

/** Powers of 1000: `0 B`, `999 B`, `1.2 KB`, `12 KB`. `-` when unknown. */
export function formatBytes(bytes: number | null): string {
  if (bytes === null) return '-';
  const units = ['B', 'KB', 'MB', 'GB', 'TB', 'PB'];
  let [value, unit] = [bytes, 0];
  // 999.5 would print as 1000.
  while (value >= 999.5 && unit < units.length - 1) [value, unit] = [value / 1000, unit + 1];
  return `${unit > 0 && value < 9.95 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

/** Two digits that mean something: `0.41 ms`, `3.2 ms`, `87 ms`. `-` when unknown. */
export function formatRtt(ms: number | null): string {
  if (ms === null) return '-';
  const digits = ms < 0.995 ? 2 : ms < 9.95 ? 1 : 0;
  return `${ms.toFixed(digits)} ms`;
}

/** `1 peer`, `2 peers`; for words whose plural takes an s. */
export const count = (n: number, word: string): string => `${n} ${word}${n === 1 ? '' : 's'}`;

/** Keeps the beginning; at least one character and `…`. */
export const truncate = (text: string, width: number): string =>
  text.length <= width ? text : `${text.slice(0, Math.max(1, width - 1))}…`;

/** Words on lines of at most `columns`, the first after `first`, the others after `rest`. A word that is too long stays whole. */
export function wrap(text: string, columns: number, first: string, rest = ' '.repeat(first.length)): string[] {
  const lines: string[] = [];
  let [line, empty] = [first, true];
  for (const word of text.split(' ').filter((w) => w !== '')) {
    if (!empty && line.length + 1 + word.length > columns) {
      lines.push(line);
      [line, empty] = [rest, true];
    }
    line += empty ? word : ` ${word}`;
    empty = false;
  }
  return [...lines, line];
}

/** One column. `shrink`: may be cut with `…` when the table is too wide. */
export interface Column {
  readonly header: string;
  readonly right?: true;
  readonly shrink?: true;
}

/** A cell is one line, or several below one another. `note` lines follow the row as they are; `style` colours the row. */
export interface Row {
  readonly cells: readonly (string | readonly string[])[];
  readonly note?: readonly string[];
  readonly style?: Style;
}

const GAP = '  ';
const MIN_SHRUNK = 8;

/** Header, then rows, columns aligned. @returns lines no wider than `look.columns` unless columns that may not shrink are */
export function table(columns: readonly Column[], rows: readonly Row[], look: Look): string[] {
  const cells = rows.map((row) => row.cells.map((cell) => (typeof cell === 'string' ? [cell] : cell).map(clean)));
  const widths = columns.map((column, i) =>
    cells.reduce((w, row) => row[i]!.reduce((v, text) => Math.max(v, text.length), w), column.header.length),
  );
  fit(columns, widths, look.columns);
  const line = (texts: readonly string[]): string =>
    texts
      .map((text, i) => {
        const cut = truncate(text, widths[i]!);
        return columns[i]!.right ? cut.padStart(widths[i]!) : cut.padEnd(widths[i]!);
      })
      .join(GAP)
      .trimEnd();
  const body = cells.flatMap((row, r) => {
    const height = Math.max(1, ...row.map((cell) => cell.length));
    const lines = Array.from({ length: height }, (_, i) => line(row.map((cell) => cell[i] ?? '')));
    const style = rows[r]!.style;
    return [...(style ? lines.map((one) => look.paint(style, one)) : lines), ...(rows[r]!.note ?? [])];
  });
  return [look.paint('dim', line(columns.map((column) => column.header))), ...body];
}

/** Takes from the widest of the columns that may shrink, until the line fits. */
function fit(columns: readonly Column[], widths: number[], total: number): void {
  let excess = widths.reduce((sum, w) => sum + w, 0) + GAP.length * (widths.length - 1) - total;
  for (; excess > 0; excess--) {
    const widest = columns.reduce((best, c, i) => (c.shrink && widths[i]! > (widths[best] ?? 0) ? i : best), -1);
    if (widest < 0 || widths[widest]! <= MIN_SHRUNK) return;
    widths[widest]!--;
  }
}
