// The process that a router runs in: its clock, and when it gets to its work. It may be slow, stand still, or have its clock jump.
import type { Clock } from '../../../router/core.js';
import type { Millis } from '../../../router/types.js';
import type { VirtualTime } from '../../support/virtual-time.js';

/** `net.core.rmem_default` of Linux, bytes: what a socket keeps for a process that does not read. */
const RECEIVE_BUFFER_BYTES = 212_992;

interface Timer {
  readonly dueAt: number;
  readonly fire: () => void;
  cancel: () => void;
  isOff: boolean;
}

export class Process implements Clock {
  readonly #time: VirtualTime;
  readonly #timers = new Set<Timer>();
  #jumpedMs = 0;
  #slowMs = 0;
  #frozenUntil = 0;
  /** When the last work that was put off will be done: what comes later is done after it. */
  #doneAt = 0;
  #heldBytes = 0;
  #isOver = false;

  constructor(time: VirtualTime) {
    this.#time = time;
  }

  now(): Millis {
    return (this.#time.now() + this.#jumpedMs) as Millis;
  }

  /** As `setTimeout` of Node: whole milliseconds, one at least. */
  after(ms: number, fire: () => void): () => void {
    const dueAt = this.now() + Math.max(1, Math.trunc(ms));
    const timer: Timer = { dueAt, fire, cancel: () => undefined, isOff: false };
    this.#timers.add(timer);
    this.#arm(timer);
    return () => {
      timer.isOff = true;
      timer.cancel();
      this.#timers.delete(timer);
    };
  }

  /** Something came from outside. @param datagramBytes of a datagram, which is lost when too many wait */
  hand(work: () => void, datagramBytes = 0): void {
    const now = this.#time.now();
    const at = Math.max(now + this.#slowMs, this.#frozenUntil, this.#doneAt);
    if (this.#isOver || this.#heldBytes + datagramBytes > RECEIVE_BUFFER_BYTES) return;
    if (at <= now) return work();
    this.#doneAt = at;
    this.#heldBytes += datagramBytes;
    this.#time.after(at - now, () => {
      this.#heldBytes -= datagramBytes;
      if (!this.#isOver) work();
    });
  }

  /** From now on it comes to everything so much later, timers included. */
  slow(ms: number): void {
    this.#slowMs = ms;
  }

  /** As SIGSTOP, and SIGCONT so much later. Its clock goes on. */
  freeze(ms: number): void {
    this.#frozenUntil = this.#time.now() + ms;
  }

  get isFrozen(): boolean {
    return this.#time.now() < this.#frozenUntil;
  }

  /** Its clock is so much later at once, as after a suspend; what is due by it is due now. @param ms not below 0 */
  jump(ms: number): void {
    this.#jumpedMs += ms;
    for (const timer of this.#timers) {
      timer.cancel();
      this.#arm(timer);
    }
  }

  /** Nothing of it runs any more. */
  end(): void {
    this.#isOver = true;
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
  }

  #arm(timer: Timer): void {
    timer.cancel = this.#time.after(timer.dueAt - this.now(), () => {
      this.#timers.delete(timer);
      this.hand(() => {
        if (!timer.isOff) timer.fire();
      });
    });
  }
}
