// Who is evicted and who forges, in some scenarios. From a chance of its own: what else happens is the same with it and without.
import { seededRandom } from '../../support/virtual-time.js';
import { FORGERIES, type HostName, type Step } from './scenario.js';

const [EVICTION_RATE, FORGING_RATE] = [0.2, 0.2];
const MOST_FORGERIES = 12;
const MOST_TRIES = 3;
const DISKS = ['kept', 'kept', 'old', 'uncached', 'none'] as const;

/** @returns steps from the one time to the other, in no order */
export function maliceSteps(seed: number, hosts: readonly HostName[], from: number, to: number): readonly Step[] {
  return new Malicious(seed, hosts, to).steps(from);
}

class Malicious {
  readonly #random: () => number;
  readonly #hosts: readonly HostName[];
  readonly #to: number;

  constructor(seed: number, hosts: readonly HostName[], to: number) {
    this.#random = seededRandom(seed ^ 0x6576696c);
    this.#hosts = hosts;
    this.#to = to;
  }

  steps(from: number): readonly Step[] {
    const [evicts, forges] = [this.#chance(EVICTION_RATE), this.#chance(FORGING_RATE)];
    const forger = this.#pick(this.#hosts);
    const forgeries = Array.from({ length: forges ? 2 + this.#below(MOST_FORGERIES) : 0 }, () =>
      this.#forgery(forger, from),
    );
    const evictions = Array.from({ length: !evicts ? 0 : this.#chance(0.3) ? 2 : 1 }, () =>
      this.#eviction(forges && this.#chance(0.5) ? forger : this.#pick(this.#hosts), from),
    );
    return [...forgeries, ...evictions.flat()];
  }

  #forgery(host: HostName, from: number): Step {
    return { at: this.#after(from), kind: 'forge', host, about: this.#other(host), how: this.#pick(FORGERIES) };
  }

  /** And how it tries to come back. */
  #eviction(host: HostName, from: number): readonly Step[] {
    const at = this.#after(from);
    const tries = Array.from({ length: this.#below(MOST_TRIES + 1) }, () => this.#try(host, at));
    return [{ at, kind: 'evict', host: this.#other(host), peer: host }, ...tries.flat()];
  }

  #try(host: HostName, from: number): readonly Step[] {
    const at = this.#after(from);
    if (this.#chance(0.4)) return [{ at, kind: 'connect', host, to: this.#other(host) }];
    return [
      { at, kind: this.#chance(0.5) ? 'crash' : 'stop', host },
      { at: at + this.#below(1_000), kind: 'restart', host, disk: this.#pick(DISKS) },
    ];
  }

  #after(from: number): number {
    return from + this.#below(Math.max(1, this.#to - from));
  }

  #other(than: HostName): HostName {
    return this.#pick(this.#hosts.filter((h) => h !== than));
  }

  #pick<T>(of: readonly T[]): T {
    return of[this.#below(of.length)]!;
  }

  #below(n: number): number {
    return Math.floor(this.#random() * n);
  }

  #chance(p: number): boolean {
    return this.#random() < p;
  }
}
