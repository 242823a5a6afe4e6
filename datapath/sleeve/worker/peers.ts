// A worker's peers: where their datagrams go, and with which key they are sealed.
import type { PeerId } from '../../../router/types.js';
import { SOCKADDR_BYTES } from '../native/udp.js';
import type { Memory } from '../native/memory.js';
import type { Sealer, Sealing } from '../native/sealing.js';
import { OUTER_BYTES, type Lane } from '../wire/datagram.js';
import type { Remote, SessionKeys, Socket } from './messages.js';
import { sessionState } from './shared.js';

/** Before a datagram, bytes. */
export const IP_UDP_BYTES = { v4: 20 + 8, v6: 40 + 8 } as const;
/** Every IPv6 path has it (RFC 8200 §5), and it is taken until a probe says more. */
export const FIRST_PATH_MTU = 1_280;
/** After so many datagrams a key is asked to be replaced, and after so many more it is not used: RFC 8446 §5.5 for GCM,
 *  whose 2^24.5 records of 16 KiB are 2^28 datagrams. */
export const REKEY_AFTER = 2 ** 28;
export const REJECT_AFTER = 2 ** 30;

/** A peer that can be sent to. Mutable: one object lives as long as the peer does, in every table that names it. */
export interface SendPeer {
  readonly id: PeerId;
  readonly counters: Float64Array;
  /** Offset of its sockaddr. */
  readonly name: number;
  nameBytes: number;
  fd: number;
  hasGso: boolean;
  label: number;
  family: 'v4' | 'v6';
  pathMtu: number;
  /** The largest message that one datagram of the path holds. */
  roomBytes: number;
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
  readonly #sockets: Readonly<Partial<Record<'v4' | 'v6', Socket>>>;

  constructor(memory: Memory, sealing: Sealing, lane: Lane, sockets: Readonly<Partial<Record<'v4' | 'v6', Socket>>>) {
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
  setSession(peer: SendPeer, keys: SessionKeys, remote: Remote): void {
    peer.sealer?.close();
    peer.sent = sessionState(keys.state).sent;
    peer.next = peer.sent[this.#lane]!;
    const use = { cipher: keys.cipher, key: keys.sendKey, lane: this.#lane, receiver: keys.sendIndex };
    peer.sealer = this.#sealing.sealer(use, peer.next);
    peer.receiver = keys.sendIndex;
    peer.asksForKey = false;
    this.setRemote(peer, remote);
  }

  endSession(peer: SendPeer): void {
    peer.sealer?.close();
    peer.sealer = undefined;
  }

  setRemote(peer: SendPeer, remote: Remote): void {
    const socket = this.#sockets[remote.family];
    peer.family = remote.family;
    peer.fd = socket?.fd ?? -1;
    peer.hasGso = socket?.hasGso ?? false;
    peer.label = remote.label;
    peer.nameBytes = SOCKADDR_BYTES[remote.family];
    this.#memory.bytes.set(remote.sockaddr, peer.name);
    this.setPathMtu(peer, peer.pathMtu);
  }

  /** @param bytes of a whole IP packet */
  setPathMtu(peer: SendPeer, bytes: number): void {
    peer.pathMtu = bytes;
    peer.roomBytes = bytes - IP_UDP_BYTES[peer.family] - OUTER_BYTES - (peer.sealer?.tagBytes ?? 0);
  }

  #create(id: PeerId, counters: SharedArrayBuffer): SendPeer {
    return {
      id,
      counters: new Float64Array(counters),
      name: this.#memory.take(SOCKADDR_BYTES.v6),
      nameBytes: 0,
      fd: -1,
      hasGso: false,
      label: 0,
      family: 'v4',
      pathMtu: FIRST_PATH_MTU,
      roomBytes: 0,
      sealer: undefined,
      receiver: 0,
      next: 0,
      sent: new Float64Array(2),
      asksForKey: false,
    };
  }
}
