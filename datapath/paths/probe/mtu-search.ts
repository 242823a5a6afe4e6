// The search for the largest packet that passes: the largest that anyone wants first, bisection only where that is lost.

/** Tries of one size before it counts as too large. */
export const SEARCH_TRIES = 3;
/** The same of a size that passed before: a path that loses a tenth is seldom taken for a narrower one. */
export const CHECK_TRIES = 4;

/** Sizes are inner IP packets, bytes. Invariant: `lo` < `size` < `hi`, or the search is over and `size` is undefined. */
export interface MtuSearch {
  /** The largest size known (or, at first, assumed) to pass. */
  readonly lo: number;
  /** The smallest size known not to pass, or one more than the ceiling. */
  readonly hi: number;
  /** What to try next; undefined when `lo` is the answer. */
  readonly size: number | undefined;
  /** How often `size` was lost so far. */
  readonly losses: number;
  /** Sizes worth trying before bisection. */
  readonly hints: readonly number[];
  /** What passed before, in a check of that; 0 else. */
  readonly known: number;
}

/**
 * @param floor what passes by definition of IP, untried
 * @param ceiling the largest size anyone wants to send
 * @param last the result of the previous search, which is confirmed by two sizes instead of ten when nothing changed
 */
export function startSearch(floor: number, ceiling: number, last: number | undefined): MtuSearch {
  const hints = last === undefined ? [ceiling] : [ceiling, last, last + 1];
  return aim({ lo: Math.min(floor, ceiling), hi: ceiling + 1, size: undefined, losses: 0, hints, known: 0 });
}

/** @param known passed before. A search for what does now, no larger */
export const startCheck = (floor: number, known: number): MtuSearch => ({
  ...startSearch(floor, known, undefined),
  known,
});

/** A packet of `size` arrived. It may be a late one: any size that passed is news. */
export const sizePassed = (s: MtuSearch, size: number): MtuSearch =>
  size <= s.lo ? s : aim({ ...s, lo: size, hi: Math.max(s.hi, size + 1) });

/** A packet of `size` was lost. */
export function sizeLost(s: MtuSearch, size: number): MtuSearch {
  if (size !== s.size) return s;
  const tries = size === s.known ? CHECK_TRIES : SEARCH_TRIES;
  return s.losses + 1 < tries ? { ...s, losses: s.losses + 1 } : aim({ ...s, hi: size });
}

function aim(s: MtuSearch): MtuSearch {
  const inside = (n: number): boolean => n > s.lo && n < s.hi;
  const size = s.hints.find(inside) ?? (s.lo + 1 < s.hi ? (s.lo + s.hi) >> 1 : undefined);
  return { ...s, size, losses: size === s.size ? s.losses : 0 };
}
