// What came of a run: tables of at most 80 columns for a person, all of it as JSON for a program.
import { median } from '../support/statistics.js';
import { machine } from '../support/machine.js';
import { short } from '../support/report.js';
import type { Outcome } from './chaos.js';
import { MAX_UNEXPLAINED_MS, type Explained } from './explain.js';
import { describe, KIND_WORDS, type Fault, type Happened } from './fault.js';

const UNEXPLAINED = 'unexplained';
/** Of a long list the first few. */
const SHOWN = 10;

export interface Verdict {
  /** A sentence each; empty: the mesh held. */
  readonly broken: readonly string[];
}

export function judge(o: Outcome): Verdict {
  const long = o.outages.filter((x) => x.reasons.length === 0 && lengthMs(x) > MAX_UNEXPLAINED_MS);
  return {
    broken: [
      ...long.map((x) => `no fault explains that ${pairWords(x)} had no answer for ${seconds(lengthMs(x))} s`),
      ...o.crashes.map((c) => `the router of ${c.host} ended by itself at ${seconds(c.atMs)} s: ${c.how}`),
      ...o.end.wrong,
      ...o.failures,
    ],
  };
}

/** @returns lines, without newlines */
export function drawOutcome(o: Outcome, { broken }: Verdict): string[] {
  const { settings, probes } = o;
  const unexplained = o.outages.filter((x) => x.reasons.length === 0);
  return [
    ...table(['faults', 'times', 'in force, s'], faultRows(o.happened)),
    '',
    ...table(['outages of a pair, by what explains them', 'count', 'median, s', 'longest, s'], outageRows(o.outages)),
    '',
    ...list(
      unexplained.map(
        (x) => `  unexplained: ${pairWords(x)}, ${seconds(x.outage.fromMs)} s, for ${seconds(lengthMs(x))} s`,
      ),
    ),
    `  pings     ${probes.sent} sent, ${probes.lost} lost or later than 1 s (${percent(probes.lost, probes.sent)} %)`,
    `            RTT median ${short(probes.rttMs.median)} ms, p99 ${short(probes.rttMs.p99)} ms`,
    `  prober    waited for a processor ${probes.proberLateMs} ms at most, left out ${probes.skipped} pings`,
    `  processor all routers together took ${processors(o.cpu.calm)} before, ${processors(o.cpu.faults)} under faults`,
    `  routers   ${backWords(o.happened)}`,
    `            ${o.refusals} launches refused by a full disk, ${o.crashes.length} routers ended by themselves`,
    ...endWords(o),
    ...list(broken.map((sentence) => `  BROKEN    ${sentence}`)),
    `  seed ${settings.seed}    ${broken.length === 0 ? 'the mesh held' : 'the mesh did not hold'}`,
  ];
}

export function outcomeJson(o: Outcome, { broken }: Verdict): string {
  const { outages, happened, ...rest } = o;
  const document = {
    schema: 1,
    machine: machine(),
    broken,
    ...rest,
    happened: happened.map(({ fault, ...times }) => ({ ...times, what: describe(fault), fault })),
    outages: outages.map(({ outage, ...why }) => ({ ...outage, ms: Math.round(outage.toMs - outage.fromMs), ...why })),
  };
  return JSON.stringify(document, undefined, 1);
}

function faultRows(happened: readonly Happened[]): string[][] {
  const kinds = Object.keys(KIND_WORDS) as Fault['kind'][];
  return kinds.map((kind) => {
    const of = happened.filter((h) => h.fault.kind === kind);
    const inForceMs = of.reduce((sum, h) => sum + ((h.toMs ?? h.fromMs) - h.fromMs), 0);
    return [KIND_WORDS[kind], `${of.length}`, kind === 'tables' ? '' : seconds(inForceMs)];
  });
}

/** Each outage stands under the cause that covers most of it. */
function outageRows(outages: readonly Explained[]): string[][] {
  const by = new Map<string, Explained[]>();
  for (const x of outages) {
    const reason = x.reasons[0] ?? UNEXPLAINED;
    by.set(reason, [...(by.get(reason) ?? []), x]);
  }
  const sorted = [...by].sort(([, x], [, y]) => y.length - x.length);
  if (!by.has(UNEXPLAINED)) sorted.push([UNEXPLAINED, []]);
  return sorted.map(([reason, of]) => {
    const ms = of.map(lengthMs);
    return [reason, `${of.length}`, ...(of.length > 0 ? [seconds(median(ms)), seconds(Math.max(...ms))] : ['', ''])];
  });
}

/** How long the killed routers took from their launch to their socket. */
function backWords(happened: readonly Happened[]): string {
  const ms = happened.flatMap(({ fault, toMs }) =>
    fault.kind === 'kill' && toMs !== undefined ? [toMs - fault.atMs - fault.forMs] : [],
  );
  if (ms.length === 0) return 'none was launched again';
  return `launched again, they served after ${seconds(median(ms))} s (median), ${seconds(Math.max(...ms))} s (most)`;
}

function endWords({ end, settings: { routers } }: Outcome): string[] {
  if (end.afterMs === undefined) return ['  end       NOT as it ought to be'];
  return [
    `  end       ${seconds(end.afterMs)} s after the last fault all ${routers * (routers - 1)} ordered pairs answer,`,
    '            all kernel tables are as planned, and every router sees every other',
  ];
}

const lengthMs = ({ outage }: Explained): number => outage.toMs - outage.fromMs;
const pairWords = ({ outage }: Explained): string => `c${outage.a} and c${outage.b}`;
const seconds = (ms: number): string => (ms / 1000).toFixed(1);
const processors = (share: number): string => `${(100 * share).toFixed(0)} % of one`;
const percent = (part: number, whole: number): string => ((100 * part) / Math.max(1, whole)).toFixed(2);

const list = (lines: readonly string[]): string[] =>
  lines.length > SHOWN ? [...lines.slice(0, SHOWN), `  … and ${lines.length - SHOWN} more of these`] : [...lines];

/** The first column to the left, the others to the right. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const all = [head, ...rows];
  const widths = head.map((_, i) => Math.max(...all.map((row) => row[i]!.length)));
  return all.map((row) =>
    `  ${row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join('  ')}`.trimEnd(),
  );
}
