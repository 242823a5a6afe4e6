// The public face of the data plane. It makes the kernel agree with the forwarding table and the local endpoints,
// chooses the overlay per peer, and reports what it sees. Nothing else crosses the line to the router.
import type {
  Cidr,
  DatapathReport,
  EndpointId,
  ForwardingDelta,
  Ip,
  Mac,
  NetworkName,
  PathReport,
  PeerId,
  RelayRule,
  RelayWay,
  SessionKeys,
} from '../router/types.js';
import type { PeerTraffic } from './peer-traffic.js';

/** An endpoint as the kernel needs it. Identified by `id`; creating it twice is creating it once. */
export interface EndpointSpec {
  readonly id: EndpointId;
  readonly network: NetworkName;
  readonly mac: Mac;
  /** Addresses with the prefix length of the network; may be empty. */
  readonly ips: readonly Cidr[];
  /** It may send from any MAC and address: a router, or what virtual machines are bridged to. */
  readonly allowSpoof?: boolean;
}

/** Where an endpoint's container side goes. Without `netns` it stays in the router's namespace, under `ifname`. */
export interface Sandbox {
  /** A path that opens to a network namespace: `/run/netns/web`, `/proc/123/ns/net`. */
  readonly netns?: string;
  readonly ifname: string;
}

/** What the kernel offers; each missing part has a sentence for `status`. */
export interface Capability {
  readonly name: 'vxlan' | 'bridge' | 'nft' | 'guard' | 'probe' | 'forward' | 'sleeve';
  readonly ok: boolean;
  readonly reason: string;
  readonly remedy: string;
}

export interface DatapathSnapshot {
  readonly capabilities: readonly Capability[];
  readonly paths: readonly PathReport[];
  readonly networks: readonly {
    readonly network: NetworkName;
    readonly bridge: string;
    readonly bridgeMac: Mac;
    readonly mtu: number;
    readonly rows: number;
  }[];
  /** Frames that endpoints may not send and that were dropped at their ports, by why: words, as in `from a MAC that is not its own`. */
  readonly denied: ReadonlyMap<EndpointId, readonly { readonly why: string; readonly frames: number }[]>;
  /** Rows wanted, and operations still to be done. */
  readonly rows: number;
  readonly pending: number;
  readonly traffic: readonly PeerTraffic[];
  /** Repairs, resyncs, kernel refusals, probe drops, by name. */
  readonly counters: Readonly<Record<string, number>>;
}

export interface DatapathConfig {
  readonly self: PeerId;
  /** UDP port of VXLAN. */
  readonly vxlanPort: number;
  /** Source addresses of the underlay; the first of each family is used unless a peer is on another's subnet. */
  readonly local: { readonly v4?: Ip; readonly v6?: Ip };
  /** What may carry data: `auto` is the kernel's vxlan where it works, else the sleeve, straight or through others. */
  readonly overlay: 'auto' | 'vxlan' | 'sleeve';
  /** VXLAN, which is neither sealed nor signed, goes between addresses in these alone; undefined: PRIVATE_SUBNETS. */
  readonly trusted?: readonly Cidr[];
  readonly onReport: (report: DatapathReport) => void;
  readonly log: (event: string, fields: Readonly<Record<string, unknown>>) => void;
}

export interface Datapath {
  /**
   * Checks what the kernel offers, makes the probe device, reads back what an earlier router left. Until `settled`, rows
   * and links that are not (yet) wanted stay: they may belong to peers we have not heard from again.
   * @throws KernelError EPERM without CAP_NET_ADMIN, EOPNOTSUPP for a kernel without bridge, or without vxlan when
   *   nothing else may carry
   */
  start(): Promise<void>;
  /** Queues the changes; the kernel follows within milliseconds. */
  apply(deltas: readonly ForwardingDelta[]): void;
  /** Keys for the sleeve to a peer; undefined: those it had are void. */
  session(peer: PeerId, keys: SessionKeys | undefined): void;
  /** The peer has proven that it holds the keys of the session that we call so. */
  sessionConfirmed(peer: PeerId, receiveIndex: number): void;
  /** The way to the peer through others, beside the direct ones; undefined: there is none any more. */
  relayWay(peer: PeerId, way: RelayWay | undefined): void;
  /** What our sleeve does with datagrams that have this label; undefined: it drops them. @param label 1 .. 2^32-1 */
  relayRule(label: number, rule: RelayRule | undefined): void;
  /**
   * Nobody has any use for the peer, and there is no connection to it: its paths are looked at now and then, and no keys are
   * held for them, as long as its vxlan works. Or it is as any other again. The peer may come later.
   */
  idle(peer: PeerId, isIdle: boolean): void;
  /** The table is complete now: what the kernel has and nobody wants may go. */
  settled(): void;
  /** Resolves when all that was queued before the call is in the kernel. */
  flushed(): Promise<void>;

  /** Makes the veth and its bridge port. @throws KernelError */
  endpointCreate(spec: EndpointSpec): Promise<void>;
  /** Moves the container side into the sandbox, names it, sets MAC, MTU and addresses, and brings it up. @throws KernelError */
  endpointJoin(id: EndpointId, sandbox: Sandbox): Promise<void>;
  /** Takes the container side out again. Idempotent. */
  endpointLeave(id: EndpointId): Promise<void>;
  /** Removes every trace. Idempotent. */
  endpointDelete(id: EndpointId): Promise<void>;

  /** Gives the host itself addresses on the network's bridge. @returns the bridge's MAC, to be announced */
  expose(network: NetworkName, ips: readonly Cidr[]): Promise<Mac>;
  hide(network: NetworkName, ips: readonly Cidr[]): Promise<void>;

  snapshot(): DatapathSnapshot;
  /** Lets go of the kernel, which keeps forwarding. */
  stop(): Promise<void>;
  /** Removes every link, row and rule of ours. */
  reset(): Promise<void>;
}
