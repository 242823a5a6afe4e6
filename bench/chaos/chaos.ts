// A run of chaos: a mesh of real routers, pings between all containers, faults from one seed, and what came of it.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Lab } from '../../test/support/netns.js';
import { ChaosRouter, type Crash } from './chaos-router.js';
import { waitForMembers, waitForQuiet, type EndState } from './end-state.js';
import { CpuWatch } from './cpu-watch.js';
import { explain, type Explained } from './explain.js';
import type { Fault, Happened } from './fault.js';
import { Inflictor } from './inflict.js';
import { introduceContainers, introduceHosts } from './neighbours.js';
import { LATE_MS } from './outages.js';
import { INTERVAL_MS, Prober, type ProbeResult } from './prober.js';
import { planFaults } from './schedule.js';
import type { Settings } from './settings.js';

const START_WITHIN_MS = 120_000;
/** Back to the vxlan after faults that came one upon another takes up to a minute: datapath/overlay.ts, MAX_HOLD_MS. */
const QUIET_WITHIN_MS = 100_000;
/** Probes go on for so long before the first fault; the first part until their paths are seen to be busy. */
const CALM_MS = 5_000;
const SETTLE_MS = 8_000;
export interface Outcome {
  readonly settings: Settings;
  readonly plan: readonly Fault[];
  readonly happened: readonly Happened[];
  readonly outages: readonly Explained[];
  readonly probes: Omit<ProbeResult, 'outages'>;
  readonly crashes: readonly Crash[];
  /** Launches that a full disk refused. */
  readonly refusals: number;
  readonly startMs: number;
  /** Processor time of all routers a second: while nothing happened, and while faults came. */
  readonly cpu: { readonly calm: number; readonly faults: number };
  readonly end: EndState;
  /** Of the harness itself: a fault that could not be brought about, something left behind. */
  readonly failures: readonly string[];
}

export interface ChaosMesh {
  readonly lab: Lab;
  readonly routers: readonly ChaosRouter[];
  readonly prober: Prober;
}

export interface Beside {
  readonly say?: (line: string) => void;
  /** Something that the plan does not know, for a test of the harness; it begins with the first fault, and is waited for. */
  readonly mischief?: (mesh: ChaosMesh) => Promise<void>;
  /** How long to wait for the mesh to be whole again after the last fault. */
  readonly quietWithinMs?: number;
}

/** In a sandbox. @throws Error if the mesh does not come up, or the harness fails; then too nothing is left */
export async function runChaos(settings: Settings, beside: Beside = {}): Promise<Outcome> {
  const { say = () => undefined } = beside;
  const lab = new Lab(`c${process.pid}`, 1500);
  const routers: ChaosRouter[] = [];
  let prober: Prober | undefined;
  try {
    const since = performance.now();
    await launchAll(lab, routers, settings);
    const startMs = performance.now() - since;
    say(
      `${routers.length} routers see each other, and a container is attached to each, after ${(startMs / 1000).toFixed(1)} s`,
    );
    const targets = routers.map(({ container, ip }) => ({ path: container.path, ip }));
    const maxMs = SETTLE_MS + CALM_MS + settings.seconds * 1000 + QUIET_WITHIN_MS + 120_000;
    prober = await Prober.start(targets, INTERVAL_MS, maxMs);
    return await inflict({ lab, routers, prober }, settings, startMs, beside);
  } finally {
    prober?.kill();
    for (const router of routers) router.close();
    lab.close();
  }
}

async function launchAll(lab: Lab, routers: ChaosRouter[], { routers: count, overlay }: Settings): Promise<void> {
  for (let i = 0; i < count; i++) {
    const seed = i === 0 ? [] : [routers[0]!.host.v4];
    routers.push(new ChaosRouter(lab, i, ['--overlay', overlay, '--log-format', 'json', ...seed]));
  }
  await introduceHosts(routers.map(({ host }) => host));
  for (const some of [routers.slice(0, 1), routers.slice(1)]) {
    for (const router of some) router.launch();
    await Promise.all(some.map((router) => router.serves(START_WITHIN_MS)));
  }
  await waitForMembers(routers, START_WITHIN_MS); // before that they have no time for an attach where thirty are launched at once
  for (const router of routers) await router.attach();
  introduceContainers(routers.map(({ container: netns, mac, ip }) => ({ netns, mac, ip })));
}

async function inflict(
  mesh: ChaosMesh,
  settings: Settings,
  startMs: number,
  { say = () => undefined, mischief, quietWithinMs = QUIET_WITHIN_MS }: Beside,
): Promise<Outcome> {
  const { routers, prober, lab } = mesh;
  const before = await waitForQuiet(routers, prober, START_WITHIN_MS);
  if (before.afterMs === undefined) throw new Error(`the mesh is not whole to begin with: ${before.wrong.join('; ')}`);
  await prober.watch('rota');
  await sleep(SETTLE_MS);
  const watch = new CpuWatch(() => routers.flatMap(({ pid }) => pid ?? []));
  const calm = await cpuWhile(watch, prober, () => sleep(CALM_MS));
  const startedAt = prober.now();
  const now = (): number => prober.now() - startedAt;
  for (const router of routers) router.clock = now;
  const plan = planFaults(settings.seed, settings.seconds, settings.routers);
  const inflictor = new Inflictor({ routers, wire: lab.wire, now, say });
  const faults = await cpuWhile(watch, prober, () =>
    Promise.all([inflictor.run(plan), mischief?.(mesh), sleep(settings.seconds * 1000)]),
  );
  watch.close();
  say(`the last fault is over; waiting until all is quiet`);
  const end = await waitForQuiet(routers, prober, quietWithinMs);
  const { outages, ...probes } = await prober.stop(prober.now() - LATE_MS);
  const { happened, sleeved } = inflictor;
  const evidence = { happened, sleeved, intervalMs: INTERVAL_MS };
  const own = outages.map((o) => ({ ...o, fromMs: o.fromMs - startedAt, toMs: o.toMs - startedAt }));
  return {
    settings,
    plan,
    happened,
    outages: own.map((outage) => explain(outage, evidence)),
    probes,
    crashes: routers.flatMap((r) => r.crashes),
    refusals: routers.reduce((sum, r) => sum + r.refusals, 0),
    startMs,
    cpu: { calm, faults },
    end,
    failures: inflictor.failures,
  };
}

/** @returns processor seconds a second */
async function cpuWhile(watch: CpuWatch, prober: Prober, work: () => Promise<unknown>): Promise<number> {
  const [before, since] = [watch.total(), prober.now()];
  await work();
  return (watch.total() - before) / ((prober.now() - since) / 1000);
}

/** What a run must not leave in its sandbox: namespaces, and processes other than `own` and those above it. @returns a sentence each */
export function leftBehind(): string[] {
  const netns = execFileSync('ip', ['netns', 'list'], { encoding: 'utf8' }).trim();
  const routers = readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && pid !== `${process.pid}` && isRouter(pid));
  return [
    ...(netns === '' ? [] : [`namespaces are left: ${netns.split('\n').join(', ')}`]),
    ...(routers.length === 0 ? [] : [`${routers.length} routers still run`]),
  ];
}

function isRouter(pid: string): boolean {
  try {
    return / launch /.test(readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' '));
  } catch {
    return false; // it ended meanwhile
  }
}
