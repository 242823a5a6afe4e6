// The sleeve beside a hand-made VXLAN on the same hosts: sealed, and plain to show what sealing costs. Each round measures all in
// turn; what counts is the ratio within a round. Sealed and plain are two pairs of processes, on two pairs of hosts.
import assert from 'node:assert/strict';
import type { Cipher } from '../../datapath/sleeve/sleeve.js';
import { ping, type Host, type Lab, type Namespace } from '../../test/support/netns.js';
import { NETWORK_MTU, sleevePair, type SleeveHost } from '../../test/support/sleeve-lab.js';
import { makeVxlan } from '../support/hand-made.js';
import { cabledHosts, inLab } from '../support/hosts.js';
import { serve, throughput, warmUp, type Way } from '../support/iperf.js';
import { short, type Figure, type Part, type PartResult, type Settings } from '../support/report.js';
import { median } from '../support/statistics.js';

const SECONDS = 2;
const PINGS = 200;
const PING_INTERVAL_MS = 2;
const UDP_BYTES = 64;

const WAYS = ['hand', 'again', 'sealed', 'plain'] as const;
type WayName = (typeof WAYS)[number];

type Metric = 'tcp1' | 'tcp4' | 'udp64' | 'rtt' | 'cpu';
/** bit/s, bit/s, delivered packets/s, ms, processor seconds of both routers for each GB of `tcp1`. */
type Values = Readonly<Record<Metric, number>>;
type Round = Readonly<Record<WayName, Values>>;

export const sleevePart: Part = {
  name: 'sleeve',
  title: 'Sleeve: throughput, small packets and RTT, each the median of the ratios within a round',
  run: (settings) => inLab((lab) => measure(lab, settings)),
};

async function measure(lab: Lab, { rounds, say }: Settings): Promise<PartResult> {
  const bench = await build(lab);
  const values: Round[] = [];
  for (let i = 0; i < rounds; i++) {
    const order = WAYS.map((_, k) => WAYS[(i + k) % WAYS.length]!);
    const measured: Partial<Record<WayName, Values>> = {};
    for (const name of order) measured[name] = await bench.measure(name);
    const round = measured as Round;
    values.push(round);
    const rates = WAYS.map((name) => `${name} ${(round[name].tcp1 / 1e9).toFixed(2)}`);
    say(`round ${i + 1} of ${rounds}: ${rates.join('  ')}`);
  }
  const counters = await Promise.all(bench.sleeves.map((s) => s.counters()));
  return {
    columns: ['hand-made', 'again (A/A)', 'sealed', 'plain'],
    figures: figures(values),
    data: { rounds: values, counters },
  };
}

interface Bench {
  readonly sleeves: readonly SleeveHost[];
  measure(name: WayName): Promise<Values>;
}

async function build(lab: Lab): Promise<Bench> {
  const sealed = await sleeves(lab, ['a', 'b'], 'aes-256-gcm');
  const plain = await sleeves(lab, ['c', 'd'], 'plain');
  const hand = handMade(lab, sealed[0].host, sealed[1].host);
  const ways: Readonly<Record<WayName, Way>> = {
    hand,
    again: { ...hand, name: 'again' },
    sealed: wayOf('sealed', sealed),
    plain: wayOf('plain', plain),
  };
  for (const way of [hand, ways.sealed, ways.plain]) {
    serve(way);
    await warmUp(way);
  }
  const routers: Readonly<Partial<Record<WayName, readonly SleeveHost[]>>> = { sealed, plain };
  return { sleeves: [...sealed, ...plain], measure: (name) => measureWay(ways[name], routers[name] ?? []) };
}

async function sleeves(lab: Lab, names: readonly [string, string], cipher: Cipher): Promise<[SleeveHost, SleeveHost]> {
  await cabledHosts(lab, names);
  return sleevePair(lab, { names, cipher });
}

const wayOf = (name: WayName, [from, to]: readonly [SleeveHost, SleeveHost]): Way => ({
  name,
  from: from.container,
  to: to.container,
  address: to.v4,
});

function handMade(lab: Lab, a: Host, b: Host): Way {
  const ends: [Namespace, Namespace] = [lab.container('hand-a'), lab.container('hand-b')];
  makeVxlan(a, b, ends[0], NETWORK_MTU, '10.77.0.1/24');
  makeVxlan(b, a, ends[1], NETWORK_MTU, '10.77.0.2/24');
  return { name: 'hand', from: ends[0], to: ends[1], address: '10.77.0.2' };
}

async function measureWay(way: Way, sleeves: readonly SleeveHost[]): Promise<Values> {
  const before = await cpuS(sleeves);
  const tcp1 = await throughput(way, 1, SECONDS);
  const cpu = ((await cpuS(sleeves)) - before) / ((tcp1 * SECONDS) / 8e9);
  const tcp4 = await throughput(way, 4, SECONDS);
  const udp64 = await smallPackets(way);
  const { sent, received, rttMs } = await ping(way.from, way.address, PINGS, PING_INTERVAL_MS);
  assert.equal(received, sent, `pings over ${way.name} were lost`);
  return { tcp1, tcp4, udp64, rtt: median(rttMs), cpu };
}

async function cpuS(sleeves: readonly SleeveHost[]): Promise<number> {
  const all = await Promise.all(sleeves.map((s) => s.do('cpuMs') as Promise<number>));
  return all.reduce((sum, ms) => sum + ms / 1_000, 0);
}

/** As many 64-byte datagrams as one sender makes. @returns how many were delivered a second */
async function smallPackets(way: Way): Promise<number> {
  const args = ['--json', '--udp', '--bandwidth', '0', '--length', `${UDP_BYTES}`, '--time', `${SECONDS}`];
  const { stdout } = await way.from.run('iperf3', ...args, '--client', way.address);
  const { end } = JSON.parse(stdout) as { end: { sum: { packets: number; lost_packets: number; seconds: number } } };
  return (end.sum.packets - end.sum.lost_packets) / end.sum.seconds;
}

/** The hand-made one was measured twice in the round: their mean errs less than either. */
const yardstick = ({ hand, again }: Round, metric: Metric): number => (hand[metric] + again[metric]) / 2;

function figures(rounds: readonly Round[]): Figure[] {
  const of = (metric: Metric, scale: number): string[] =>
    WAYS.map((way) => short(median(rounds.map((r) => r[way][metric])) / scale));
  const ratio = (way: WayName, metric: Metric): number =>
    median(rounds.map((r) => r[way][metric] / yardstick(r, metric)));
  const ratios = (metric: Metric): string[] => WAYS.map((way) => ratio(way, metric).toFixed(3));
  const floor = (value: number, least: number): Pick<Figure, 'floor' | 'isMet'> => ({
    floor: `>= ${least.toFixed(2)}`,
    isMet: value >= least,
  });
  const slower = median(rounds.map((r) => r.sealed.rtt - yardstick(r, 'rtt')));
  return [
    { what: 'TCP, 1 stream, Gbit/s', cells: of('tcp1', 1e9) },
    { what: '  ratio, sealed', cells: ratios('tcp1'), ...floor(ratio('sealed', 'tcp1'), 0.4) },
    { what: '  ratio, plain', cells: ratios('tcp1'), ...floor(ratio('plain', 'tcp1'), 0.55) },
    { what: 'TCP, 4 streams, Gbit/s', cells: of('tcp4', 1e9) },
    { what: '  ratio', cells: ratios('tcp4') },
    { what: 'UDP, 64 bytes, 1000/s', cells: of('udp64', 1e3) },
    { what: '  ratio', cells: ratios('udp64'), ...floor(ratio('sealed', 'udp64'), 0.8) },
    { what: 'RTT median, ms', cells: of('rtt', 1), floor: '<= hand + 0.2', isMet: slower <= 0.2 },
    { what: 'routers, cpu s per GB', cells: of('cpu', 1) },
  ];
}
