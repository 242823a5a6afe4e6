// What a seed decides, one draw after the other.
import { seededRandom } from '../../support/virtual-time.js';

export class Draws {
  /** From 0 up to 1, that not included. */
  readonly random: () => number;

  constructor(seed: number) {
    this.random = seededRandom(seed);
  }

  /** @returns a whole number from 0 up to `n`, that not included */
  below(n: number): number {
    return Math.floor(this.random() * n);
  }

  /** True so often in one. */
  chance(p: number): boolean {
    return this.random() < p;
  }

  pick<T>(of: readonly T[]): T {
    return of[this.below(of.length)]!;
  }

  /** `n` of them at most, none twice. */
  some<T>(of: readonly T[], n: number): T[] {
    const pool = [...of];
    return Array.from({ length: Math.min(n, pool.length) }, () => pool.splice(this.below(pool.length), 1)[0]!);
  }
}
