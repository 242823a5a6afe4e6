// The harness's side of prober-process.ts.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Outage } from './outages.js';

/** Between two probes of a pair whose turn it is, ms. */
export const INTERVAL_MS = 200;
const SCRIPT = fileURLToPath(new URL('./prober-process.js', import.meta.url));

export interface ProbeTarget {
  /** Path of its namespace. */
  readonly path: string;
  readonly ip: string;
}

export type ProberOrder =
  /** @param intervalMs between two probes of a pair. @param maxMs after which it falls silent */
  | {
      readonly kind: 'start';
      readonly containers: readonly ProbeTarget[];
      readonly intervalMs: number;
      readonly maxMs: number;
    }
  | { readonly kind: 'watch'; readonly who: 'all' | 'rota' }
  | { readonly kind: 'silent'; readonly fromMs: number; readonly toMs: number }
  | { readonly kind: 'stop'; readonly untilMs: number };

export interface ProbeResult {
  readonly sent: number;
  /** Not answered within `LATE_MS`; `late` of them were later. */
  readonly lost: number;
  readonly late: number;
  /** Never sent, since the prober had no processor. */
  readonly skipped: number;
  /** How many the kernel refused to send, by errno; they count as lost. */
  readonly unsent: Readonly<Record<string, number>>;
  readonly rttMs: { readonly median: number; readonly p99: number };
  /** How long the prober had to wait for a processor, at most. */
  readonly proberLateMs: number;
  readonly outages: readonly Outage[];
}

export type ProberAnswer =
  /** @param atMs ms since 1970: the zero of all times of this run */
  | { readonly kind: 'started'; readonly atMs: number }
  | { readonly kind: 'watching' }
  | { readonly kind: 'silent'; readonly pairs: readonly (readonly [number, number])[] }
  | ({ readonly kind: 'result' } & ProbeResult);

export class Prober {
  readonly #child: ChildProcess;
  /** Ms since 1970. */
  readonly t0: number;

  private constructor(child: ChildProcess, t0: number) {
    this.#child = child;
    this.t0 = t0;
  }

  /** Returns when the first probe is about to go. */
  static async start(containers: readonly ProbeTarget[], intervalMs: number, maxMs: number): Promise<Prober> {
    const child = spawn(process.execPath, [SCRIPT], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    const { atMs } = await ask(child, { kind: 'start', containers, intervalMs, maxMs }, 'started');
    return new Prober(child, atMs);
  }

  /** Ms since the first probe. */
  now(): number {
    return performance.timeOrigin + performance.now() - this.t0;
  }

  /** @param who pings from now on: all pairs, as in the beginning, or those whose turn it is */
  async watch(who: 'all' | 'rota'): Promise<void> {
    await ask(this.#child, { kind: 'watch', who }, 'watching');
  }

  /** @returns ordered pairs that were not answered in that time */
  async silentBetween(fromMs: number, toMs: number): Promise<readonly (readonly [number, number])[]> {
    return (await ask(this.#child, { kind: 'silent', fromMs, toMs }, 'silent')).pairs;
  }

  /** Ends it. @param untilMs what was sent later does not count */
  async stop(untilMs: number): Promise<ProbeResult> {
    const { kind: _, ...result } = await ask(this.#child, { kind: 'stop', untilMs }, 'result');
    return result;
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }
}

type Answer<K extends ProberAnswer['kind']> = Extract<ProberAnswer, { kind: K }>;

/** One at a time. @throws Error if the prober ends instead of answering */
async function ask<K extends ProberAnswer['kind']>(
  child: ChildProcess,
  order: ProberOrder,
  kind: K,
): Promise<Answer<K>> {
  const over = new AbortController();
  const { signal } = over;
  const ended = once(child, 'exit', { signal }).then(([code]) => {
    throw new Error(`the prober ended with ${String(code)}`);
  });
  const answered = once(child, 'message', { signal }).then(([answer]) => answer as Answer<K>);
  child.send(order);
  try {
    const answer = await Promise.race([answered, ended]);
    if (answer.kind !== kind) throw new Error(`the prober says ${answer.kind}, not ${kind}`);
    return answer;
  } finally {
    over.abort();
    await Promise.allSettled([ended, answered]);
  }
}
