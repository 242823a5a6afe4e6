// Brings the faults of a plan upon a mesh, each at its time, takes them back, and writes down what happened when.
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, TABLE_FAULTS, type Fault, type Happened } from './fault.js';
import type { ChaosRouter } from './chaos-router.js';
import { sleevedPairs } from './sleeved.js';
import { setWire } from './wire.js';
import type { Namespace } from '../../cli/demo/namespace.js';

/** A router that is not back after this is not coming, ms: on two processors that thirty of them overloaded one took 66 s. */
const BACK_WITHIN_MS = 120_000;

export interface Victims {
  readonly routers: readonly ChaosRouter[];
  /** The switch. */
  readonly wire: Namespace;
  /** Ms since the first probe. */
  readonly now: () => number;
  readonly say: (line: string) => void;
}

export class Inflictor {
  readonly happened: Happened[] = [];
  /** The pairs that the sleeve carried when a router went down. */
  readonly sleeved = new Map<Happened, ReadonlySet<string>>();
  readonly failures: string[] = [];
  readonly #victims: Victims;
  readonly #onWire = new Set<Fault>();

  constructor(victims: Victims) {
    this.#victims = victims;
  }

  /** Resolves when the last fault was taken back, and each router serves again or was given up. */
  async run(plan: readonly Fault[]): Promise<void> {
    await Promise.all(plan.map((fault) => this.#live(fault)));
  }

  async #live(fault: Fault): Promise<void> {
    const { now, say } = this.#victims;
    await sleep(Math.max(0, fault.atMs - now()));
    const happened: Happened = { fault, fromMs: now(), toMs: undefined };
    this.happened.push(happened);
    say(`${(happened.fromMs / 1000).toFixed(1).padStart(6)} s  ${describe(fault)}`);
    try {
      await this.#begin(happened);
      await sleep(Math.max(0, fault.atMs + fault.forMs - now()));
      await this.#end(fault);
    } catch (e) {
      this.failures.push(`${describe(fault)}: ${(e as Error).message}`);
    }
    happened.toMs = now();
  }

  async #begin(happened: Happened): Promise<void> {
    const { fault } = happened;
    switch (fault.kind) {
      case 'kill':
        this.#router(fault.host).kill();
        return this.#lookWhoIsSleeved(happened);
      case 'freeze':
        this.#router(fault.host).freeze();
        return this.#lookWhoIsSleeved(happened);
      case 'disk':
        return this.#router(fault.host).fillDisk();
      case 'tables': {
        // What is not there cannot be flushed: a fault before may have taken it, and its router may be down.
        const { netns } = this.#router(fault.host).host;
        await netns.run('sh', '-c', TABLE_FAULTS[fault.what].shell);
        return;
      }
      case 'loss':
      case 'cut':
      case 'oneWay':
      case 'halves':
        this.#onWire.add(fault);
        return this.#setWire();
    }
  }

  async #end(fault: Fault): Promise<void> {
    switch (fault.kind) {
      case 'kill':
        this.#router(fault.host).launch();
        return this.#router(fault.host).serves(BACK_WITHIN_MS);
      case 'freeze':
        return this.#router(fault.host).thaw();
      case 'disk':
        return this.#router(fault.host).emptyDisk();
      case 'tables':
        return undefined;
      case 'loss':
      case 'cut':
      case 'oneWay':
      case 'halves':
        this.#onWire.delete(fault);
        return this.#setWire();
    }
  }

  #setWire(): void {
    setWire(this.#victims.wire, [...this.#onWire], this.#victims.routers.length);
  }

  #router(host: number): ChaosRouter {
    return this.#victims.routers[host]!;
  }

  /** Its own tables do not change while it is down, and those of others not yet. */
  #lookWhoIsSleeved(happened: Happened): void {
    const hosts = this.#victims.routers.map(({ host, mac }) => ({ path: host.netns.path, mac }));
    this.sleeved.set(happened, sleevedPairs(hosts));
  }
}
