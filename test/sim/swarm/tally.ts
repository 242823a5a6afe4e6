// What `make sim` has seen so far, in a line and in a few.
import type { Verdict } from './run.js';

export class Tally {
  scenarios = 0;
  #virtualMs = 0;
  readonly #steps = new Map<string, number>();
  readonly #quietAfterMs: number[] = [];

  add({ virtualMs, steps, quietAfterMs }: Verdict): void {
    this.scenarios++;
    this.#virtualMs += virtualMs;
    for (const [kind, n] of Object.entries(steps)) this.#steps.set(kind, (this.#steps.get(kind) ?? 0) + n);
    if (quietAfterMs !== undefined) this.#quietAfterMs.push(quietAfterMs);
  }

  line(elapsedMs: number): string {
    const perSecond = (this.scenarios / (elapsedMs / 1_000)).toFixed(1);
    const hours = (this.#virtualMs / 3_600_000).toFixed(1);
    return `${this.scenarios} scenarios, ${perSecond} a second, ${hours} virtual hours, no broken invariant`;
  }

  summary(): string {
    const steps = [...this.#steps].sort((a, b) => b[1] - a[1]).map(([kind, n]) => `${kind} ${n}`);
    const quiet = this.#quietAfterMs.sort((a, b) => a - b);
    const at = (share: number): string => `${(quiet[Math.floor(share * (quiet.length - 1))] ?? 0) / 1_000} s`;
    return (
      `steps: ${steps.join(', ')}\n` +
      `quiet after the end of all trouble: half of them within ${at(0.5)}, 99 % within ${at(0.99)}, all within ${at(1)}`
    );
  }
}
