import type { Clock, Core } from '../core.js';
import type { Millis } from '../types.js';

type Tick = { readonly kind: 'tick' };
/** Above this `setTimeout` fires at once. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/** The machine's own. */
export const systemClock: Clock = {
  now: () => performance.now() as Millis,
  after(ms, fire) {
    const timer = setTimeout(fire, ms);
    return () => clearTimeout(timer);
  },
};

/** The only owner of time for a core: one timer, one inbox, effects performed in order. */
export class Runtime<Ev extends { readonly kind: string }, Fx> {
  readonly #core: Core<Ev | Tick, Fx>;
  readonly #perform: (fx: Fx) => void;
  readonly #clock: Clock;
  #inbox: (Ev | Tick)[] = [];
  #armed: { readonly at: Millis; readonly cancel: () => void } | undefined;
  #busy = false;
  #closed = false;

  constructor(core: Core<Ev | Tick, Fx>, perform: (fx: Fx) => void, clock: Clock = systemClock) {
    this.#core = core;
    this.#perform = perform;
    this.#clock = clock;
  }

  /** Safe to call from inside `perform`: the event waits its turn. What `handle` or `perform` throws is our bug and passes. */
  dispatch(ev: Ev | Tick): void {
    if (this.#closed) return;
    this.#inbox.push(ev);
    if (this.#busy) return;
    this.#busy = true;
    try {
      while (this.#inbox.length > 0) this.#drain();
    } finally {
      this.#busy = false;
      this.#rearm();
    }
  }

  /** Nothing is handled or performed from now on, not even what waits. Idempotent. */
  close(): void {
    this.#closed = true;
    this.#inbox = [];
    this.#disarm();
  }

  #drain(): void {
    const batch = this.#inbox; // by index: shift() of a long array moves all of it
    this.#inbox = [];
    for (const ev of batch) {
      if (this.#closed) return;
      for (const fx of this.#core.handle(ev, this.#clock.now())) this.#perform(fx);
    }
  }

  #rearm(): void {
    const at = this.#closed ? undefined : this.#core.nextDeadline();
    if (at === this.#armed?.at) return; // most events leave the deadline alone
    this.#disarm();
    if (at === undefined) return;
    const waitMs = Math.min(Math.max(0, Math.ceil(at - this.#clock.now())), MAX_TIMEOUT_MS);
    const cancel = this.#clock.after(waitMs, () => {
      this.#armed = undefined;
      this.dispatch({ kind: 'tick' });
    });
    this.#armed = { at, cancel };
  }

  #disarm(): void {
    this.#armed?.cancel();
    this.#armed = undefined;
  }
}
