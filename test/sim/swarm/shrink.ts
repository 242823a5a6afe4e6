// A shorter scenario that breaks the same: fewer steps by delta debugging (Zeller and Hildebrandt, 2002), less time between
// them, fewer hosts.
import { hostsOf, type HostName, type Scenario, type Step } from './scenario.js';

/** Does it still break what the first one broke? */
export type StillBroken = (candidate: Scenario) => Promise<boolean>;

/** @param mayGoOn asked before each run; when it says no, what has been found so far is the result */
export async function shrink(scenario: Scenario, isBroken: StillBroken, mayGoOn: () => boolean): Promise<Scenario> {
  const test: StillBroken = async (candidate) => mayGoOn() && (await isBroken(candidate));
  let best = scenario;
  for (let before = Infinity; sizeOf(best) < before;) {
    before = sizeOf(best);
    best = await fewerHosts(best, test);
    best = await fewerSteps(best, test);
    best = await lessTime(best, test);
  }
  return best;
}

const sizeOf = (s: Scenario): number => s.steps.length * 1e6 + s.endsAt;

async function fewerHosts(scenario: Scenario, test: StillBroken): Promise<Scenario> {
  let best = scenario;
  for (const host of new Set(scenario.steps.flatMap(hostsOf))) {
    const candidate = { ...best, steps: best.steps.flatMap((step) => without(step, host)) };
    if (candidate.steps.length < best.steps.length && (await test(candidate))) best = candidate;
  }
  return best;
}

/** The step as it is when there is no such host. */
function without(step: Step, host: HostName): readonly Step[] {
  if (step.kind === 'partition')
    return [{ ...step, sides: step.sides.map((side) => side.filter((name) => name !== host)) }];
  if (step.kind === 'join' && step.host !== host) return [{ ...step, dial: step.dial.filter((name) => name !== host) }];
  return hostsOf(step).includes(host) ? [] : [step];
}

/** Leaves out ever smaller runs of steps, until no single one can go. */
async function fewerSteps(scenario: Scenario, test: StillBroken): Promise<Scenario> {
  let best = scenario;
  for (let size = Math.ceil(best.steps.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2))
    for (let from = 0; from < best.steps.length;) {
      const steps = [...best.steps.slice(0, from), ...best.steps.slice(from + size)];
      const candidate = { ...best, steps };
      if (await test(candidate)) best = candidate;
      else from += size;
    }
  return best;
}

/** Half of each pause, then a tenth, then none. */
async function lessTime(scenario: Scenario, test: StillBroken): Promise<Scenario> {
  let best = scenario;
  for (let n = 0; n <= best.steps.length; n++)
    for (const factor of [0, 0.1, 0.5]) {
      const candidate = squeezed(best, n, factor);
      if (candidate.endsAt >= best.endsAt || !(await test(candidate))) continue;
      best = candidate;
      break;
    }
  return best;
}

/** The pause before step `n` (or before the end) is `factor` of what it was. */
function squeezed(s: Scenario, n: number, factor: number): Scenario {
  const ends = s.steps[n]?.at ?? s.endsAt;
  const begins = n === 0 ? 0 : s.steps[n - 1]!.at;
  const less = Math.ceil((ends - begins) * (1 - factor));
  const steps = s.steps.map((step, i) => (i < n ? step : { ...step, at: step.at - less }));
  return { ...s, steps, endsAt: s.endsAt - less };
}
