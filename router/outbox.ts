// What a router wants done, gathered while it handles one event.
import type { RouterEffect } from './router-events.js';
import type { ForwardingDelta } from './types.js';

export class Outbox {
  #fx: RouterEffect[] = [];
  #deltas: ForwardingDelta[] = [];

  push(fx: RouterEffect): void {
    this.#fx.push(fx);
  }

  pushAll(fx: readonly RouterEffect[]): void {
    for (const one of fx) this.#fx.push(one);
  }

  log(event: string, fields: Readonly<Record<string, string | number>>): void {
    this.#fx.push({ kind: 'log', event, fields });
  }

  /** All deltas of one event leave together, in the order in which they hold. */
  forward(delta: ForwardingDelta): void {
    this.#deltas.push(delta);
  }

  /** Empties it. @param isSettled `settled` comes after the deltas that it speaks of */
  take(isSettled: boolean): readonly RouterEffect[] {
    const fx = this.#fx;
    if (this.#deltas.length > 0) fx.push({ kind: 'forward', deltas: this.#deltas });
    if (isSettled) fx.push({ kind: 'settled' });
    this.#deltas = [];
    this.#fx = [];
    return fx;
  }
}
