// Which host's packets reach which: sides of a partition, and single cuts, each in one direction.
import type { HostName } from './scenario.js';

export class Reach {
  readonly #cuts = new Set<string>();
  #sides: ReadonlyMap<HostName, number> | undefined;

  /** Only these sides reach one another; a host in none reaches nobody. */
  partition(sides: readonly (readonly HostName[])[]): void {
    this.#sides = new Map(sides.flatMap((names, side) => names.map((name) => [name, side] as const)));
  }

  heal(): void {
    this.#sides = undefined;
  }

  cut(from: HostName, to: HostName, isCut: boolean): void {
    if (isCut) this.#cuts.add(`${from} ${to}`);
    else this.#cuts.delete(`${from} ${to}`);
  }

  reaches(from: HostName | undefined, to: HostName | undefined): boolean {
    if (from === undefined || to === undefined || this.#cuts.has(`${from} ${to}`)) return false;
    return this.#sides === undefined || (this.#sides.has(from) && this.#sides.get(from) === this.#sides.get(to));
  }
}
