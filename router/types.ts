// The words both planes speak: branded ids and the forwarding table, which is all that crosses between router and datapath.

declare const brand: unique symbol;
type Brand<T, B extends string> = T & { readonly [brand]: B };

/** A router's identity: 32 lower-case hex digits, the first 16 bytes of SHA-256 of its Ed25519 public key. */
export type PeerId = Brand<string, 'PeerId'>;
/** An Ethernet address in lower case with colons: `02:6d:00:00:00:01`. */
export type Mac = Brand<string, 'Mac'>;
/** An IPv4 address as four decimals, or an IPv6 address as RFC 5952 writes it. */
export type Ip = Brand<string, 'Ip'>;
/** An address with its prefix length: `10.32.0.7/12`. The host bits are kept. */
export type Cidr = Brand<string, 'Cidr'>;
/** VXLAN network identifier, 1 .. 2^24-1. */
export type Vni = Brand<number, 'Vni'>;
/** The name of a network: 1 to 32 of `a-z 0-9 -`, beginning with a letter. */
export type NetworkName = Brand<string, 'NetworkName'>;
/** Identifies an endpoint on its host: 1 to 64 of `A-Z a-z 0-9 . _ -`. */
export type EndpointId = Brand<string, 'EndpointId'>;
/** A kernel interface index. */
export type LinkIndex = Brand<number, 'LinkIndex'>;
/** A monotonic clock reading in milliseconds; only differences mean anything, and only on one host. */
export type Millis = Brand<number, 'Millis'>;

/** Where a socket listens in the underlay. */
export interface SocketAddress {
  readonly ip: Ip;
  readonly port: number;
}

/** A network as the datapath builds it. `mtu` is the largest IP packet a container may send, bytes. */
export interface NetworkForward {
  readonly vni: Vni;
  readonly mtu: number;
}

/** Where a peer's vxlan listens, for each address family it can be reached over. At least one is set. */
export interface PeerForward {
  readonly name: string;
  readonly v4?: SocketAddress;
  readonly v6?: SocketAddress;
  /** Every address that its packets may come from; undefined: those two. */
  readonly from?: readonly Ip[];
  /** Its `--trusted-subnets`; undefined: PRIVATE_SUBNETS. */
  readonly trusted?: readonly Cidr[];
}

/**
 * One change to the forwarding table. The table is the sum of all deltas; applying one twice changes nothing.
 *  - `network`: a network this host takes part in, or (undefined) no longer does.
 *  - `peer`: how a remote peer is reached.
 *  - `member`: `peer` has an endpoint in `network`, so broadcast goes to it.
 *  - `mac`: `mac` lives with remote `peer`; undefined when it lives nowhere or on this host.
 *  - `neigh`: `ip` answers at `mac`, for remote and local endpoints alike.
 */
export type ForwardingDelta =
  | { readonly kind: 'network'; readonly network: NetworkName; readonly value: NetworkForward | undefined }
  | { readonly kind: 'peer'; readonly peer: PeerId; readonly value: PeerForward | undefined }
  | { readonly kind: 'member'; readonly network: NetworkName; readonly peer: PeerId; readonly value: boolean }
  | { readonly kind: 'mac'; readonly network: NetworkName; readonly mac: Mac; readonly value: PeerId | undefined }
  | { readonly kind: 'neigh'; readonly network: NetworkName; readonly ip: Ip; readonly value: Mac | undefined };

/** What carries Ethernet between two peers; `relay` is the sleeve through other peers. `none`: nothing does at present. */
export type Overlay = 'vxlan' | 'sleeve' | 'relay' | 'none';

/** A path as the datapath measured it. Durations in ms; `mtu` is the largest inner IP packet that passes, bytes. */
export interface PathReport {
  readonly peer: PeerId;
  readonly overlay: Overlay;
  readonly state: 'up' | 'down' | 'probing';
  /** A short code and sentence, empty when all is well: `probes lost (is UDP 6785 open both ways?)`. */
  readonly reason: string;
  /** What a person can do about it; empty when nothing need be done. */
  readonly remedy: string;
  readonly rttMs: number | undefined;
  readonly mtu: number | undefined;
  /** VXLAN bytes counted by nft since the router started; undefined where nft is not there. */
  readonly txBytes: number | undefined;
  readonly rxBytes: number | undefined;
}

/** What two routers agreed on for the sleeve between their hosts: keys that crossed over, and each side's name for the session. */
export interface SessionKeys {
  readonly cipher: 'aes-256-gcm' | 'chacha20-poly1305';
  /** 32 bytes each. */
  readonly sendKey: Uint8Array;
  readonly receiveKey: Uint8Array;
  /** 1 .. 2^32-1: what the peer calls the session, and what we do. */
  readonly sendIndex: number;
  readonly receiveIndex: number;
  /** Has the peer proven that it has them? If not, it may be unable to open what they seal. */
  readonly confirmed: boolean;
}

/** A way to a peer through others' sleeves. */
export interface RelayWay {
  /** The first relay: a datagram with `label` goes to its sleeve. */
  readonly via: PeerId;
  /** 1 .. 2^32-1: what `via` calls the way. */
  readonly label: number;
  /** On the way, 1 .. 7. */
  readonly relays: number;
}

/** What a label of ours means: what comes with it from the sleeve of `from`, and from nowhere else, goes on to that of `to`. */
export interface RelayRule {
  readonly from: PeerId;
  readonly to: PeerId;
  /** 1 .. 2^32-1: the label that it goes on with; 0: `to` is whom it is for. */
  readonly toLabel: number;
}

/** What the datapath tells the router. */
export type DatapathReport =
  | { readonly kind: 'path'; readonly path: PathReport }
  /** The veth of a joined endpoint is gone, or its sandbox is. */
  | { readonly kind: 'endpointGone'; readonly id: EndpointId }
  /** A MAC seen on (or aged out of) a port that someone added to the bridge by hand. */
  | { readonly kind: 'portMac'; readonly network: NetworkName; readonly mac: Mac; readonly present: boolean }
  /** Traffic goes to the peer or comes from it; or there was none for minutes. */
  | { readonly kind: 'peerWanted'; readonly peer: PeerId; readonly wanted: boolean }
  /** The sleeve has a use for keys shared with the peer, or no longer. */
  | { readonly kind: 'sessionWanted'; readonly peer: PeerId; readonly wanted: boolean }
  /** The session has sealed so much that another should take its place. */
  | { readonly kind: 'sessionWorn'; readonly peer: PeerId }
  /** No direct way to the peer is known to work: one through others is of use; or no longer. */
  | { readonly kind: 'relayWanted'; readonly peer: PeerId; readonly wanted: boolean }
  /** Probes on the way that begins with `via` are lost: another one is wanted. */
  | { readonly kind: 'relayFailed'; readonly peer: PeerId; readonly via: PeerId };

/** `a1b2c3d4`: enough of an id for a person. */
export const shortPeer = (id: PeerId): string => id.slice(0, 8);
