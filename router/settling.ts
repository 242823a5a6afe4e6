// When what others hold of us is complete, so that the datapath may remove what nobody wants: in step with a neighbour, alone,
// or after a minute without either. Once in a router's life.
import type { Millis } from './types.js';

const SETTLE_AFTER_MS = 60_000;

export class Settling {
  readonly #isAlone: () => boolean;
  #startedAt: Millis | undefined;
  #state: 'no' | 'now' | 'yes' = 'no';

  /** @param isAlone knows of no other router, and dials none */
  constructor(isAlone: () => boolean) {
    this.#isAlone = isAlone;
  }

  get hasStarted(): boolean {
    return this.#startedAt !== undefined;
  }

  started(now: Millis): void {
    this.#startedAt = now;
  }

  /** We have all that a neighbour has. Idempotent. */
  inStep(): void {
    if (this.#state === 'no' && this.hasStarted) this.#state = 'now';
  }

  tick(now: Millis): void {
    if (this.#state !== 'no' || this.#startedAt === undefined) return;
    if (this.#isAlone() || now - this.#startedAt >= SETTLE_AFTER_MS) this.#state = 'now';
  }

  /** It is to be said as soon as all that was heard is learnt. */
  get isDue(): boolean {
    return this.#state === 'now';
  }

  said(): void {
    this.#state = 'yes';
  }

  nextDeadline(): Millis | undefined {
    if (this.#state !== 'no' || this.#startedAt === undefined) return undefined;
    return (this.#startedAt + SETTLE_AFTER_MS) as Millis;
  }
}
