// Who is evicted and who forges, in some scenarios. From a chance of its own: what else happens is the same with it and without.
import { Draws } from './draws.js';
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
  readonly #draws: Draws;
  readonly #hosts: readonly HostName[];
  readonly #to: number;

  constructor(seed: number, hosts: readonly HostName[], to: number) {
    this.#draws = new Draws(seed ^ 0x6576696c);
    this.#hosts = hosts;
    this.#to = to;
  }

  steps(from: number): readonly Step[] {
    const [evicts, forges] = [this.#draws.chance(EVICTION_RATE), this.#draws.chance(FORGING_RATE)];
    const forger = this.#draws.pick(this.#hosts);
    const forgeries = Array.from({ length: forges ? 2 + this.#draws.below(MOST_FORGERIES) : 0 }, () =>
      this.#forgery(forger, from),
    );
    const evictions = Array.from({ length: !evicts ? 0 : this.#draws.chance(0.3) ? 2 : 1 }, () =>
      this.#eviction(forges && this.#draws.chance(0.5) ? forger : this.#draws.pick(this.#hosts), from),
    );
    return [...forgeries, ...evictions.flat()];
  }

  #forgery(host: HostName, from: number): Step {
    return { at: this.#after(from), kind: 'forge', host, about: this.#other(host), how: this.#draws.pick(FORGERIES) };
  }

  /** And how it tries to come back. */
  #eviction(host: HostName, from: number): readonly Step[] {
    const at = this.#after(from);
    const tries = Array.from({ length: this.#draws.below(MOST_TRIES + 1) }, () => this.#try(host, at));
    return [{ at, kind: 'evict', host: this.#other(host), peer: host }, ...tries.flat()];
  }

  #try(host: HostName, from: number): readonly Step[] {
    const at = this.#after(from);
    if (this.#draws.chance(0.4)) return [{ at, kind: 'connect', host, to: this.#other(host) }];
    return [
      { at, kind: this.#draws.chance(0.5) ? 'crash' : 'stop', host },
      { at: at + this.#draws.below(1_000), kind: 'restart', host, disk: this.#draws.pick(DISKS) },
    ];
  }

  #after(from: number): number {
    return from + this.#draws.below(Math.max(1, this.#to - from));
  }

  #other(than: HostName): HostName {
    return this.#draws.pick(this.#hosts.filter((h) => h !== than));
  }
}
