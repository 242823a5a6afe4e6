// What the rest of the datapath may ask of path probing, traffic counting and announcements to local containers.
import type { Ip, LinkIndex, Mac, PathReport, PeerForward, PeerId } from '../../router/types.js';
import type { Capability } from '../datapath.js';
import type { BothWays } from './nft/traffic.js';
import type { Count } from '../nft-kernel.js';
import type { Path } from './probe/path-state.js';

/**
 * Watches the vxlan path to every peer and reports it through `DatapathConfig.onReport`; nothing here carries data, so
 * whatever fails in it costs knowledge and never traffic. Owns the probe devices, the `mesh_PORT` nft table, the accept
 * rules in the host's forward chains, and the gratuitous ARP and NA that local containers need.
 */
export interface Paths {
  /**
   * Makes or adopts the probe device. A host that refuses it is a `Capability` with a reason, not an error.
   * @param hasVxlan if the kernel has none nothing is probed, for no data would arrive where a probe does
   */
  start(hasVxlan: boolean): Promise<void>;
  /** Sets how a peer is reached, or (undefined) forgets it. Idempotent. @param sealed why no VXLAN may go there, and no probe does */
  setPeer(peer: PeerId, value: PeerForward | undefined, sealed?: string): void;
  /** One report per peer, in the order in which they came. */
  paths(): readonly PathReport[];
  /** What the peer's vxlan carried since it was set; undefined where nft does not count. */
  carried(peer: PeerId): BothWays<Count> | undefined;
  capabilities(): readonly Capability[];
  /** Probe drops by reason, repairs, announcements: names begin with `probe-`, `nft-`, `forward-`, `announce-`. */
  counters(): Readonly<Record<string, number>>;
  /** Tells the containers behind `bridge` that each `ip` is now at `mac` (gratuitous ARP, unsolicited NA). Queued, rate bounded. */
  announce(bridge: LinkIndex, entries: readonly { ip: Ip; mac: Mac }[]): void;
  /** The largest packet that any network carries, bytes: no probe is larger. */
  setCeiling(bytes: number): void;
  /** The bridges that forward among containers: the host's forward chains must let them through. */
  setBridges(names: readonly string[]): void;
  /** Tells of each vxlan path that was heard or not heard, or changed. To be set before `start`. */
  onStirred(listener: (peer: PeerId, path: Path) => void): void;
  /** Tells at each look which peers' vxlans moved more than a few frames since the last. To be set before `start`. */
  onTraffic(listener: (peers: readonly PeerId[]) => void): void;
  /** Whether the vxlan path works is to be known soon. */
  hurry(peer: PeerId): void;
  /** Nobody has any use for the path, which may come later: it is probed every five minutes. Or somebody has again. */
  rest(peer: PeerId, rests: boolean): void;
  /** Stops probing and watching. Device, rules and counters stay, for the router that comes next. Idempotent. */
  stop(): void;
  /** Stops, and removes the device, the table and the rules. Idempotent. */
  reset(): Promise<void>;
}
