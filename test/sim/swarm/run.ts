// Lives through a scenario and says whether all that must hold did.
import { INVARIANTS } from './invariants/all.js';
import type { Invariant } from './invariants/invariant.js';
import { Life } from './life.js';
import type { Scenario } from './scenario.js';

export interface Broken {
  readonly invariant: string;
  readonly sentence: string;
  /** Virtual ms. */
  readonly at: number;
}

export interface Verdict {
  readonly broken: Broken | undefined;
  readonly virtualMs: number;
  /** From the end of the trouble until all held. */
  readonly quietAfterMs: number | undefined;
  /** Steps that were possible, by kind. */
  readonly steps: Readonly<Record<string, number>>;
}

const LOOK_EVERY_MS = 500;
/** While there is trouble: in a storm not after every step. */
const LOOK_AT_MOST_EVERY_MS = 50;
/** What holds once must go on to hold. */
const LOOK_AGAIN_MS = 3_000;
/** A router that meets none of those it knew of waits so long for them before it says what only they can confirm. */
const SETTLE_MS = 65_000;
const THROWS = 'no router throws';

const ALWAYS = INVARIANTS.filter((i) => i.withinMs === undefined);
const LATEST_MS = Math.max(...INVARIANTS.map((i) => i.withinMs ?? 0));

/** In a world of its own, which takes the globals of time and chance until it returns. */
export async function run(scenario: Scenario): Promise<Verdict> {
  const life = new Life(scenario);
  let quietAfterMs: number | undefined;
  let broken: Broken | undefined;
  try {
    broken = await trouble(life, scenario);
    if (broken === undefined && life.running().length > 0) {
      life.calm();
      broken = await quiet(life);
      if (broken === undefined) quietAfterMs = life.now - life.calmAt! - LOOK_AGAIN_MS - LOOK_EVERY_MS;
    }
  } catch (e) {
    broken = { invariant: THROWS, sentence: (e as Error).stack ?? String(e), at: life.now };
  }
  const verdict = { broken, virtualMs: life.now, quietAfterMs, steps: Object.fromEntries(life.done) };
  life.close();
  return verdict;
}

async function trouble(life: Life, { steps, endsAt }: Scenario): Promise<Broken | undefined> {
  let lookAt = 0;
  for (const step of steps) {
    life.advanceTo(step.at);
    life.act(step);
    if (life.now < lookAt) continue;
    lookAt = life.now + LOOK_AT_MOST_EVERY_MS;
    await Promise.resolve(); // promises of routers settle between steps
    const broken = firstBroken(life, ALWAYS);
    if (broken !== undefined) return broken;
  }
  life.advanceTo(endsAt);
  return firstBroken(life, ALWAYS);
}

/** Until all holds, and then again. */
async function quiet(life: Life): Promise<Broken | undefined> {
  const broken = await untilAllHolds(life, life.now);
  if (broken !== undefined) return broken;
  const heldAt = life.now;
  life.advanceTo(heldAt + LOOK_AGAIN_MS);
  return untilAllHolds(life, heldAt);
}

/** @returns what is broken for too long */
async function untilAllHolds(life: Life, from: number): Promise<Broken | undefined> {
  let since = from;
  for (;;) {
    life.advanceTo(life.now + LOOK_EVERY_MS);
    await Promise.resolve();
    if (life.now - from < SETTLE_MS && life.running().some((h) => !h.settled)) since = life.now;
    const broken = firstBroken(life, INVARIANTS);
    if (broken === undefined) return undefined;
    const late = firstBroken(life, INVARIANTS.filter((i) => (i.withinMs ?? 0) <= life.now - since)); // prettier-ignore
    if (late !== undefined) return late;
    if (life.now - since > LATEST_MS) return broken;
  }
}

function firstBroken(life: Life, of: readonly Invariant[]): Broken | undefined {
  for (const { name, broken } of of) {
    const sentence = broken(life);
    if (sentence !== undefined) return { invariant: name, sentence, at: life.now };
  }
  return undefined;
}
