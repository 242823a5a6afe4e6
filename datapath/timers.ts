// Timers by name: one in place of the other; `stop` calls off all, and none is set after it.
import type { Clock } from './clock.js';

export class Timers<Name extends string> {
  readonly #clock: Clock;
  /** Each calls its timer off. */
  readonly #set = new Map<Name, () => void>();
  #isStopped = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** In place of the one of this name that still waits. */
  after(name: Name, ms: number, run: () => void): void {
    this.cancel(name);
    if (!this.#isStopped) this.#set.set(name, this.#clock.after(ms, run));
  }

  cancel(name: Name): void {
    this.#set.get(name)?.();
  }

  stop(): void {
    this.#isStopped = true;
    for (const cancel of this.#set.values()) cancel();
  }
}
