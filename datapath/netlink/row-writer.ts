// Writes many rows from a thread of its own: of 100,000 MACs the kernel's part is a second and more, in which the event loop
// answers and plans. The thread comes with the first large write and goes when there has been none for a while.
import { Worker } from 'node:worker_threads';
import { KernelError } from '../kernel.js';
import type { RowBatches } from './row-batch.js';
import { NetlinkSocket } from './socket.js';

/** A thread costs some 12 MB and 50 ms to start. */
const IDLE_MS = 2_000;
/** It holds one message at a time. */
const LIMITS = { maxYoungGenerationSizeMb: 2, maxOldGenerationSizeMb: 16, stackSizeMb: 1 };

/** One row that the kernel refused. `errno` is positive. */
export interface Refusal {
  readonly seq: number;
  readonly errno: number;
  readonly sentence: string;
}

/** What the thread says, once for each job and in their order. `failed`: a batch as a whole, and what came after it. */
export type WriteReport =
  { readonly kind: 'done'; readonly refused: readonly Refusal[] } | { readonly kind: 'failed'; readonly errno: string };

interface Job {
  readonly resolve: (refused: readonly Refusal[]) => void;
  readonly reject: (error: Error) => void;
}

export class RowWriter {
  readonly #netns: number | undefined;
  readonly #jobs: Job[] = [];
  #waiting: (() => void)[] = [];
  #worker: Worker | undefined;
  #idle: NodeJS.Timeout | undefined;

  /** @param netns an open fd of the namespace to write in; undefined: ours */
  constructor(netns: number | undefined) {
    this.#netns = netns;
  }

  /** Jobs are done in the order of the calls. @returns what was refused. @throws KernelError if a batch could not be sent */
  write(batches: RowBatches): Promise<readonly Refusal[]> {
    clearTimeout(this.#idle);
    const worker = (this.#worker ??= this.#start());
    worker.ref();
    worker.postMessage(batches, [batches.bytes.buffer]);
    return new Promise((resolve, reject) => this.#jobs.push({ resolve, reject }));
  }

  /** Resolves when all that was given is done; undefined if it is. */
  get busy(): Promise<void> | undefined {
    if (this.#jobs.length === 0) return undefined;
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** The thread ends when it has done what it was given. */
  close(): void {
    clearTimeout(this.#idle);
    this.#worker?.postMessage('end');
    this.#worker = undefined;
  }

  #start(): Worker {
    const socket = new NetlinkSocket(this.#netns);
    const worker = new Worker(new URL('./row-writer-worker.js', import.meta.url), {
      workerData: socket.fd,
      resourceLimits: LIMITS,
    });
    worker.on('message', (report: WriteReport) => this.#onReport(report));
    worker.on('error', (error: Error) => this.#fail(error));
    worker.on('exit', () => {
      socket.close();
      if (this.#worker === worker) this.#fail(new Error('the thread that writes rows ended'));
    });
    return worker;
  }

  #onReport(report: WriteReport): void {
    const job = this.#jobs.shift();
    if (report.kind === 'done') job?.resolve(report.refused);
    else job?.reject(new KernelError('bridge fdb replace', report.errno, 'a batch of rows could not be sent'));
    if (this.#jobs.length === 0) this.#rest();
  }

  #rest(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
    this.#worker?.unref();
    this.#idle = setTimeout(() => this.close(), IDLE_MS).unref();
  }

  /** Our bug. */
  #fail(error: Error): void {
    this.#worker = undefined;
    for (const job of this.#jobs.splice(0)) job.reject(error);
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
