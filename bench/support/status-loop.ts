import { setTimeout as sleep } from 'node:timers/promises';
import type { RouterProcess } from '../../test/support/router-process.js';

const STATUS_EVERY_MS = 30;

/** Asks for the status again and again; each answer's latency, ms. */
export class StatusLoop {
  readonly #latencies: number[] = [];
  readonly #ended: Promise<void>;
  #stopped = false;

  constructor(router: RouterProcess) {
    this.#ended = this.#run(router);
    this.#ended.catch(() => undefined); // `stop` says it
  }

  async stop(): Promise<readonly number[]> {
    this.#stopped = true;
    await this.#ended;
    return this.#latencies;
  }

  async #run(router: RouterProcess): Promise<void> {
    while (!this.#stopped) {
      const askedAt = performance.now();
      await router.status();
      this.#latencies.push(performance.now() - askedAt);
      await sleep(STATUS_EVERY_MS);
    }
  }
}
