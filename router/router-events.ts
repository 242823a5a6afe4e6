// What happens to a router, and what it wants done: the whole language between RouterCore and the shell around it.
import type { ConnId } from './connection/connections.js';
import type { DialFx, Target } from './connection/dialer.js';
import type { LocalEndpoint } from './local-endpoints.js';
import type { PlaneRequest } from './planes.js';
import type { RelayFx } from './relay/shared.js';
import type { SessionFx } from './session/side.js';
import type { Member } from './swim/membership.js';
import type { RotationRequest } from './trust/rotation.js';
import type { Secrets } from './trust/secrets.js';
import type { DatapathReport, EndpointId, ForwardingDelta, NetworkName, PeerId, SocketAddress } from './types.js';

export type RouterEvent =
  | { readonly kind: 'tick' }
  /** All that was on disk has been given; from now on we speak. */
  | { readonly kind: 'started' }
  | { readonly kind: 'opened'; readonly conn: ConnId; readonly remote: SocketAddress; readonly outbound: boolean }
  | { readonly kind: 'received'; readonly conn: ConnId; readonly bytes: Uint8Array }
  | { readonly kind: 'closed'; readonly conn: ConnId; readonly reason: string }
  | { readonly kind: 'dialFailed'; readonly conn: ConnId; readonly reason: string; readonly unresolvable: boolean }
  | { readonly kind: 'datagram'; readonly from: SocketAddress; readonly bytes: Uint8Array }
  /** Membership has something to send. */
  | { readonly kind: 'swimSend'; readonly to: PeerId; readonly payload: Uint8Array }
  | { readonly kind: 'member'; readonly member: Member }
  /** A higher incarnation is on disk: our streams begin anew under it. */
  | { readonly kind: 'raised'; readonly incarnation: number }
  /** `request` is answered by one `connectResult`; without it nobody waits. */
  | { readonly kind: 'connect'; readonly target: Target; readonly request?: number }
  | { readonly kind: 'forgetTarget'; readonly text: string }
  | { readonly kind: 'forgetPeer'; readonly peer: PeerId }
  /** @see Ledger.evict */
  | { readonly kind: 'evict'; readonly peer: PeerId }
  /** @see LocalEndpoints.announce */
  | { readonly kind: 'announce'; readonly endpoint: LocalEndpoint; readonly fresh: boolean }
  | { readonly kind: 'withdraw'; readonly id: EndpointId }
  | { readonly kind: 'report'; readonly report: DatapathReport }
  /** Traffic goes to the peer or comes from it; or none was seen for minutes. */
  | { readonly kind: 'peerWanted'; readonly peer: PeerId; readonly wanted: boolean }
  | PlaneRequest
  | RotationRequest
  /** The addresses under which others reach us, control port included. */
  | { readonly kind: 'addresses'; readonly addresses: readonly SocketAddress[] }
  /** The router ends: `stopped` keeps everything in force, `left` withdraws it for good. */
  | { readonly kind: 'ending'; readonly state: 'stopped' | 'left' };

export type RouterEffect =
  | DialFx
  | SessionFx
  | RelayFx
  | { readonly kind: 'send'; readonly conn: ConnId; readonly bytes: Uint8Array }
  | { readonly kind: 'close'; readonly conn: ConnId }
  | { readonly kind: 'sendDatagram'; readonly to: SocketAddress; readonly bytes: Uint8Array }
  | { readonly kind: 'swimReceive'; readonly from: PeerId; readonly payload: Uint8Array }
  | { readonly kind: 'swimSync'; readonly peers: readonly PeerId[] }
  | { readonly kind: 'swimForget'; readonly peer: PeerId }
  | { readonly kind: 'forward'; readonly deltas: readonly ForwardingDelta[] }
  /** What others hold of us is complete: the datapath may remove what nobody wants. */
  | { readonly kind: 'settled' }
  /** Nobody has any use for the peer, and there is no connection to it: little need be known of it. Or that is no longer so. */
  | { readonly kind: 'peerIdle'; readonly peer: PeerId; readonly isIdle: boolean }
  | { readonly kind: 'persist'; readonly what: 'cache' | 'targets' }
  /** To disk, before what follows is done. */
  | { readonly kind: 'keepSecrets'; readonly secrets: Secrets }
  | { readonly kind: 'raiseIncarnation'; readonly above: number }
  /** `refused`: the target is not kept. `note`: it is kept, and has not answered yet. */
  | { readonly kind: 'connectResult'; readonly request: number; readonly refused?: string; readonly note?: string }
  /** Another peer's claim to an address of ours won. */
  | { readonly kind: 'claimLost'; readonly network: NetworkName; readonly key: string; readonly to: PeerId }
  | { readonly kind: 'log'; readonly event: string; readonly fields: Readonly<Record<string, string | number>> };
