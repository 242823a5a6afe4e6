// What a router is made of before anything happens to it.
import type { Random } from './core.js';
import type { Claims } from './gossip/claims.js';
import type { RecordStore } from './gossip/store.js';
import type { Remotes } from './peer-book.js';
import type { Cidr, NetworkName, PeerId, SocketAddress } from './types.js';
import type { Secrets } from './trust/secrets.js';
import type { Trust } from './trust/trust.js';
import type { NetRecord } from './wire/records.js';

export interface RouterOptions {
  readonly self: PeerId;
  /** Who it is, and the keys of its mesh. */
  readonly trust: Trust;
  /** The mesh's, which can be changed; undefined: an open mesh, or one that keeps the keys of `trust`. */
  readonly secrets?: Secrets;
  readonly name: string;
  readonly incarnation: number;
  /** Control port. */
  readonly port: number;
  readonly vxlanPort: number;
  readonly softwareVersion: string;
  /** @see PeerRecord.trusted */
  readonly trusted?: readonly Cidr[];
  /** 16 random bytes, new at each launch. */
  readonly launch: Uint8Array;
  readonly addresses: readonly SocketAddress[];
  readonly random: Random;
  /** What was on disk, or empty; `claims` is told what the store drops. @see openStore */
  readonly store: RecordStore;
  readonly claims: Claims;
  readonly remotes: ReadonlyMap<PeerId, Remotes>;
  /** The network that this router founds if nobody tells it of another definition. */
  readonly network: { readonly name: NetworkName; readonly definition: NetRecord };
  /** Launched without peers: it founds a mesh. Otherwise it waits to hear from one. */
  readonly founds: boolean;
  /** Up to so many routers, all are connected to all. Default FULL_MESH. */
  readonly fullMesh?: number;
}
