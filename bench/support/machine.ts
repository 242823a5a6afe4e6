// What the figures were measured on, and how busy it was.
import { readFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';

export const machine = () => ({
  kernel: release(),
  cpu: cpus()[0]?.model ?? 'unknown',
  cpus: cpus().length,
  memoryGiB: Math.round(totalmem() / 2 ** 30),
  node: process.version,
});

/** Load average of the last minute; with others at work on the machine the figures suffer. */
export const load = (): number => loadavg()[0]!;

/** Processor time of all processors that was not idle, since the machine started, s: proc(5), /proc/stat. */
export function busyS(): number {
  const fields = readFileSync('/proc/stat', 'utf8').split('\n')[0]!.split(/\s+/).slice(1).map(Number);
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = fields;
  return (user + nice + system + irq + softirq) / TICKS_PER_S;
}

/** How busy the processors are while we only wait, 0 .. 1: the share that others have. */
export async function busyShare(ms: number): Promise<number> {
  const [before, since] = [busyS(), performance.now()];
  await sleep(ms);
  return (busyS() - before) / (((performance.now() - since) / 1_000) * cpus().length);
}

const TICKS_PER_S = 100; // USER_HZ, which Linux fixes for user space

export interface Usage {
  /** Processor time since the start, s. */
  readonly cpuS: number;
  /** Resident, and the most it ever was, bytes. */
  readonly rssBytes: number;
  readonly peakBytes: number;
}

/** @throws Error ENOENT if the process is gone */
export function usageOf(pid: number): Usage {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' '); // from the third, as proc(5) counts
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const kib = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? NaN);
  return {
    cpuS: (Number(fields[11]) + Number(fields[12])) / TICKS_PER_S,
    rssBytes: kib('VmRSS') * 1024,
    peakBytes: kib('VmHWM') * 1024,
  };
}
