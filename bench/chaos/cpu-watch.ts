// How much processor time the routers took, those that were killed meanwhile included but for their last second.
import { usageOf } from '../support/machine.js';

const EVERY_MS = 1_000;

export class CpuWatch {
  readonly #pids: () => readonly number[];
  readonly #seconds = new Map<number, number>();
  readonly #timer: NodeJS.Timeout;

  /** @param pids of those that run now */
  constructor(pids: () => readonly number[]) {
    this.#pids = pids;
    this.#timer = setInterval(() => this.#look(), EVERY_MS);
  }

  /** Processor time of all of them since each began, s. */
  total(): number {
    this.#look();
    return [...this.#seconds.values()].reduce((sum, s) => sum + s, 0);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    for (const pid of this.#pids())
      try {
        this.#seconds.set(pid, usageOf(pid).cpuS);
      } catch {
        // It ended meanwhile.
      }
  }
}
