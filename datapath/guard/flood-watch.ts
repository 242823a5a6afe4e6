// When a flood is worth a line in the log: when it begins, and once a minute while it lasts. Pure.
import type { Millis } from '../../router/types.js';

/** Packets dropped since the line before, by counter. */
type Dropped = Readonly<Record<string, number>>;

/** Fewer than so many between two looks are no flood: a burst of calls, say. */
const FEW_PACKETS = 100;
const SAID_MS = 60_000;

export class FloodWatch {
  /** Undefined: what an earlier router's table has counted is not known yet. */
  #seen: Dropped | undefined;
  #said: Dropped = {};
  #saidAt = -Infinity;

  /** @param counters since the table was made, again and again. @returns what to log */
  look(counters: Dropped, now: Millis): Dropped | undefined {
    const isFlood = this.#seen !== undefined && sum(since(this.#seen, counters)) >= FEW_PACKETS;
    if (this.#seen === undefined) this.#said = counters;
    this.#seen = counters;
    if (!isFlood || now - this.#saidAt < SAID_MS) return undefined;
    const news = since(this.#said, counters);
    this.#said = counters;
    this.#saidAt = now;
    return news;
  }
}

/** A counter that is smaller than it was began anew, with its table. */
const since = (before: Dropped, now: Dropped): Dropped =>
  Object.fromEntries(
    Object.entries(now)
      .map(([name, n]) => [name, n - (n < (before[name] ?? 0) ? 0 : (before[name] ?? 0))] as const)
      .filter(([, n]) => n > 0),
  );

const sum = (dropped: Dropped): number => Object.values(dropped).reduce((total, n) => total + n, 0);
