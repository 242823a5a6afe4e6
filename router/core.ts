import type { Millis } from './types.js';

/** A protocol core: the same inputs give the same outputs. It owns no clock, socket or randomness. */
export interface Core<Ev, Fx> {
  handle(ev: Ev, now: Millis): readonly Fx[];
  /** Earliest time a tick is wanted. A tick that comes early, or twice, does nothing. */
  nextDeadline(): Millis | undefined;
}

/** Where a shell gets its time: the machine's, or a simulator's. */
export interface Clock {
  now(): Millis;
  /** Calls `fire` once, not before `ms` have passed. @returns what cancels it */
  after(ms: number, fire: () => void): () => void;
}

/** The only source of chance for a core; seeded in tests. Uniform in [0, 1). */
export type Random = () => number;

/** @returns so many random bytes, in memory of the caller's own; seeded in tests */
export type Entropy = (bytes: number) => Uint8Array;
