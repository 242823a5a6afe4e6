// Keeps a worker alive: one that dies is made again at once and told all that the last one knew.
import { Worker } from 'node:worker_threads';
import { writeSync } from 'node:fs';
import { createEventfd, closeQuietly } from './native/io.js';
import type { Command, Report, WorkerInit } from './worker/messages.js';
import { Totals } from './worker/shared.js';

/** A worker that died within this time of its birth waits as long for the next, ms: else it would die all the time. */
const SOON_MS = 1_000;
const RETRY_MS = 500;

export interface SupervisorEvents {
  readonly report: (report: Report) => void;
  readonly died: (why: string) => void;
  readonly restarted: () => void;
  /** All that a new worker must know, in order. */
  readonly snapshot: () => readonly Command[];
}

export class Supervisor {
  readonly #role: WorkerInit['role'];
  readonly #init: WorkerInit;
  readonly #events: SupervisorEvents;
  #worker: Worker | undefined;
  #bornAt = 0;
  #retry: NodeJS.Timeout | undefined;
  #queue: Command[] = [];
  #isClosed = false;
  #isFirst = true;
  readonly #onExit = (): void => this.#stop();

  constructor(init: Omit<WorkerInit, 'wake' | 'totals'>, events: SupervisorEvents) {
    this.#role = init.role;
    this.#init = { ...init, wake: createEventfd(), totals: Totals.create() };
    this.#events = events;
    process.on('exit', this.#onExit); // a worker that waits in the kernel would hold the process up
    this.#start();
  }

  get totals(): Totals {
    return new Totals(this.#init.totals);
  }

  /** Is there a worker that commands reach? If not, the next one gets a snapshot. */
  get isAlive(): boolean {
    return this.#worker !== undefined;
  }

  /** Commands of one turn go out together. */
  tell(command: Command): void {
    if (this.#queue.length === 0) queueMicrotask(() => this.#post());
    this.#queue.push(command);
  }

  /** Ends the worker. @returns when its thread is gone. Idempotent */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearTimeout(this.#retry);
    process.off('exit', this.#onExit);
    const worker = this.#worker;
    if (worker) {
      const gone = new Promise((resolve) => worker.once('exit', resolve));
      this.#stop();
      await gone;
    }
    closeQuietly(this.#init.wake);
  }

  #start(): void {
    this.#bornAt = performance.now();
    const script = new URL(`./worker/${this.#role}-worker.js`, import.meta.url);
    const worker = new Worker(script, { workerData: this.#init });
    this.#worker = worker;
    this.#queue = [...this.#events.snapshot()];
    this.#post();
    let why = 'it ended';
    worker.on('error', (error) => (why = error.message));
    worker.on('message', (report: Report) => this.#heard(report));
    worker.on('exit', () => this.#gone(worker, why));
  }

  #heard(report: Report): void {
    if (report.kind === 'ready' && !this.#isFirst) this.#events.restarted();
    if (report.kind === 'ready') this.#isFirst = false;
    this.#events.report(report);
  }

  #gone(worker: Worker, why: string): void {
    if (this.#isClosed || this.#worker !== worker) return;
    this.#worker = undefined;
    this.#events.died(why);
    const waitMs = performance.now() - this.#bornAt < SOON_MS ? RETRY_MS : 0;
    this.#retry = setTimeout(() => this.#start(), waitMs);
  }

  #post(): void {
    const commands = this.#queue;
    this.#queue = [];
    if (this.#worker === undefined || commands.length === 0) return; // a new worker gets a snapshot
    this.#worker.postMessage(commands);
    writeSync(this.#init.wake, ONE);
  }

  #stop(): void {
    this.#worker?.postMessage([{ kind: 'stop' }]);
    writeSync(this.#init.wake, ONE);
  }
}

const ONE = new Uint8Array(new BigUint64Array([1n]).buffer);
