/** Microseconds of a clock that all threads share and nobody sets. */
export function monotonicUs(): number {
  const [s, ns] = process.hrtime();
  return s * 1e6 + Math.floor(ns / 1e3);
}
