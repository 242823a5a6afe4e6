// Who exists: the interface between the router and a SWIM implementation. It decides whom we talk to, never what is forwarded.
import type { Millis, PeerId } from '../types.js';

/** `stopped` and `left` are by the peer's own word; `faulty` is ours. A faulty peer may come back by itself. */
export type MemberStatus = 'alive' | 'suspect' | 'faulty' | 'left';

export interface Member {
  readonly peer: PeerId;
  readonly status: MemberStatus;
  /** Only the peer itself raises it, to refute a suspicion. */
  readonly incarnation: number;
}

export interface MembershipHooks {
  /** Hand `payload` to `to`, as UDP would: it may be lost, late or doubled. At most `maxPayloadBytes` long. */
  send(to: PeerId, payload: Uint8Array): void;
  /** A member is new, or its status or incarnation changed. Never called for ourselves. */
  onChange(member: Member): void;
  /** We were suspected or called faulty and raised our incarnation to `incarnation`: it must be on disk soon. */
  onRefute(incarnation: number): void;
  /** A datagram was dropped, counted by reason: `malformed`, `oversize`, `unknown-type`, … */
  onDrop(reason: string): void;
  /** When a peer last spoke on its control connection, by the router's clock; undefined if there is none. */
  heardAt?(peer: PeerId): Millis | undefined;
}

export interface Membership {
  /** Begin to probe and answer. `incarnation` is already on disk. */
  start(): void;
  /** Exchange full state with these peers now; that is how we join, and how a split heals. Repeated until one answers. */
  sync(peers: readonly PeerId[]): void;
  /** A datagram of ours from `from`. Never throws, whatever the bytes. */
  receive(from: PeerId, payload: Uint8Array): void;
  /** All known members but ourselves; faulty ones until they are forgotten or reaped. */
  members(): readonly Member[];
  member(peer: PeerId): Member | undefined;
  /** Tell some members that we leave for good. The caller waits a moment before `close`. */
  leave(): void;
  /** Drop every memory of a peer. It may return as a new member. */
  forget(peer: PeerId): void;
  /** Silent from now on, all timers gone. Idempotent. */
  close(): void;
}
