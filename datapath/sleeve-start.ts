// When the sleeve is started: a router that starts, and a mesh that forms, have better uses for the processor than two threads
// more and keys for each peer. One that is refused is tried again.
import type { Clock } from './clock.js';
import type { Sleeve } from './sleeve/sleeve.js';

const START_AFTER_MS = 3_000; // since the last peer came
const START_WITHIN_MS = 30_000; // there are meshes in which they always come
/** A port that is taken may be free again. */
const RETRY_MS = 10_000;

export interface SleeveStartHooks {
  /** @throws SyscallError */
  create(): Sleeve;
  started(sleeve: Sleeve): void;
  /** For another reason than before. */
  refused(reason: string): void;
}

export class SleeveStart {
  readonly #clock: Clock;
  readonly #hooks: SleeveStartHooks;
  /** At the latest; undefined before `start`. */
  #by: number | undefined;
  #refusal: string | undefined;
  #isOver = false;
  #cancel: () => void = () => undefined;

  constructor(clock: Clock, hooks: SleeveStartHooks) {
    this.#clock = clock;
    this.#hooks = hooks;
  }

  /** Why there is none. */
  get refusal(): string | undefined {
    return this.#refusal;
  }

  /** From now on it may be started. @param isUrgent nothing else carries */
  start(isUrgent: boolean): void {
    this.#by = this.#clock.now() + (isUrgent ? 0 : START_WITHIN_MS);
    this.peerCame();
  }

  /** Its keys are wanted soon, and maybe it is not the last. */
  peerCame(): void {
    this.#after(START_AFTER_MS);
  }

  /** Something is to be carried that nothing else does. */
  hurry(): void {
    if (this.#by === undefined) return;
    this.#by = -Infinity;
    this.#after(0);
  }

  stop(): void {
    this.#isOver = true;
    this.#cancel();
  }

  #after(ms: number): void {
    if (this.#isOver || this.#by === undefined || this.#refusal !== undefined) return;
    this.#cancel();
    const leftMs = Math.max(0, this.#by - this.#clock.now());
    this.#cancel = this.#clock.after(Math.min(ms, leftMs), () => this.#try());
  }

  #try(): void {
    let sleeve: Sleeve;
    try {
      sleeve = this.#hooks.create();
    } catch (error) {
      const { message } = error as Error;
      if (this.#refusal !== message) this.#hooks.refused(message);
      this.#refusal = message;
      this.#cancel = this.#clock.after(RETRY_MS, () => this.#try());
      return;
    }
    this.#refusal = undefined;
    this.stop();
    this.#hooks.started(sleeve);
  }
}
