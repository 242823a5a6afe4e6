// The control socket's vocabulary: HTTP/1.1 and JSON over a Unix socket, spoken by the commands and later by plugins.
//
//   GET    /v1/status[?macs=1]            StatusDocument; macs[] only when asked for
//   GET    /v1/report                     StatusDocument with macs, and everything else the router knows
//   POST   /v1/connect  {peers:[HOST], secret?}  {results:[{peer, refused?}]}
//   GET    /v1/secret                     SecretDocument
//   POST   /v1/secret/rotate {secret?}    SecretDocument   the new secret, on its way
//   POST   /v1/forget   {peers:[PEER]}    {results:[{peer, refused?}]}   PEER: name, id, id prefix or HOST
//   POST   /v1/evict    {peers:[PEER], rotate?, secret?}   {results:[{peer, refused?, note?}]}   as forget, alive or not, and for good
//   GET    /v1/endpoints                  {endpoints: EndpointStatus[]}
//   PUT    /v1/endpoints/ID  EndpointRequest   {created, endpoint, warnings}   create, idempotent by id
//   POST   /v1/endpoints/ID/join {target|netns, ifname}   {endpoint}
//   POST   /v1/endpoints/ID/leave         {endpoint}
//   DELETE /v1/endpoints/ID               {existed}
//   POST   /v1/attach   AttachRequest     {endpoint, warnings}    refused if attached already
//   POST   /v1/detach   {target, network?, ifname?, ips?}   {detached: EndpointStatus[]}
//   POST   /v1/expose   {network?, ips:[CIDR]}    {ips}
//   POST   /v1/hide     {network?, ips?:[CIDR]}   {ips}
//   POST   /v1/stop     {}                {}    the router exits after the answer; traffic goes on
//   POST   /v1/reset    {force}           {}    leaves the mesh, removes every trace, exits
//
// A refusal is 409 (refused), 400 (malformed) or 500 (our bug) with {error, try?}: a sentence and a command.

export interface EndpointRequest {
  readonly network?: string;
  readonly mac?: string;
  readonly ips?: readonly string[];
  /** It may send from any MAC and address; false if left out. */
  readonly allowSpoof?: boolean;
}

export interface AttachRequest extends EndpointRequest {
  /** A namespace name, a path, a pid, or a container's id or name. */
  readonly target: string;
  readonly ifname?: string;
}

export interface Refusal {
  readonly error: string;
  readonly try?: string;
}

export interface EndpointStatus {
  readonly id: string;
  readonly network: string;
  readonly mac: string;
  readonly ips: readonly string[];
  readonly allowSpoof: boolean;
  /** Frames that it may not send, dropped since it was attached or the router adopted it. */
  readonly denied: number;
  readonly ifname: string;
  readonly target: string;
  /** `attached`; `created` (no sandbox yet); `gone` (its sandbox died and is waited for); `conflict` (an address is another's). */
  readonly state: 'attached' | 'created' | 'gone' | 'conflict';
  readonly reason: string;
  readonly remedy: string;
}

export interface PeerStatus {
  readonly id: string;
  readonly name: string;
  readonly status: 'alive' | 'suspect' | 'faulty' | 'stopped' | 'left';
  /** How long it has been so, ms. */
  readonly sinceMs: number;
  readonly endpoints: readonly string[];
  /** `direct`; `on demand`: connected while there is traffic; `via NAME` through the topology; `none`. */
  readonly reach: string;
  readonly version: string;
  readonly reason: string;
  readonly remedy: string;
}

/** This router's relation to one peer. `sinceMs`: how long it has been connected, or without a data path. `mtu`: the largest packet that passes inside; bytes counted since the router started. */
export interface ConnectionStatus {
  readonly peer: string;
  readonly name: string;
  readonly address: string;
  /** `idle`: it is made when there is traffic. */
  readonly control: 'up' | 'down' | 'idle';
  readonly overlay: 'vxlan' | 'sleeve' | 'relay' | 'none';
  readonly reason: string;
  readonly remedy: string;
  readonly rttMs: number | null;
  readonly mtu: number | null;
  readonly txBytes: number | null;
  readonly rxBytes: number | null;
  readonly sinceMs: number;
  readonly overlays: OverlayCounts;
  /** How often the sleeve's keys were replaced. */
  readonly rekeys: number;
  /** How often data took another overlay, how long ago the last time was, and why: `lost`, `better`, `narrow`, `dead`, `refused`. */
  readonly changes: number;
  readonly changedMs: number | null;
  readonly changeReason: string;
}

/** What each overlay carried to and from a peer since the router started; null where there is nothing to count. */
export interface OverlayCounts {
  /** By the kernel, in packets of the underlay that nft saw: of a super-frame, one. */
  readonly vxlan: {
    readonly txFrames: number;
    readonly txBytes: number;
    readonly rxFrames: number;
    readonly rxBytes: number;
  } | null;
  readonly sleeve: SleeveCounts | null;
  readonly relay: SleeveCounts | null;
}

/** Frames may be super-frames; datagrams are probes as well. docs/sleeve.md says what the reasons mean. */
export interface SleeveCounts {
  readonly txFrames: number;
  readonly txBytes: number;
  readonly txDatagrams: number;
  readonly rxFrames: number;
  readonly rxBytes: number;
  readonly rxDatagrams: number;
  /** Segments that went in parts, for the path is too narrow for them. */
  readonly txSplit: number;
  /** Super-frames by how many segments they had, in the classes of `superFrameBounds`; the last is above all bounds. */
  readonly superFrames: { readonly tx: readonly number[]; readonly rx: readonly number[] };
  readonly drops: Readonly<Record<string, number>>;
}

/** A dial target that is not (yet) a peer, or one that fails. */
export interface TargetStatus {
  readonly target: string;
  readonly state: 'connected' | 'on demand' | 'dialling' | 'waiting' | 'refused';
  readonly reason: string;
  readonly remedy: string;
}

/** An edge of the graph as its two ends publish it; `from` < `to` by id. */
export interface EdgeStatus {
  readonly from: string;
  readonly to: string;
  readonly overlay: 'vxlan' | 'sleeve' | 'relay' | 'none';
  readonly rttMs: number | null;
  readonly mtu: number | null;
}

export interface NetworkStatus {
  readonly name: string;
  readonly vni: number;
  readonly mtu: number;
  readonly range: string;
  readonly bridge: string;
  readonly localEndpoints: number;
  readonly members: number;
  readonly macs: number;
}

export interface MacStatus {
  readonly network: string;
  readonly mac: string;
  readonly ips: readonly string[];
  readonly peer: string;
  readonly name: string;
  readonly local: boolean;
}

/** `secret`: null if the mesh is open. `founded`: this launch made it. `peer`: HOST or HOST:PORT by which the next host joins. */
export interface SecretDocument {
  readonly secret: string | null;
  readonly founded: boolean;
  readonly peer: string;
  /** Of the last change of the secret; null: none is known. */
  readonly rotation: RotationStatus | null;
}

/** How far the mesh's new secret has got. */
export interface RotationStatus {
  /** Key id: 8 hex digits, which anybody may know. */
  readonly key: string;
  /** How many rotations there were. */
  readonly number: number;
  /** The name of the router that it was ordered on; empty: not known. */
  readonly by: string;
  /** Is the old one refused here? */
  readonly isOver: boolean;
  /** In the mesh, this one included, and those of them that have not said that they have it. */
  readonly routers: number;
  readonly without: readonly { readonly id: string; readonly name: string; readonly why: string }[];
  /** For how long the old one is accepted at most; null: it is not. */
  readonly oldEndsMs: number | null;
}

export interface Problem {
  readonly what: string;
  readonly reason: string;
  readonly remedy: string;
}

export interface StatusDocument {
  readonly schema: 1;
  readonly version: string;
  readonly self: {
    readonly id: string;
    readonly name: string;
    readonly incarnation: number;
    readonly port: number;
    readonly endpoints: readonly string[];
    readonly uptimeMs: number;
    readonly overlay: 'auto' | 'vxlan' | 'sleeve';
    readonly stateDir: string;
    /** `open`: the mesh has no secret. */
    readonly trust: 'sealed' | 'open';
  };
  /** Of the last change of the mesh's secret; null: none is known. */
  readonly rotation: RotationStatus | null;
  readonly peers: readonly PeerStatus[];
  readonly connections: readonly ConnectionStatus[];
  readonly targets: readonly TargetStatus[];
  readonly edges: readonly EdgeStatus[];
  readonly networks: readonly NetworkStatus[];
  readonly endpoints: readonly EndpointStatus[];
  readonly exposed: readonly { readonly network: string; readonly ips: readonly string[] }[];
  readonly macs?: readonly MacStatus[];
  /** Who was put out of the mesh for good. */
  readonly evicted: readonly { readonly id: string; readonly name: string }[];
  readonly problems: readonly Problem[];
  readonly counters: Readonly<Record<string, number>>;
  /** Upper bounds of the classes of `superFrames`, in segments. */
  readonly superFrameBounds: readonly number[];
}
