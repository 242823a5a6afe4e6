// A worker's peers: where their datagrams go, and with which key they are sealed.
import type { PeerId } from '../../../router/types.js';
import { SOCKADDR_BYTES, type Family } from '../native/udp.js';
import type { Memory } from '../native/memory.js';
import type { Sealer, Sealing } from '../native/sealing.js';
import { OUTER_BYTES, type Lane } from '../wire/datagram.js';
import type { RelayedWay, Remote, SessionKeys, SleeveWay, Socket } from './messages.js';
import { workerCounters } from './peer-counters.js';
import { sessionState } from './shared.js';

/** Before a datagram, bytes. */
export const IP_UDP_BYTES = { v4: 20 + 8, v6: 40 + 8 } as const;
/** Every IPv6 path has it (RFC 8200 §5), and it is taken until a probe says more. */
export const FIRST_PATH_MTU = 1_280;
/** After so many datagrams a key is asked to be replaced, and after so many more it is not used: RFC 8446 §5.5 for GCM,
 *  whose 2^24.5 records of 16 KiB are 2^28 datagrams. */
export const REKEY_AFTER = 2 ** 28;
export const REJECT_AFTER = 2 ** 30;

/** Straight to where the peer's sleeve listens. */
export interface DirectWay {
  /** Offset of its sockaddr. */
  readonly name: number;
  nameBytes: number;
  /** -1: there is no address to send to. */
  fd: number;
  hasGso: boolean;
  family: Family;
  /** Of a whole IP packet, bytes. */
  pathMtu: number;
  /** What this worker counts of it. */
  readonly counters: Float64Array;
}

/** To the peer that passes it on under this label. Where that one is, its own direct way says. */
interface OverRelay {
  readonly via: SendPeer;
  readonly label: number;
  /** To the end of the way, of a whole IP packet on its first leg, bytes. */
  pathMtu: number;
}

/** A peer that can be sent to. Mutable: one object lives as long as the peer does, in every table that names it. */
export interface SendPeer {
  readonly id: PeerId;
  /** What this worker counts of each way. */
  readonly counted: Readonly<Record<SleeveWay, Float64Array>>;
  readonly direct: DirectWay;
  relay: OverRelay | undefined;
  /** What data takes; over relays only while there is such a way. */
  carrier: SleeveWay;
  /** From here to `counters`: copied from the way that is in use, for each datagram asks for them. */
  name: number;
  nameBytes: number;
  fd: number;
  hasGso: boolean;
  /** 0: straight to the peer. */
  label: number;
  family: Family;
  /** The largest message that one datagram of the path holds. */
  roomBytes: number;
  counters: Float64Array;
  sealer: Sealer | undefined;
  receiver: number;
  /** Next counter, and where it is kept before it is used. */
  next: number;
  sent: Float64Array;
  asksForKey: boolean;
}

export class SendPeers {
  readonly #peers = new Map<PeerId, SendPeer>();
  readonly #memory: Memory;
  readonly #sealing: Sealing;
  readonly #lane: Lane;
  readonly #sockets: Readonly<Partial<Record<Family, Socket>>>;

  constructor(memory: Memory, sealing: Sealing, lane: Lane, sockets: Readonly<Partial<Record<Family, Socket>>>) {
    this.#memory = memory;
    this.#sealing = sealing;
    this.#lane = lane;
    this.#sockets = sockets;
  }

  find(id: PeerId): SendPeer | undefined {
    return this.#peers.get(id);
  }

  /** Makes the peer known. Idempotent. */
  add(id: PeerId, counters: SharedArrayBuffer): void {
    if (!this.#peers.has(id)) this.#peers.set(id, this.#create(id, counters));
  }

  /** A new session replaces the old one for sending, at once. */
  setSession(peer: SendPeer, keys: SessionKeys, remote: Remote | undefined): void {
    peer.sealer?.close();
    peer.sent = sessionState(keys.state).sent;
    peer.next = peer.sent[this.#lane]!;
    const use = { cipher: keys.cipher, key: keys.sendKey, lane: this.#lane, receiver: keys.sendIndex };
    peer.sealer = this.#sealing.sealer(use, peer.next);
    peer.receiver = keys.sendIndex;
    peer.asksForKey = false;
    if (remote === undefined) useWay(peer, peer.carrier);
    else this.setRemote(peer, remote);
  }

  endSession(peer: SendPeer): void {
    peer.sealer?.close();
    peer.sealer = undefined;
  }

  /** Where the peer itself listens; who is reached through it is so from now on by the same address. */
  setRemote(peer: SendPeer, remote: Remote): void {
    const socket = this.#sockets[remote.family];
    const { direct } = peer;
    direct.family = remote.family;
    direct.fd = socket?.fd ?? -1;
    direct.hasGso = socket?.hasGso ?? false;
    direct.nameBytes = SOCKADDR_BYTES[remote.family];
    this.#memory.bytes.set(remote.sockaddr, direct.name);
    useWay(peer, peer.carrier);
    for (const other of this.#peers.values()) if (other.relay?.via === peer) useWay(other, other.carrier);
  }

  /** @param way undefined: there is none any more, and data goes straight to the peer */
  setRelayWay(peer: SendPeer, way: RelayedWay | undefined): void {
    const via = way && this.#peers.get(way.via);
    peer.relay = via && way && { via, label: way.label, pathMtu: FIRST_PATH_MTU };
    useWay(peer, peer.carrier);
  }

  carry(peer: SendPeer, way: SleeveWay): void {
    peer.carrier = way;
    useWay(peer, way);
  }

  /** @param bytes of a whole IP packet */
  setPathMtu(peer: SendPeer, way: SleeveWay, bytes: number): void {
    const of = way === 'relay' ? peer.relay : peer.direct;
    if (of !== undefined) of.pathMtu = bytes;
    useWay(peer, peer.carrier);
  }

  #create(id: PeerId, counters: SharedArrayBuffer): SendPeer {
    const name = this.#memory.take(SOCKADDR_BYTES.v6);
    const counted = {
      direct: workerCounters(counters, this.#lane, 'direct'),
      relay: workerCounters(counters, this.#lane, 'relay'),
    };
    return {
      id,
      counted,
      direct: {
        name,
        nameBytes: 0,
        fd: -1,
        hasGso: false,
        family: 'v4',
        counters: counted.direct,
        pathMtu: FIRST_PATH_MTU,
      },
      relay: undefined,
      carrier: 'direct',
      counters: counted.direct,
      name,
      nameBytes: 0,
      fd: -1,
      hasGso: false,
      family: 'v4',
      label: 0,
      roomBytes: 0,
      sealer: undefined,
      receiver: 0,
      next: 0,
      sent: new Float64Array(2),
      asksForKey: false,
    };
  }
}

/** What is sealed for the peer from now on goes this way: over relays where there is such a way, else straight. */
export function useWay(peer: SendPeer, wanted: SleeveWay): void {
  const relay = wanted === 'relay' ? peer.relay : undefined;
  peer.counters = peer.counted[relay === undefined ? 'direct' : 'relay'];
  const { name, nameBytes, fd, hasGso, family } = relay?.via.direct ?? peer.direct;
  peer.name = name;
  peer.nameBytes = nameBytes;
  peer.fd = fd;
  peer.hasGso = hasGso;
  peer.family = family;
  peer.label = relay?.label ?? 0;
  const { pathMtu } = relay ?? peer.direct;
  peer.roomBytes = pathMtu - IP_UDP_BYTES[family] - OUTER_BYTES - (peer.sealer?.tagBytes ?? 0);
}
