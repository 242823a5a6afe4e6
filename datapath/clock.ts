// Time as the datapath's shells have it; tests bring their own.
import type { Millis } from '../router/types.js';

export interface Clock {
  now(): Millis;
  /** @returns how to call it off */
  after(ms: number, run: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => performance.now() as Millis,
  /** Runs after what has come meanwhile was read: who was kept from running must not take answers for lost. */
  after(ms, run) {
    let reading: NodeJS.Immediate | undefined;
    const timer = setTimeout(() => (reading = setImmediate(run)), ms);
    return () => {
      clearTimeout(timer);
      clearImmediate(reading);
    };
  },
};
