// Throughput and round-trip time: raw veth, a hand-made VXLAN, the same once more (which shows the noise), and mesh.
// Each round measures all four in turn, the first one another each time; what counts is the ratio within a round.
import type { Namespace } from '../../cli/demo/namespace.js';
import { attached, pathsUp } from '../../test/support/mesh-lab.js';
import { ping, type Host, type Lab } from '../../test/support/netns.js';
import { allSeeAll, launchRouter, type RouterProcess } from '../../test/support/router-process.js';
import { makeVxlan } from '../support/hand-made.js';
import { cabledHosts, inLab } from '../support/hosts.js';
import { serve, throughput, warmUp, type Way } from '../support/iperf.js';
import { type Figure, type Part, type PartResult, type Settings } from '../support/report.js';
import { median, quantile } from '../support/statistics.js';

const SECONDS = 2;
/** Of each way in a round, in passes that take turns: where the scheduler puts a process matters more than the way. */
const PINGS = 50;
const PING_PASSES = 4;
const PING_INTERVAL_MS = 2;

const METRICS = ['tcp1', 'tcp4', 'rttMedian', 'rttP99'] as const;
type Metric = (typeof METRICS)[number];
/** bit/s and ms. */
type Values = Readonly<Record<Metric, number>>;
type Round = Readonly<Record<string, Values>>;

export const throughputPart: Part = {
  name: 'throughput',
  title: 'Throughput and RTT, each the median of the ratios within a round',
  run: (settings) => inLab((lab) => measure(lab, settings)),
};

async function measure(lab: Lab, { rounds, say }: Settings): Promise<PartResult> {
  const ways = await build(lab);
  for (const to of new Set(ways.map((way) => way.to))) serve(ways.find((way) => way.to === to)!);
  for (const way of ways) await warmUp(way);
  const values: Round[] = [];
  for (let i = 0; i < rounds; i++) {
    values.push(await round(rotated(ways, i)));
    say(`round ${i + 1} of ${rounds}: ${describe(values.at(-1)!)}`);
  }
  return { columns: ['raw veth', 'hand-made', 'again (A/A)', 'mesh'], figures: figures(values), data: values };
}

async function build(lab: Lab): Promise<readonly Way[]> {
  const [a, b] = await cabledHosts(lab);
  const routers = [await launchRouter(lab, a), await launchRouter(lab, b, a.v4)] as const;
  await allSeeAll(routers, 10_000);
  await Promise.all(routers.map((router) => pathsUp(router, 1)));
  const meshEnds = [
    await attached(lab, routers[0], 'mesh-a', '10.32.0.1/12'),
    await attached(lab, routers[1], 'mesh-b', '10.32.0.2/12'),
  ] as const;
  const handEnds = await handMade(lab, [a, b], routers[0]);
  const hand = (name: string): Way => ({ name, from: handEnds[0], to: handEnds[1], address: '10.77.0.2' });
  return [
    { name: 'raw', from: a.netns, to: b.netns, address: b.v4 },
    hand('hand'),
    hand('again'),
    { name: 'mesh', from: meshEnds[0], to: meshEnds[1], address: '10.32.0.2' },
  ];
}

async function handMade(
  lab: Lab,
  [a, b]: readonly [Host, Host],
  router: RouterProcess,
): Promise<[Namespace, Namespace]> {
  const { mtu } = (await router.status()).networks[0]!;
  const ends: [Namespace, Namespace] = [lab.container('hand-a'), lab.container('hand-b')];
  makeVxlan(a, b, ends[0], mtu, '10.77.0.1/24');
  makeVxlan(b, a, ends[1], mtu, '10.77.0.2/24');
  return ends;
}

/** One kind of measurement over all ways, then the next, so that what is compared lies close together in time. */
async function round(ways: readonly Way[]): Promise<Round> {
  const tcp1 = await inTurn(ways, (way) => throughput(way, 1, SECONDS));
  const tcp4 = await inTurn(ways, (way) => throughput(way, 4, SECONDS));
  const passes: (readonly number[])[][] = [];
  for (let pass = 0; pass < PING_PASSES; pass++) passes.push(await inTurn(ways, roundTrips));
  const rtts = ways.map((_, i) => passes.flatMap((pass) => pass[i]!));
  return Object.fromEntries(
    ways.map((way, i) => [
      way.name,
      { tcp1: tcp1[i]!, tcp4: tcp4[i]!, rttMedian: median(rtts[i]!), rttP99: quantile(rtts[i]!, 0.99) },
    ]),
  );
}

async function roundTrips(way: Way): Promise<readonly number[]> {
  const { sent, received, rttMs } = await ping(way.from, way.address, PINGS, PING_INTERVAL_MS);
  if (received < sent) throw new Error(`${sent - received} of ${sent} pings over ${way.name} were lost`);
  return rttMs;
}

async function inTurn<T>(ways: readonly Way[], work: (way: Way) => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  for (const way of ways) results.push(await work(way));
  return results;
}

const rotated = <T>(list: readonly T[], by: number): T[] => list.map((_, i) => list[(i + by) % list.length]!);

const gbits = (bits: number): string => (bits / 1e9).toFixed(2);
const describe = (r: Round): string =>
  ['raw', 'hand', 'again', 'mesh'].map((name) => `${name} ${gbits(r[name]!.tcp1)}`).join('  ');

const LABELS: Readonly<Record<Metric, string>> = {
  tcp1: 'TCP, 1 stream',
  tcp4: 'TCP, 4 streams',
  rttMedian: 'RTT median',
  rttP99: 'RTT p99',
};

const isRate = (metric: Metric): boolean => metric.startsWith('tcp');

function figures(rounds: readonly Round[]): Figure[] {
  return METRICS.flatMap((metric) => [absolute(rounds, metric), ratio(rounds, metric)]);
}

function absolute(rounds: readonly Round[], metric: Metric): Figure {
  const of = (way: string): number => median(rounds.map((r) => r[way]![metric]));
  const text = (n: number): string => (isRate(metric) ? gbits(n) : n.toFixed(3));
  const unit = isRate(metric) ? 'Gbit/s' : 'ms';
  return { what: `${LABELS[metric]}, ${unit}`, cells: ['raw', 'hand', 'again', 'mesh'].map((way) => text(of(way))) };
}

/** To the hand-made one, round by round. */
function ratio(rounds: readonly Round[], metric: Metric): Figure {
  const of = (way: string): number => median(rounds.map((r) => r[way]![metric] / r['hand']![metric]));
  const cells = ['raw', 'hand', 'again', 'mesh'].map((way) => of(way).toFixed(3));
  const mesh = of('mesh');
  const promise = {
    tcp1: { floor: '>= 0.95', isMet: mesh >= 0.95 },
    tcp4: { floor: '>= 0.95', isMet: mesh >= 0.95 },
    rttMedian: { floor: '<= 1.05', isMet: mesh <= 1.05 },
    rttP99: {},
  }[metric];
  return { what: '  ratio', cells, ...promise };
}
