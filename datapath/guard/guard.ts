// Who may send what, kept in nft: containers at their ports (port-table.ts), peers in the underlay (underlay-table.ts). What the rest of the datapath may ask of it.
import type { Ip, Mac, PeerId, Vni } from '../../router/types.js';
import type { Capability } from '../datapath.js';
import type { Denial, GuardedPort } from './port-table.js';

/** Frames dropped, by why; a reason that there was none for is left out. */
export type Denied = Readonly<Partial<Record<Denial, number>>>;

/** Where a peer's packets come from. */
export interface PeerSource {
  readonly from: readonly Ip[];
  /** Those of them that VXLAN is taken from. */
  readonly plain: readonly Ip[];
  readonly vxlanPort: number;
}

/** The remote MACs that there are, of every network that this host takes part in: `macNumber`, and who has it. */
export type RemoteMacs = () => Iterable<readonly [vni: Vni, mac: number, owner: PeerId]>;

/** Nothing here carries data: where nft refuses, containers are not held to their addresses, and `capability` says so. */
export interface Guard {
  /** Adopts what an earlier router left. @param macs is asked whenever all is compared. From now on whatever others do to our tables is undone within two seconds. */
  start(macs: RemoteMacs): void;
  /** Resolves when nothing else may come from the port, or nft has refused. @see portElements */
  setPort(port: GuardedPort): Promise<void>;
  /** The port is gone, or may send what it likes. Idempotent. */
  dropPort(name: string): void;
  /** Undefined: it is no member. */
  setPeer(peer: PeerId, source: PeerSource | undefined): void;
  /** The peer's sleeve speaks from there, and proved it. */
  heardAt(peer: PeerId, ip: Ip): void;
  /** A MAC of a network of ours is behind another peer than `before`. */
  setMac(vni: Vni, mac: Mac, before: PeerId | undefined, after: PeerId | undefined): void;
  /** A network has another VNI, or none any more. @param macs of it: `macNumber` and owner */
  setVni(before: Vni | undefined, after: Vni | undefined, macs: Iterable<readonly [mac: number, owner: PeerId]>): void;
  /** Containers speak to this host through these. */
  setBridges(names: readonly string[]): void;
  /** What was dropped since the port was set, by its name. Asks the kernel. */
  denied(): ReadonlyMap<string, Denied>;
  capability(): Capability;
  /** Repairs, denials, and packets that were too many, by name: they begin with `guard-`. */
  counters(): Readonly<Record<string, number>>;
  /** All ports are known: what the kernel has and nobody wants may go. */
  settled(): void;
  /** Stops watching. The tables stay, as all that forwards does. Idempotent. */
  stop(): void;
  /** Stops, and removes the tables. */
  reset(): Promise<void>;
}
