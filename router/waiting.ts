// How long to wait, and by chance how much longer.
import type { Random } from './core.js';
import type { Millis } from './types.js';

const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 30_000;

export const NEVER = Infinity as Millis;

/** 1 s, doubled with each failure up to 30 s, a quarter more or less. */
export const backoff = (failures: number, random: Random): number =>
  Math.min(FIRST_RETRY_MS * 2 ** Math.min(failures, 10), LAST_RETRY_MS) * (0.75 + random() / 2);

/** `ms`, a tenth more or less: what is due for many peers must not come in flocks. */
export const jittered = (ms: number, random: Random): number => ms * (0.9 + random() / 5);
