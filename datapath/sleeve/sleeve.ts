// The sleeve: Ethernet between hosts over sealed UDP, by two threads of our own. This is the face that they show.
import type { Ip, Mac, PeerId, RelayRule, SocketAddress, Vni } from '../../router/types.js';
import type { FastPart } from './fast-path.js';
import { createMemory } from './native/memory.js';
import type { Cipher } from './native/sealing.js';
import { IFREQ, removeTap } from './native/tap.js';
import { TwoWorkers } from './two-workers.js';
import type { RelayedWay, SleeveWay } from './worker/messages.js';
import type { PeerCounter, WayTraffic } from './worker/peer-counters.js';
import type { Total } from './worker/shared.js';

export type { Cipher } from './native/sealing.js';
export type { RelayedWay, SleeveWay } from './worker/messages.js';
export type { WayTraffic } from './worker/peer-counters.js';
export { HISTOGRAM_BOUNDS } from './worker/shared.js';

export interface SleeveOptions {
  /** UDP port, 6784 by default. */
  readonly port: number;
  /** Addresses to bind, `0.0.0.0` and `::` for any; a family that is left out is not used. */
  readonly listen: { readonly v4?: Ip; readonly v6?: Ip };
  readonly onEvent: (event: SleeveEvent) => void;
  /** Broadcast and multicast frames a second for each source MAC. */
  readonly stormFramesPerS?: number;
  /** How long the session before still opens, ms. */
  readonly graceMs?: number;
  /** Does without these as where they are missing. */
  readonly without?: readonly FastPart[];
}

export type SleeveEvent =
  /** A peer speaks from another address now, and is sent to there. Never by what came over relays. */
  | { readonly kind: 'moved'; readonly peer: PeerId; readonly remote: SocketAddress }
  /** @param bytes of the probe's whole IP packet */
  | {
      readonly kind: 'probeReply';
      readonly peer: PeerId;
      readonly token: number;
      readonly rttMs: number;
      readonly bytes: number;
    }
  /** The session has sealed so many datagrams that it should have new keys. */
  | { readonly kind: 'needRekey'; readonly peer: PeerId }
  | { readonly kind: 'workerDied'; readonly worker: 'tx' | 'rx'; readonly why: string }
  | { readonly kind: 'workerRestarted'; readonly worker: 'tx' | 'rx' }
  /** The TAP was deleted under us; `setNetwork` makes it again. */
  | { readonly kind: 'tapLost'; readonly vni: Vni }
  /** The fast path lacks a part: it is slower, not wrong. */
  | { readonly kind: 'fallback'; readonly what: FastPart };

/** What the handshake came to. Indices are 32 bits, not 0, and each side's own choice for what it receives. */
export interface Session {
  readonly cipher: Cipher;
  /** 32 bytes each, one for each direction. */
  readonly sendKey: Uint8Array;
  readonly receiveKey: Uint8Array;
  readonly sendIndex: number;
  readonly receiveIndex: number;
  /** Where the peer's own sleeve listens; undefined: nothing leads straight there. */
  readonly remote: SocketAddress | undefined;
  /** The peer may not have the keys yet: open with them, and seal with them from its first datagram on. Of two sides one
   *  waits (the one that spoke last in the handshake), and the other sends something at once: a probe will do. */
  readonly waits?: boolean;
}

export interface SleeveCounters {
  readonly peers: ReadonlyMap<PeerId, Readonly<Record<PeerCounter, number>>>;
  /** Drops by reason, and what else is counted. */
  readonly tx: Readonly<Record<Total, number>>;
  readonly rx: Readonly<Record<Total, number>>;
  /** Super-frames by their segments, in the classes of HISTOGRAM_BOUNDS. */
  readonly txSizes: readonly number[];
  readonly rxSizes: readonly number[];
  /** Datagrams that did not fit the sockets' buffers. */
  readonly bufferDrops: number;
}

/** All that is counted of one peer. */
export interface SleeveTraffic extends Readonly<Record<SleeveWay, WayTraffic>> {
  /** How often other keys took the place of those in use. */
  readonly rekeys: number;
}

export interface Sleeve {
  /** Carries a network over the TAP of that name, which is made where there is none; undefined: no longer.
   *  @throws SyscallError EBUSY, EPERM, EINVAL */
  setNetwork(vni: Vni, tapName: string | undefined): void;
  setMac(vni: Vni, mac: Mac, peer: PeerId | undefined): void;
  /** Who gets the broadcast and multicast of a network. */
  setFlood(vni: Vni, peers: readonly PeerId[]): void;
  /** Replaces the peer's session for sending at once; the one before still opens for a while. */
  setSession(peer: PeerId, session: Session): void;
  /** The peer is known to have the keys of a session that waits: seal with them. The first datagram that opens says it too. */
  confirmSession(peer: PeerId, receiveIndex: number): void;
  dropSession(peer: PeerId): void;
  /** The peer itself listens elsewhere from now on. */
  setRemote(peer: PeerId, remote: SocketAddress): void;
  /** The way to the peer through others, beside the direct one; its path's MTU begins anew. */
  relayWay(peer: PeerId, way: RelayedWay | undefined): void;
  /** Which way the peer's data takes, `direct` at first. By `relay` only while there is such a way. */
  carry(peer: PeerId, way: SleeveWay): void;
  /** @param bytes the largest IP packet that gets to the peer by this way, as it leaves here, 576 .. 65535 */
  setPathMtu(peer: PeerId, way: SleeveWay, bytes: number): void;
  /** By either way, whichever data takes; nothing where there is no such way. @param bytes of the whole IP packet. @param token comes back with the reply, 32 bits */
  probe(peer: PeerId, way: SleeveWay, bytes: number, token: number): void;
  /** What comes with this label of ours from where the session with `from` is, goes on to where that with `to` is, wherever
   *  they move. A neighbour without a session: it is dropped, until there is one. */
  relayRule(label: number, rule: RelayRule | undefined): void;
  /** Of one peer, over both ways: cheap. @returns undefined for one that was never named */
  peerCounters(peer: PeerId): Readonly<Record<PeerCounter, number>> | undefined;
  /** @returns undefined for one that was never named */
  peerTraffic(peer: PeerId): SleeveTraffic | undefined;
  counters(): SleeveCounters;
  /** TAPs stay, sockets and threads go. Idempotent. */
  close(): Promise<void>;
}

/** @throws SyscallError EADDRINUSE, EPERM */
export const createSleeve = (options: SleeveOptions): Sleeve => new TwoWorkers(options);

/** Removes a TAP that no sleeve uses. @returns was there one? @throws SyscallError EBUSY, EPERM */
export function removeSleeveTap(name: string): boolean {
  const memory = createMemory(4_096);
  return removeTap(memory, memory.take(IFREQ), name);
}
