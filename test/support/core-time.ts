// A time of their own for a few cores: what was sent arrives when it is due, and each core ticks when it asks to.
import assert from 'node:assert/strict';
import { Deadlines } from '../../router/deadlines.js';
import type { Millis } from '../../router/types.js';

/** A core as time sees it. */
export interface Ticking {
  nextDeadline(): Millis | undefined;
  tick(): void;
}

/** Far more than happens in any test. */
const MAX_STEPS = 1e6;

export class CoreTime {
  #now = 0;
  readonly #arrivals = new Deadlines<{ readonly run: () => void }>();
  readonly #cores: readonly Ticking[];

  /** @param cores to be asked after each step: the list may grow */
  constructor(cores: readonly Ticking[]) {
    this.#cores = cores;
  }

  get now(): Millis {
    return this.#now as Millis;
  }

  later(ms: number, run: () => void): void {
    this.#arrivals.set({ run }, (this.#now + ms) as Millis);
  }

  /** At one moment what arrives comes first, in the order of sending, then the cores' ticks in their order. */
  run(ms: number, afterEach: () => void = () => undefined): void {
    const end = this.#now + ms;
    for (let steps = 0; this.#step(end); steps++) {
      assert.ok(steps < MAX_STEPS, `livelock at ${this.#now} ms`);
      afterEach();
    }
    this.#now = end;
  }

  #step(end: number): boolean {
    const { first: arrival, next: arrivesAt = Infinity } = this.#arrivals;
    let [at, core]: [number, Ticking | undefined] = [arrivesAt, undefined];
    for (const one of this.#cores) {
      const due = one.nextDeadline() ?? Infinity;
      if (due < at) [at, core] = [due, one];
    }
    if (at > end || at === Infinity) return false;
    this.#now = Math.max(this.#now, at);
    if (core !== undefined) core.tick();
    else if (arrival !== undefined) {
      this.#arrivals.delete(arrival);
      arrival.run();
    }
    return true;
  }
}
