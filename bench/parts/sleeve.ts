// The sleeve beside a hand-made VXLAN and other user-space tunnels, in one run. Each round takes each measurement of all of them in
// turn, the first another one each time; what counts is the ratio within a round.
import type { Lab } from '../../test/support/netns.js';
import type { Contender } from '../sleeve/contender.js';
import { fieldOf } from '../sleeve/contenders.js';
import { MEASUREMENTS, type Values } from '../sleeve/measure.js';
import { promises, tablesOf, type Round } from '../sleeve/tables.js';
import { inLab } from '../support/hosts.js';
import { busyShare, load } from '../support/machine.js';
import type { Part, PartResult, Settings } from '../support/report.js';
import { median } from '../support/statistics.js';

const LOOK_MS = 200;
/** A round waits for processors that others leave alone, but not for long: it has the lock. */
const QUIET_SHARE = 0.2;
const QUIET_LOOK_MS = 500;
const LOOKS = 20;

/** How busy the machine was by others, just before a measurement of all contenders. */
interface Noise {
  readonly load: number;
  readonly busyShare: number;
}

export const sleevePart: Part = {
  name: 'sleeve',
  title: 'Sleeve: throughput, packets a second, RTT and cost beside other tunnels',
  run: (settings) => inLab((lab) => measure(lab, settings)),
};

async function measure(lab: Lab, settings: Settings): Promise<PartResult> {
  const { rounds: count, say } = settings;
  const { contenders, absent, versions, sleeves } = await fieldOf(lab);
  absent.forEach(say);
  const [rounds, noise, failed]: [Round[], Noise[], string[]] = [[], [], []];
  for (let i = 0; i < count; i++) {
    try {
      rounds.push(await measureRound(turnsOf(contenders, i), settings, noise));
      settings.keep({ sleeve: rounds.at(-1), noise: noise.slice(-MEASUREMENTS.length) });
      say(`round ${i + 1} of ${count}: ${describe(contenders, rounds.at(-1)!)}`);
    } catch (error) {
      failed.push(`round ${i + 1} is left out: ${error instanceof Error ? error.message : String(error)}`);
      say(failed.at(-1)!);
    }
  }
  return {
    ...(failed.length > 0 && { failed: failed.join('; ') }),
    tables: tablesOf(contenders, rounds),
    columns: ['median', 'middle half'],
    figures: promises(contenders, rounds),
    notes: [...absent, describeNoise(noise)],
    data: { versions, rounds, noise, counters: await Promise.all(sleeves.map((sleeve) => sleeve.counters())) },
  };
}

/** Another one first in each round; the two measurements of the hand-made one half a round apart. */
function turnsOf([hand, again, ...others]: readonly Contender[], round: number): readonly Contender[] {
  const half = Math.ceil(others.length / 2);
  const turns = [hand!, ...others.slice(0, half), again!, ...others.slice(half)];
  return turns.map((_, k) => turns[(round + k) % turns.length]!);
}

const measureRound = (order: readonly Contender[], settings: Settings, noise: Noise[]): Promise<Round> =>
  settings.exclusively(async () => {
    for (let look = 0; look < LOOKS && (await busyShare(QUIET_LOOK_MS)) > QUIET_SHARE; look++);
    return measureAll(order, noise);
  });

async function measureAll(order: readonly Contender[], noise: Noise[]): Promise<Round> {
  const values: Record<string, Partial<Values>> = Object.fromEntries(order.map(({ name }) => [name, {}]));
  for (const take of MEASUREMENTS) {
    noise.push({ load: load(), busyShare: await busyShare(LOOK_MS) });
    for (const contender of order) values[contender.name] = merged(values[contender.name]!, await take(contender));
  }
  return values as Round;
}

/** Two measurements count drops. */
const merged = (a: Partial<Values>, b: Partial<Values>): Partial<Values> => ({
  ...a,
  ...b,
  drops: (a.drops ?? 0) + (b.drops ?? 0),
});

const describe = (contenders: readonly Contender[], round: Round): string =>
  contenders.map(({ name }) => `${name} ${(round[name]!.tcp1 / 1e9).toFixed(2)}`).join('  ');

function describeNoise(noise: readonly Noise[]): string {
  const loads = noise.map((n) => n.load);
  const shares = noise.map((n) => n.busyShare * 100);
  const range = (values: readonly number[], digits: number): string =>
    `${Math.min(...values).toFixed(digits)} to ${Math.max(...values).toFixed(digits)}`;
  return (
    `load average ${range(loads, 1)}, our own included; in ${LOOK_MS} ms before each measurement the processors were ` +
    `${median(shares).toFixed(0)} % busy (${range(shares, 0)})`
  );
}
