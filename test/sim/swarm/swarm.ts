// Many scenarios, in as many processes as wanted, until time is up or one breaks something.
import { fork, type ChildProcess } from 'node:child_process';
import type { SimOptions } from './options.js';
import { Tally } from './tally.js';
import type { Done, Share } from './worker.js';

export interface Outcome {
  /** That were well. */
  readonly scenarios: number;
  /** The first that broke something. */
  readonly failed: Done | undefined;
}

const SAY_EVERY_MS = 5_000;
const SAY_ON_TERMINAL_MS = 500;
const now = performance.now.bind(performance); // a running scenario has its own

/** @param worker compiled `worker.ts`, of this tree or of a copy */
export function swarm(options: SimOptions, worker: URL, say: (line: string) => void): Promise<Outcome> {
  const { seconds, seed, count, jobs } = options;
  const tally = new Tally();
  const startedAt = now();
  say(`scenarios from seed ${seed} on, for ${seconds} s, in ${jobs} process${jobs === 1 ? '' : 'es'}`);
  return new Promise((resolve) => {
    let hasEnded = false;
    const stopSaying = sayOften(say, () => tally.line(now() - startedAt));
    const workers: ChildProcess[] = [];
    const end = (failed: Done | undefined): void => {
      if (hasEnded) return;
      hasEnded = true;
      clearTimeout(timeUp);
      stopSaying();
      for (const one of workers) one.kill();
      if (failed === undefined) say(`${tally.line(now() - startedAt)}\n${tally.summary()}`);
      resolve({ scenarios: tally.scenarios, failed });
    };
    let isTimeUp = false;
    const timeUp = setTimeout(() => {
      isTimeUp = true;
      if (tally.scenarios > 0) end(undefined); // else the first is waited for
    }, seconds * 1_000);
    const done = (one: Done): void => {
      if (one.verdict.broken !== undefined) return end(one);
      tally.add(one.verdict);
      if (isTimeUp || tally.scenarios >= count) end(undefined);
    };
    for (let n = 0; n < jobs; n++) workers.push(startWorker(worker, { first: seed + n, step: jobs }, done));
  });
}

function startWorker(url: URL, share: Share, done: (one: Done) => void): ChildProcess {
  const worker = fork(url, { execArgv: ['--enable-source-maps', '--max-semi-space-size=64'] });
  worker.on('message', (one) => done(one as Done));
  worker.on('exit', (code) => {
    if (code !== null && code !== 0) throw new Error(`a worker ended with ${code}`);
  });
  worker.send(share);
  return worker;
}

/** One line that is written over on a terminal, else one every few seconds. @returns what ends it */
function sayOften(say: (line: string) => void, line: () => string): () => void {
  if (!process.stdout.isTTY) {
    const timer = setInterval(() => say(line()), SAY_EVERY_MS);
    return () => clearInterval(timer);
  }
  const clear = '\r\x1b[K';
  const timer = setInterval(() => void process.stdout.write(clear + line()), SAY_ON_TERMINAL_MS);
  return () => {
    clearInterval(timer);
    process.stdout.write(clear);
  };
}
