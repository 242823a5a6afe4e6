// The figures of all sizes side by side, as Markdown. Pure.
import { short } from '../support/report.js';
import type { Joins, Moment } from './moments.js';
import type { Churn, Cost, Deaths } from './steady.js';

/** bench/out/scale-N.json; what was not measured is not there. */
export interface SizeFigures {
  readonly size: number;
  readonly heapMiB?: number;
  readonly join?: Joins;
  readonly attach?: Moment;
  readonly idle?: Cost;
  readonly churn?: Churn;
  readonly crash?: Moment;
  /** @see Heal.known */
  readonly healed?: number;
  /** @see Heal.agreed */
  readonly partition?: number;
  readonly deaths?: Deaths;
}

const NEVER = -1;
const DEATH_MINUTES = 10;

const ms = (value: number | undefined): string =>
  value === undefined ? '' : value === NEVER ? 'not in time' : `${short(value / 1_000)} s`;
const moment = (m: Moment | undefined): string => (m === undefined ? '' : `${ms(m.p50)} / ${ms(m.p99)} / ${ms(m.max)}`);
const rate = (bytesPerS: number | undefined): string =>
  bytesPerS === undefined ? '' : bytesPerS < 1_000 ? `${short(bytesPerS)} B/s` : `${short(bytesPerS / 1_000)} kB/s`;
const share = (cpu: number | undefined): string => (cpu === undefined ? '' : `${short(cpu * 100)} %`);

/** @returns nothing for what was not counted; how long it was, if that is not as the row says */
function deaths(of: Deaths | undefined, kind: 'asTheyAre' | 'withSlow'): string {
  const minutes = of?.minutes[kind] ?? 0;
  return minutes === 0 ? '' : `${of![kind]}${minutes === DEATH_MINUTES ? '' : ` in ${minutes} min`}`;
}

const ROWS: readonly (readonly [what: string, of: (f: SizeFigures) => string])[] = [
  ['join, alive to another: p50 / p99 / max', (f) => moment(f.join?.known)],
  ['join, newcomer knows all: p50 / p99 / max', (f) => moment(f.join?.complete)],
  ["attach, in another's table: p50 / p99 / max", (f) => moment(f.attach)],
  ['crash, faulty to another: p50 / p99 / max', (f) => moment(f.crash)],
  ['60 s partition healed: all alive, all that was told known', (f) => ms(f.healed)],
  ['the same, and all connections made again', (f) => ms(f.partition)],
  ['false deaths in 10 min, 5 % loss', (f) => deaths(f.deaths, 'asTheyAre')],
  ['the same, 5 % of the routers 2 s late', (f) => deaths(f.deaths, 'withSlow')],
  ['idle: sent by a router', (f) => rate(f.idle?.bytesPerS)],
  ['idle: by the loudest', (f) => rate(f.idle?.loudestBytesPerS)],
  ['idle: messages a second', (f) => (f.idle === undefined ? '' : short(f.idle.messagesPerS))],
  ['idle: processor', (f) => share(f.idle?.cpu)],
  ['churn: endpoints that change a second', (f) => String(f.churn?.changesPerS ?? '')],
  ['churn: sent by a router', (f) => rate(f.churn?.bytesPerS)],
  ['churn: messages a second', (f) => (f.churn === undefined ? '' : short(f.churn.messagesPerS))],
  ['churn: processor', (f) => share(f.churn?.cpu)],
  ['churn: all agree after the last change', (f) => ms(f.churn?.settledMs)],
  ['heap of a router', (f) => (f.heapMiB === undefined ? '' : `${short(f.heapMiB)} MiB`)],
];

export function scaleTable(sizes: readonly SizeFigures[]): string {
  const rows = ROWS.map(([what, of]) => `| ${[what, ...sizes.map(of)].join(' | ')} |`);
  return [
    `| routers | ${sizes.map((f) => String(f.size)).join(' | ')} |`,
    `|---|${sizes.map(() => '---:|').join('')}`,
    ...rows,
  ].join('\n');
}
