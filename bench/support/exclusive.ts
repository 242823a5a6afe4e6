// Turns on a machine that several benchmarks share: each measures alone, and waits for the others in between.
import { spawn } from 'node:child_process';
import { once } from 'node:events';

/**
 * Runs `work` while this process holds the lock of flock(1) on `file`; without a file, just runs it.
 * @throws what `work` throws, and Error if flock cannot have the lock
 */
export async function exclusively<T>(file: string | undefined, work: () => Promise<T>): Promise<T> {
  if (file === undefined) return work();
  const holder = spawn('flock', [file, 'sh', '-c', 'echo held && exec cat'], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(holder, 'close');
  const refused = ended.then(([code]) => Promise.reject(new Error(`flock ${file}: exit ${String(code)}`)));
  await Promise.race([once(holder.stdout, 'data'), refused]);
  try {
    return await work();
  } finally {
    holder.stdin.end(); // cat ends, and the lock with it
    await ended;
  }
}
