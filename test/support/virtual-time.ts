// Time, timers and chance of a whole process from one seed, for code that takes them from the globals.
import assert from 'node:assert/strict';

interface Timer {
  readonly id: number;
  at: number;
  readonly everyMs: number | undefined;
  readonly run: () => void;
}

/** Stands for NodeJS.Timeout and NodeJS.Immediate. */
class Handle {
  readonly id: number;
  constructor(id: number) {
    this.id = id;
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
  [Symbol.toPrimitive](): number {
    return this.id;
  }
}

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
  #lastId = 0;
  readonly #timers = new Map<number, Timer>();
  readonly #undo: (() => void)[] = [];
  readonly #realImmediate = setImmediate;

  /** @param seed repeats the same run */
  static install(seed: number): VirtualTime {
    return new VirtualTime(seed);
  }

  private constructor(seed: number) {
    const arm = (run: Callback, ms: unknown, args: unknown[], repeat: boolean): Handle => {
      const delayMs = typeof ms === 'number' && ms >= 1 && ms < 2 ** 31 ? Math.trunc(ms) : 1; // as Node does
      return this.#arm(() => run(...args), delayMs, repeat);
    };
    const clear = (handle: unknown): void => void this.#timers.delete(Number(handle ?? 0));
    const fakes: Record<(typeof GLOBALS)[number], unknown> = {
      setTimeout: (run: Callback, ms?: number, ...args: unknown[]) => arm(run, ms, args, false),
      setInterval: (run: Callback, ms?: number, ...args: unknown[]) => arm(run, ms, args, true),
      setImmediate: (run: Callback, ...args: unknown[]) => this.#arm(() => run(...args), 0, false),
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
    for (let steps = 0; this.#step(end); steps++) assert.ok(steps < 1e7, `livelock at ${this.#now} ms`);
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

  #step(end: number): boolean {
    let next: Timer | undefined;
    for (const t of this.#timers.values())
      if (next === undefined || t.at < next.at || (t.at === next.at && t.id < next.id)) next = t;
    if (next === undefined || next.at > end) return false;
    this.#now = Math.max(this.#now, next.at);
    if (next.everyMs === undefined) this.#timers.delete(next.id);
    else next.at = this.#now + next.everyMs;
    next.run();
    return true;
  }

  #arm(run: () => void, delayMs: number, repeat: boolean): Handle {
    const id = ++this.#lastId;
    this.#timers.set(id, { id, at: this.#now + delayMs, everyMs: repeat ? delayMs : undefined, run });
    return new Handle(id);
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
