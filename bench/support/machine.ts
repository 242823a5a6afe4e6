// What the figures were measured on, and how busy it was.
import { readFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem } from 'node:os';

export const machine = () => ({
  kernel: release(),
  cpu: cpus()[0]?.model ?? 'unknown',
  cpus: cpus().length,
  memoryGiB: Math.round(totalmem() / 2 ** 30),
  node: process.version,
});

/** Load average of the last minute; with others at work on the machine the figures suffer. */
export const load = (): number => loadavg()[0]!;

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
