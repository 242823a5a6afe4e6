// Why a pair of containers had no answer for a while: which of the injected faults keeps frames from passing by itself. Pure.
//
//   fault                            explains an outage between its host and others, or the hosts it separates
//   cut, one way or both, halves     while it is in force
//   loss                             as many lost probes in a row as chance gives
//   kernel tables flushed            until they are repaired, for which the host's router has to run
//   router killed or frozen          not at all: the kernel goes on. But if the sleeve carried the pair, whose threads are gone
//                                    with it, if it is at an end; else it may have been the relay of the pair
//   disk full                        not at all
//
// What a fault leaves behind (a repair, an overlay on its way back) has GRACE_MS: as long as an outage without any cause may last.
import { KIND_WORDS, separates, TABLE_FAULTS, type Happened } from './fault.js';
import type { Outage } from './outages.js';
import { pairKey } from './sleeved.js';

/** Above this an outage that no fault explains fails the run, ms. */
export const MAX_UNEXPLAINED_MS = 3_000;
export const GRACE_MS = 3_000;
/** The run of lost probes that chance gives once in so many. */
const ONCE_IN = 1e7;

export interface Evidence {
  readonly happened: readonly Happened[];
  /** @see Inflictor */
  readonly sleeved: ReadonlyMap<Happened, ReadonlySet<string>>;
  /** Between two probes of a pair, ms. */
  readonly intervalMs: number;
}

interface Cause {
  /** 0 for what is sure to keep frames from passing, 1 for what may. */
  readonly rank: 0 | 1;
  readonly reason: string;
  readonly fromMs: number;
  readonly toMs: number;
}

export interface Explained {
  readonly outage: Outage;
  /** What is sure comes before what may be, then what covers most of it; empty: unexplained. */
  readonly reasons: readonly string[];
  /** What no cause covers, ms. */
  readonly bareMs: number;
}

export function explain(outage: Outage, evidence: Evidence): Explained {
  const causes = causesOf(outage, evidence).filter((c) => overlapMs(c, outage) >= 0); // one lost ping lasts no time
  const byChanceMs = chanceMs(outage, evidence);
  const bareMs = Math.max(0, uncoveredMs(outage, causes) - byChanceMs);
  const isExplained = bareMs <= evidence.intervalMs && (causes.length > 0 || byChanceMs > 0);
  if (!isExplained) return { outage, reasons: [], bareMs: outage.toMs - outage.fromMs };
  const most = [...causes].sort((x, y) => x.rank - y.rank || overlapMs(y, outage) - overlapMs(x, outage));
  const loss = byChanceMs > 0 ? [KIND_WORDS.loss] : [];
  const isChance = outage.toMs - outage.fromMs <= byChanceMs;
  const words = most.map((c) => c.reason);
  return { outage, reasons: [...new Set(isChance ? [...loss, ...words] : [...words, ...loss])], bareMs };
}

function causesOf({ a, b }: Outage, e: Evidence): Cause[] {
  return e.happened.flatMap((h): Cause[] => {
    const { fault } = h;
    const cause = (reason: string, toMs = h.toMs, rank: Cause['rank'] = 0): Cause[] => [
      { rank, reason, fromMs: h.fromMs, toMs: (toMs ?? Infinity) + GRACE_MS },
    ];
    if (separates(fault, a, b)) return cause(KIND_WORDS[fault.kind]);
    const isAtEnd = 'host' in fault && (fault.host === a || fault.host === b);
    if (fault.kind === 'tables' && isAtEnd) {
      const toMs = repairedMs(h, fault.host, e.happened);
      const late = toMs > h.fromMs ? ', router down' : '';
      return cause(`${TABLE_FAULTS[fault.what].words}${late}`, toMs);
    }
    if (fault.kind !== 'kill' && fault.kind !== 'freeze') return [];
    if (e.sleeved.get(h)?.has(pairKey(a, b)) !== true) return [];
    return isAtEnd ? cause('router down while on the sleeve') : cause('relay killed or frozen', h.fromMs, 1);
  });
}

/** When the host's router could begin to repair: at once, or when it was back. */
function repairedMs(flushed: Happened, host: number, all: readonly Happened[]): number {
  let at = flushed.fromMs;
  const downs = all.filter((h) => (h.fault.kind === 'kill' || h.fault.kind === 'freeze') && h.fault.host === host);
  for (const { fromMs, toMs = Infinity } of downs.sort((x, y) => x.fromMs - y.fromMs))
    if (fromMs < at + GRACE_MS && toMs > at) at = toMs;
  return at;
}

/** How much of an outage chance gives where frames are lost, ms: both ends may be lossy, and the request or the answer is lost. */
function chanceMs({ a, b, fromMs, toMs }: Outage, { happened, intervalMs }: Evidence): number {
  let pass = 1;
  for (const { fault, fromMs: from, toMs: to = Infinity } of happened)
    if (fault.kind === 'loss' && (fault.host === a || fault.host === b) && from < toMs && to + GRACE_MS > fromMs)
      pass *= 1 - fault.percent / 100;
  return pass === 1 ? 0 : Math.ceil(Math.log(ONCE_IN) / -Math.log(1 - pass)) * intervalMs;
}

const overlapMs = (c: Cause, o: Outage): number => Math.min(c.toMs, o.toMs) - Math.max(c.fromMs, o.fromMs);

function uncoveredMs(outage: Outage, causes: readonly Cause[]): number {
  let [bare, at] = [0, outage.fromMs];
  for (const { fromMs, toMs } of [...causes].sort((x, y) => x.fromMs - y.fromMs)) {
    if (fromMs > at) bare += Math.min(fromMs, outage.toMs) - at;
    at = Math.max(at, toMs);
    if (at >= outage.toMs) return bare;
  }
  return bare + outage.toMs - at;
}
