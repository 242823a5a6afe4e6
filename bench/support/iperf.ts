import type { ChildProcess } from 'node:child_process';
import { eventually, type Namespace } from '../../test/support/netns.js';

/** A way to be measured: from one namespace to an address in another. */
export interface Way {
  readonly name: string;
  readonly from: Namespace;
  readonly to: Namespace;
  readonly address: string;
}

/** Starts iperf3's server; it ends with its namespace. */
export function serve(way: Way): ChildProcess {
  return way.to.start(['iperf3', '--server', '--bind', way.address], 'ignore');
}

/** Waits until the server takes connections and neighbours know one another. @throws Error after 10 s */
export const warmUp = (way: Way): Promise<number> =>
  eventually(`iperf3 passes over ${way.name}`, 10_000, () => throughput(way, 1, 1).catch(() => undefined));

/** TCP, one direction. @returns what the receiver counted, bit/s. @throws Error with iperf3's words */
export async function throughput(way: Way, streams: number, seconds: number): Promise<number> {
  const args = ['--json', '--time', `${seconds}`, '--parallel', `${streams}`, '--client', way.address];
  const { code, stdout, stderr } = await way.from.run('iperf3', ...args);
  const result = JSON.parse(stdout || '{}') as { error?: string; end?: { sum_received?: { bits_per_second: number } } };
  const rate = result.end?.sum_received?.bits_per_second;
  if (code !== 0 || rate === undefined || rate === 0)
    throw new Error(`iperf3 over ${way.name}: ${result.error ?? (stderr || `exit ${code}`)}`);
  return rate;
}

/** As many datagrams as one sender makes. @param bytes of each one's payload. @returns how many were delivered a second */
export async function packets(way: Way, bytes: number, seconds: number): Promise<number> {
  const args = ['--json', '--udp', '--bandwidth', '0', '--length', `${bytes}`, '--time', `${seconds}`];
  const { code, stdout, stderr } = await way.from.run('iperf3', ...args, '--client', way.address);
  const result = JSON.parse(stdout || '{}') as {
    error?: string;
    end?: { sum_received?: { bytes: number; seconds: number } };
  };
  const received = result.end?.sum_received;
  if (code !== 0 || received === undefined)
    throw new Error(`iperf3 over ${way.name}: ${result.error ?? (stderr || `exit ${code}`)}`);
  return received.bytes / bytes / received.seconds;
}
