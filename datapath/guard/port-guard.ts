// Which of our ports are guarded, and what was dropped there.
import type { Nft } from '../paths/nft/traffic.js';
import type { EndpointId } from '../../router/types.js';
import type { DatapathSnapshot } from '../datapath.js';
import { portName } from '../names.js';
import type { Denied, Guard } from './guard.js';
import { OwnTable } from './own-table.js';
import { DENIALS, denialSet, portElements, portOfKey, portTable, type Denial, type GuardedPort } from './port-table.js';

const REASONS = Object.keys(DENIALS) as Denial[];

export class PortGuard {
  readonly table: OwnTable;
  readonly #ports = new Map<string, GuardedPort>();
  #isNeeded = false;

  constructor(vxlanPort: number, nft: Nft, repaired: () => void) {
    this.table = new OwnTable(
      portTable(vxlanPort),
      nft,
      () => [...this.#ports.values()].flatMap(portElements),
      repaired,
    );
  }

  /** Was there ever a port? A router that starts has better uses for the time that nft takes. */
  get isNeeded(): boolean {
    return this.#isNeeded;
  }

  set(port: GuardedPort): void {
    this.#isNeeded = true;
    this.drop(port.name);
    this.#ports.set(port.name, port);
    for (const [set, key] of portElements(port)) this.table.change('add', set, key);
  }

  /** @returns was it guarded? */
  drop(name: string): boolean {
    const port = this.#ports.get(name);
    if (port === undefined) return false;
    this.#ports.delete(name);
    for (const [set, key] of [...portElements(port)].reverse()) this.table.change('delete', set, key);
    return true;
  }

  denied(): ReadonlyMap<string, Denied> {
    const found = new Map<string, Partial<Record<Denial, number>>>();
    for (const why of REASONS)
      for (const [key, { frames }] of this.table.counts(denialSet(why))) {
        const name = portOfKey(key);
        if (frames > 0 && this.#ports.has(name)) found.set(name, { ...found.get(name), [why]: frames });
      }
    return found;
  }

  /** Of all ports there were, by the names of counters. */
  totals(): Record<string, number> {
    const totals: Record<string, number> = {};
    for (const why of REASONS) {
      const frames = [...this.table.counts(denialSet(why))].reduce((sum, [, count]) => sum + count.frames, 0);
      if (frames > 0) totals[`guard-denied-${why}`] = frames;
    }
    return totals;
  }
}

/** In the words of `status`. */
export function deniedByEndpoint(ids: Iterable<EndpointId>, guard: Pick<Guard, 'denied'>): DatapathSnapshot['denied'] {
  const byPort = guard.denied();
  const found = new Map<EndpointId, { readonly why: string; readonly frames: number }[]>();
  for (const id of ids) {
    const denied = Object.entries(byPort.get(portName(id)) ?? {}) as [Denial, number][];
    if (denied.length > 0)
      found.set(
        id,
        denied.map(([why, frames]) => ({ why: DENIALS[why], frames })),
      );
  }
  return found;
}
