// Order statistics: a mean would let one stall of a shared machine speak for all rounds.

/** @param p in [0, 1]; the nearest rank. NaN of nothing */
export function quantile(values: readonly number[], p: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(p * sorted.length) - 1))] ?? NaN;
}

/** Of an even count, the mean of the middle two. NaN of nothing */
export const median = (values: readonly number[]): number =>
  (quantile(values, 0.5) +
    quantile(
      [...values].map((v) => -v),
      0.5,
    ) *
      -1) /
  2;
