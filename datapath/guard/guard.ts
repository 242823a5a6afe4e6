// Who may send what, kept in nft: containers at their ports (port-table.ts). What the rest of the datapath may ask of it.
import type { Capability } from '../datapath.js';
import type { Denial, GuardedPort } from './port-table.js';

/** Frames dropped, by why; a reason that there was none for is left out. */
export type Denied = Readonly<Partial<Record<Denial, number>>>;

/** Nothing here carries data: where nft refuses, containers are not held to their addresses, and `capability` says so. */
export interface Guard {
  /** Adopts what an earlier router left. From now on whatever others do to our tables is undone within two seconds. */
  start(): void;
  /** Resolves when nothing else may come from the port, or nft has refused. @see portElements */
  setPort(port: GuardedPort): Promise<void>;
  /** The port is gone, or may send what it likes. Idempotent. */
  dropPort(name: string): void;
  /** What was dropped since the port was set, by its name. Asks the kernel. */
  denied(): ReadonlyMap<string, Denied>;
  capability(): Capability;
  /** Repairs and denials, by name: they begin with `guard-`. */
  counters(): Readonly<Record<string, number>>;
  /** All ports are known: what the kernel has and nobody wants may go. */
  settled(): void;
  /** Stops watching. The tables stay, as all that forwards does. Idempotent. */
  stop(): void;
  /** Stops, and removes the tables. */
  reset(): Promise<void>;
}
