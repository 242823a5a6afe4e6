import type { Millis } from '../../router/types.js';

/** A clock that stands still until a test moves it. */
export class FakeClock {
  #now = 0;
  readonly #timers = new Map<() => void, number>();

  now(): Millis {
    return this.#now as Millis;
  }

  after(ms: number, run: () => void): () => void {
    const timer = (): void => run();
    this.#timers.set(timer, this.#now + ms);
    return () => this.#timers.delete(timer);
  }

  /** Timers that wait. */
  get armed(): number {
    return this.#timers.size;
  }

  /** Runs what is due within `ms`, in order, each followed by a turn of the event loop for what it set going. */
  async run(ms: number): Promise<void> {
    const end = this.#now + ms;
    await turns();
    for (;;) {
      const next = [...this.#timers].filter(([, at]) => at <= end).sort(([, a], [, b]) => a - b)[0];
      if (next === undefined) break;
      this.#timers.delete(next[0]);
      this.#now = Math.max(this.#now, next[1]);
      next[0]();
      await turns();
    }
    this.#now = end;
  }
}

/** Enough turns for whatever is ready to come to rest. */
async function turns(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise(setImmediate);
}
