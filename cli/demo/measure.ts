// What the demo measures between its containers: reachability, round-trip times, throughput.
import type { Namespace } from './namespace.js';

interface Place {
  readonly name: string;
  readonly netns: Namespace;
  readonly ip: string;
}

const REACH_WITHIN_MS = 10_000;
const PINGS = 5;

/** @returns a table of median round-trip times. @throws Error if a pair does not reach each other within 10 s */
export async function pingAllPairs(places: readonly Place[]): Promise<string> {
  const rows: string[][] = [
    ['', ...places.map((p) => `to ${p.name}`)],
    ['', ...places.map((p) => p.ip)],
  ];
  for (const from of places) {
    const cells = await Promise.all(places.map(async (to) => (to === from ? '-' : pingPair(from, to))));
    rows.push([`from ${from.name}`, ...cells]);
  }
  const width = Math.max(...rows.flat().map((cell) => cell.length)) + 3;
  return rows
    .map((row) => row.map((cell, i) => (i === 0 ? cell.padEnd(12) : cell.padStart(width))).join(''))
    .join('\n');
}

async function pingPair(from: Place, to: Place): Promise<string> {
  const until = performance.now() + REACH_WITHIN_MS;
  while ((await from.netns.run('ping', '-n', '-c1', '-W1', to.ip)).code !== 0)
    if (performance.now() > until) throw new Error(`${from.name} does not reach ${to.name} (${to.ip})`);
  const { stdout } = await from.netns.run('ping', '-n', '-i0.02', `-c${PINGS}`, '-W1', to.ip);
  const rtts = [...stdout.matchAll(/time=([\d.]+) ms/g)].map((m) => Number(m[1]));
  if (rtts.length < PINGS) throw new Error(`${from.name} lost ${PINGS - rtts.length} of ${PINGS} pings to ${to.name}`);
  return `${median(rtts).toFixed(2)} ms`;
}

const median = (numbers: readonly number[]): number =>
  [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)]!;

/** One TCP stream. @returns a line for people, also when iperf3 is not installed. @throws Error if it is and fails */
export async function measureThroughput(from: Place, to: Place, seconds: number): Promise<string> {
  if ((await from.netns.run('iperf3', '--version')).code !== 0)
    return 'iperf3 is not installed: throughput is not measured (try: apt-get install iperf3)';
  const server = to.netns.start(['iperf3', '--server', '--forceflush'], ['ignore', 'pipe', 'ignore']);
  try {
    await new Promise<void>((resolve, reject) => {
      server.stdout!.on('data', () => resolve());
      server.on('exit', () => reject(new Error('the iperf3 server ended')));
    });
    const text = await from.netns.must('iperf3', '--json', '--time', `${seconds}`, '--client', to.ip);
    const result = JSON.parse(text) as { end: { sum_received: { bits_per_second: number } } };
    return `${(result.end.sum_received.bits_per_second / 1e9).toFixed(1)} Gbit/s, one TCP stream`;
  } finally {
    server.kill();
  }
}
