// What the rounds of the sleeve part come to: medians, ratios within a round, and the promises. Pure.
import { short, type Figure, type Table } from '../support/report.js';
import { median, quantile } from '../support/statistics.js';
import type { Contender } from './contender.js';
import { LARGE_BYTES, SMALL_BYTES, type Values } from './measure.js';

/** By the contender's name. */
export type Round = Readonly<Record<string, Values>>;
export type Named = Pick<Contender, 'name' | 'title' | 'kind'>;

type Rate = 'tcp1' | 'tcp4' | 'udpLarge' | 'udpSmall' | 'blast';
const RATES: readonly (readonly [rate: Rate, heading: string, scale: number])[] = [
  ['tcp1', 'TCP, Gb/s', 1e9],
  ['tcp4', '4 TCP', 1e9],
  ['udpLarge', `UDP ${LARGE_BYTES}, k/s`, 1e3],
  ['udpSmall', `UDP ${SMALL_BYTES}`, 1e3],
  ['blast', 'batched', 1e3],
];
const HEADINGS = [...RATES.map(([, heading]) => heading), 'RTT, ms'];
const BATCHING = 'wireguard-go';

/** @param rounds each with `hand` and `again`, and with each of `contenders` */
export function tablesOf(contenders: readonly Named[], rounds: readonly Round[]): Table[] {
  const measured = contenders.map(({ name, title }) => ({ what: title, cells: medians(rounds, name) }));
  const compared = contenders.filter(({ name }) => name !== 'hand');
  const tables = [
    { title: 'Median of all rounds', columns: HEADINGS, rows: measured },
    { title: 'Ratio to the hand-made VXLAN', columns: HEADINGS, rows: ratioRows(compared, rounds, yardstick) },
    { title: 'Cost of the one TCP stream', columns: COST_HEADINGS, rows: contenders.map((c) => costRow(c, rounds)) },
  ];
  if (!contenders.some(({ name }) => name === BATCHING)) return tables;
  const toBatching = ratioRows(contenders, rounds, (round, metric) => round[BATCHING]![metric]);
  tables.splice(2, 0, { title: `Ratio to ${BATCHING}`, columns: HEADINGS, rows: toBatching });
  return tables;
}

function medians(rounds: readonly Round[], name: string): string[] {
  const of = (metric: Rate | 'rtt'): number => median(rounds.map((round) => round[name]![metric]));
  return [...RATES.map(([rate, , scale]) => short(of(rate) / scale)), of('rtt').toFixed(3)];
}

type Yardstick = (round: Round, metric: Rate | 'rtt') => number;

/** The hand-made one is measured twice in a round: the mean errs less than either. `again` is held against the first. */
const yardstick: Yardstick = (round, metric) => (round['hand']![metric] + round['again']![metric]) / 2;

const against = (name: string, by: Yardstick): Yardstick =>
  name === 'again' && by === yardstick ? (round, metric) => round['hand']![metric] : by;

/** Of each round, so that what is compared was measured within a minute. */
const ratios = (rounds: readonly Round[], name: string, metric: Rate, by: Yardstick = yardstick): number[] =>
  rounds.map((round) => round[name]![metric] / against(name, by)(round, metric));

/** RTTs are compared by their difference, ms. */
const delays = (rounds: readonly Round[], name: string, by: Yardstick = yardstick): number[] =>
  rounds.map((round) => round[name]!.rtt - against(name, by)(round, 'rtt'));

const ratioRows = (contenders: readonly Named[], rounds: readonly Round[], by: Yardstick): Table['rows'] =>
  contenders.map(({ name, title }) => ({
    what: title,
    cells: [
      ...RATES.map(([rate]) => median(ratios(rounds, name, rate, by)).toFixed(3)),
      signed(median(delays(rounds, name, by))),
    ],
  }));

const signed = (ms: number): string => `${ms < 0 ? '-' : '+'}${Math.abs(ms).toFixed(3)}`;

const COST_HEADINGS = ['sender', 'relays', 'receiver', 'all, s/GB', 'lost'];

/** Processor seconds for each GB; datagrams lost for want of a receive buffer, of all TCP runs of all rounds. */
function costRow({ name, title, kind }: Named, rounds: readonly Round[]): Table['rows'][number] {
  const of = (part: keyof Values['cpu']): string => {
    const value = median(rounds.map((round) => round[name]!.cpu[part]));
    return value === 0 ? '' : short(value);
  };
  const own = kind === 'kernel' ? ['', '', ''] : [of('sends'), of('relays'), of('receives')];
  return { what: title, cells: [...own, of('machine'), kind === 'kernel' ? '' : `${lost(name, rounds)}`] };
}

const lost = (name: string, rounds: readonly Round[]): number =>
  rounds.reduce((sum, round) => sum + round[name]!.drops, 0);

/** What was promised of the sleeve; a value, then the middle half of the rounds. */
export function promises(contenders: readonly Named[], rounds: readonly Round[]): Figure[] {
  const has = (name: string): boolean => contenders.some((c) => c.name === name);
  const least = (what: string, values: readonly number[], floor: number): Figure => ({
    what,
    cells: spread(values),
    floor: `>= ${floor.toFixed(2)}`,
    isMet: median(values) >= floor,
  });
  const ours = contenders.filter(({ kind }) => kind === 'ours');
  const dropped = ours.reduce((sum, { name }) => sum + lost(name, rounds), 0);
  const delay = delays(rounds, 'sealed');
  const blasts = rounds.map((round) => round['sealed']!.blast / 1e3);
  return [
    { what: 'noise: hand-made, TCP, again / first', cells: spread(ratios(rounds, 'again', 'tcp1')) },
    least('sealed, TCP, to hand-made', ratios(rounds, 'sealed', 'tcp1'), 0.4),
    least('plain, TCP, to hand-made', ratios(rounds, 'plain', 'tcp1'), 0.55),
    ...(has('relay1') ? [least('one relay, TCP, to hand-made', ratios(rounds, 'relay1', 'tcp1'), 0.25)] : []),
    ...bestRival(contenders, rounds),
    least(`sealed, UDP ${SMALL_BYTES}, to hand-made`, ratios(rounds, 'sealed', 'udpSmall'), 0.8),
    { ...least('sealed, batched, 1000/s', blasts, 150), cells: spread(blasts, short), floor: '>= 150' },
    {
      what: 'sealed, RTT, ms over hand-made',
      cells: spread(delay, signed),
      floor: '<= +0.20',
      isMet: median(delay) <= 0.2,
    },
    { what: 'lost by us in TCP runs', cells: [`${dropped}`], floor: '0', isMet: dropped === 0 },
  ];
}

/** Sealed against whoever is fastest of the rest, by its own median. */
function bestRival(contenders: readonly Named[], rounds: readonly Round[]): Figure[] {
  const speed = ({ name }: Named): number => median(rounds.map((round) => round[name]!.tcp1));
  const [best] = contenders.filter(({ kind }) => kind === 'rival').sort((x, y) => speed(y) - speed(x));
  if (best === undefined) return [];
  const values = rounds.map((round) => round['sealed']!.tcp1 / round[best.name]!.tcp1);
  return [{ what: `sealed, TCP, to ${best.title}`, cells: spread(values), floor: '> 1', isMet: median(values) > 1 }];
}

const spread = (values: readonly number[], text: (n: number) => string = (n) => n.toFixed(3)): string[] => [
  text(median(values)),
  `${text(quantile(values, 0.25))} .. ${text(quantile(values, 0.75))}`,
];
