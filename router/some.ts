import type { Random } from './core.js';

/** Up to `n` of them, each choice equally likely. */
export function some<T>(of: readonly T[], n: number, random: Random): readonly T[] {
  if (of.length <= n) return of;
  const pool = [...of];
  for (let i = 0; i < n; i++) {
    const j = i + Math.floor(random() * (pool.length - i));
    [pool[i], pool[j]] = [pool[j]!, pool[i]!];
  }
  return pool.slice(0, n);
}
