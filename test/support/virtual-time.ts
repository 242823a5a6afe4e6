// Time, timers and chance of a whole process from one seed, for code that takes them from the globals.
import assert from 'node:assert/strict';
import { DueHeap, type Due } from '../../router/deadlines.js';

/** Due at `at`; stands for NodeJS.Timeout and NodeJS.Immediate. */
class Timer implements Due {
  at: number;
  readonly order: number;
  place = -1;
  readonly run: () => void;
  readonly everyMs: number | undefined;
  constructor(at: number, order: number, run: () => void, everyMs?: number) {
    this.at = at;
    this.order = order;
    this.run = run;
    this.everyMs = everyMs;
  }
  ref(): this {
    return this;
  }
  unref(): this {
    return this;
  }
  hasRef(): boolean {
    return true;
  }
}

/** Far more than a thousand routers have to do at one moment. */
const MAX_STEPS_AT_ONCE = 1e7;

type Callback = (...args: unknown[]) => void;
const GLOBALS = [
  'setTimeout',
  'clearTimeout',
  'setInterval',
  'clearInterval',
  'setImmediate',
  'clearImmediate',
] as const;

/**
 * Replaces `setTimeout`, `setInterval`, `setImmediate` and their counterparts, `performance.now`, `Date.now` and
 * `Math.random` until `restore`. Promises and `process.nextTick` stay real: code that awaits needs `runAsync`.
 */
export class VirtualTime {
  #now = 0;
  #armed = 0;
  readonly #timers = new DueHeap<Timer>();
  readonly #undo: (() => void)[] = [];
  readonly #realImmediate = setImmediate;

  /** @param seed repeats the same run */
  static install(seed: number): VirtualTime {
    return new VirtualTime(seed);
  }

  private constructor(seed: number) {
    const arm = (run: Callback, ms: unknown, args: unknown[], repeat: boolean): Timer => {
      const delayMs = typeof ms === 'number' && ms >= 1 && ms < 2 ** 31 ? Math.trunc(ms) : 1; // as Node does
      return this.#arm(() => run(...args), delayMs, repeat ? delayMs : undefined);
    };
    const clear = (timer: unknown): void => {
      if (timer instanceof Timer) this.#timers.remove(timer);
    };
    const fakes: Record<(typeof GLOBALS)[number], unknown> = {
      setTimeout: (run: Callback, ms?: number, ...args: unknown[]) => arm(run, ms, args, false),
      setInterval: (run: Callback, ms?: number, ...args: unknown[]) => arm(run, ms, args, true),
      setImmediate: (run: Callback, ...args: unknown[]) => this.#arm(() => run(...args), 0),
      clearTimeout: clear,
      clearInterval: clear,
      clearImmediate: clear,
    };
    for (const name of GLOBALS) this.#replace(globalThis, name, fakes[name]);
    this.#replace(performance, 'now', () => this.#now);
    this.#replace(Date, 'now', () => 1_600_000_000_000 + this.#now);
    this.#replace(Math, 'random', seededRandom(seed));
  }

  /** Virtual milliseconds since `install`. */
  now(): number {
    return this.#now;
  }

  /** Timers that still wait. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Runs everything due in the next `ms`, in order of time, then of arming. */
  run(ms: number): void {
    const end = this.#now + ms;
    let [at, steps] = [this.#now, 0];
    while (this.#step(end)) {
      steps = this.#now === at ? steps + 1 : 0;
      at = this.#now;
      assert.ok(steps < MAX_STEPS_AT_ONCE, `livelock at ${at} ms`);
    }
    this.#now = end;
  }

  /** As `run`, but between two timers all promises settle that wait for nothing else. */
  async runAsync(ms: number): Promise<void> {
    const end = this.#now + ms;
    await this.#settle();
    while (this.#step(end)) await this.#settle();
    this.#now = end;
  }

  /** Stands still: timers fall due, none runs until the next `run`. */
  stall(ms: number): void {
    this.#now += ms;
  }

  restore(): void {
    for (const undo of this.#undo.splice(0)) undo();
    this.#timers.clear();
  }

  /** As `setTimeout`, but as exact as it is asked for: `ms` may be a fraction. @returns what calls it off */
  after(ms: number, run: () => void): () => void {
    const timer = this.#arm(run, Math.max(0, ms));
    return () => void this.#timers.remove(timer);
  }

  #step(end: number): boolean {
    const timer = this.#timers.first;
    if (timer === undefined || timer.at > end) return false;
    this.#now = Math.max(this.#now, timer.at);
    if (timer.everyMs === undefined) this.#timers.remove(timer);
    else this.#timers.move(timer, this.#now + timer.everyMs);
    timer.run();
    return true;
  }

  #arm(run: () => void, delayMs: number, everyMs?: number): Timer {
    const timer = new Timer(this.#now + delayMs, ++this.#armed, run, everyMs);
    this.#timers.add(timer);
    return timer;
  }

  #settle(): Promise<void> {
    return new Promise((resolve) => this.#realImmediate(resolve));
  }

  #replace(object: object, name: string, value: unknown): void {
    const before = Object.getOwnPropertyDescriptor(object, name);
    Object.defineProperty(object, name, { value, configurable: true, writable: true });
    this.#undo.push(() => {
      if (before === undefined) Reflect.deleteProperty(object, name);
      else Object.defineProperty(object, name, before);
    });
  }
}

/** Mulberry32: uniform in [0, 1), the same numbers for the same seed. */
export function seededRandom(seed: number): () => number {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), a | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
