// After the last fault: is the mesh whole again, in every table and for every pair, and how soon?
import { setTimeout as sleep } from 'node:timers/promises';
import { interfaceOf, kernelRows, rowsWanted } from '../../test/support/kernel-truth.js';
import type { ChaosRouter } from './chaos-router.js';
import { LATE_MS } from './outages.js';
import { INTERVAL_MS, type Prober } from './prober.js';
import { allIntervalMs } from './rota.js';

export interface EndState {
  /** How long after the last fault all was right, ms; undefined if it was not within the time. */
  readonly afterMs: number | undefined;
  /** What was wrong when the time was over, a sentence each. */
  readonly wrong: readonly string[];
}

const LOOK_EVERY_MS = 1_000;
const LEAST_SILENCE_MS = 2_000;

/** Has all pairs ping each other once the tables are right. @param withinMs how long to wait for it */
export async function waitForQuiet(
  routers: readonly ChaosRouter[],
  prober: Prober,
  withinMs: number,
): Promise<EndState> {
  const since = prober.now();
  const silenceMs = Math.max(LEAST_SILENCE_MS, 2.5 * allIntervalMs(routers.length, INTERVAL_MS));
  for (;;) {
    const at = prober.now();
    const wrong = [...(await membership(routers)), ...(await tables(routers))];
    if (wrong.length === 0) wrong.push(...(await reachability(prober, silenceMs)));
    if (wrong.length === 0) return { afterMs: at - since, wrong };
    if (prober.now() - since > withinMs) return { afterMs: undefined, wrong };
    await sleep(LOOK_EVERY_MS);
  }
}

/** Resolves when each router sees each other alive. @throws Error if they do not within the time */
export async function waitForMembers(routers: readonly ChaosRouter[], withinMs: number): Promise<void> {
  const until = performance.now() + withinMs;
  for (;;) {
    const wrong = await membership(routers);
    if (wrong.length === 0) return;
    if (performance.now() > until) throw new Error(`the routers do not see each other: ${wrong.join('; ')}`);
    await sleep(LOOK_EVERY_MS);
  }
}

/** Each router sees each other alive. */
async function membership(routers: readonly ChaosRouter[]): Promise<string[]> {
  const names = routers.map(({ host }) => host.name);
  const looks = routers.map(async ({ host, client }) => {
    const doc = await client.status().catch((e: Error) => e.message);
    if (typeof doc === 'string') return [`${host.name}: ${doc}`];
    const alive = new Set(doc.peers.filter((p) => p.status === 'alive').map((p) => p.name));
    const missing = names.filter((name) => name !== host.name && !alive.has(name));
    return missing.length > 0 ? [`${host.name} does not see ${missing.join(' ')} alive`] : [];
  });
  return (await Promise.all(looks)).flat();
}

/** The kernel tables of each host are those that follow from where the containers are, with nothing beside. */
async function tables(routers: readonly ChaosRouter[]): Promise<string[]> {
  const interfaces = await Promise.all(
    routers.map(async ({ host, container }) => ({ on: host, at: await interfaceOf(container) })),
  ).catch((e: Error) => e.message);
  if (typeof interfaces === 'string') return [interfaces];
  const wrong: string[] = [];
  for (const { host } of routers) {
    const wanted = new Set(rowsWanted(host, interfaces));
    const rows = await kernelRows(host).catch((e: Error) => e.message);
    if (typeof rows === 'string') wrong.push(`${host.name}: ${rows}`);
    else {
      const missing = [...wanted].filter((row) => !rows.includes(row));
      const beside = rows.filter((row) => !wanted.has(row));
      if (missing.length > 0) wrong.push(`${host.name} lacks ${some(missing)}`);
      if (beside.length > 0) wrong.push(`${host.name} has ${some(beside)}, which nobody wants`);
    }
  }
  return wrong;
}

/** Every container reaches every other, from either side. @param forMs in which every ordered pair is probed */
async function reachability(prober: Prober, forMs: number): Promise<string[]> {
  await prober.watch('all');
  await sleep(forMs + LATE_MS);
  const to = prober.now() - LATE_MS;
  const silent = await prober.silentBetween(to - forMs, to);
  if (silent.length === 0) return [];
  return [`no answer to all pings of ${some(silent.map(([a, b]) => `c${a} to c${b}`))}`];
}

const some = (list: readonly string[]): string =>
  list.slice(0, 3).join(', ') + (list.length > 3 ? ` and ${list.length - 3} more` : '');
