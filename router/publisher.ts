// What a router says in its `core` stream: who it is, whom it is connected to, and its copies of the shared records.
import type { Claims, Winner } from './gossip/claims.js';
import type { Cidr, Millis, NetworkName, PathReport, PeerId, SocketAddress } from './types.js';
import type { Topic } from './wire/block.js';
import {
  connKey,
  encodeConn,
  encodeEvicted,
  encodeGone,
  encodeNet,
  encodePeer,
  encodeSecret,
  evictedKey,
  goneKey,
  netKey,
  PEER_KEY,
  SECRET_KEY,
  type NetRecord,
} from './wire/records.js';

export type Put = (topic: Topic, key: string, value: Uint8Array | undefined, seq: number) => void;

export interface Identity {
  readonly name: string;
  readonly vxlanPort: number;
  readonly softwareVersion: string;
  readonly trusted?: readonly Cidr[];
  /** @see PeerRecord.launch */
  readonly launch: Uint8Array;
}

/** What others see of one of our connections. */
interface Edge {
  publishedRttMs: number | undefined;
  published: string;
}

const IN_USE = 3;
/** Changes of RTT alone wait for one another: each block goes to every peer, and on a busy host they never end. */
const REPUBLISH_MS = 300_000;
const RTT_NEWS_MS = 2;

export class Publisher {
  readonly #identity: Identity;
  readonly #put: Put;
  readonly #edges = new Map<PeerId, Edge>();
  /** Of connected peers and others: a path is often up before the connection, and stays when that is made anew. */
  readonly #paths = new Map<PeerId, PathReport>();
  #republishAt: Millis | undefined;

  constructor(identity: Identity, put: Put) {
    this.#identity = identity;
    this.#put = put;
  }

  peer(addresses: readonly SocketAddress[], state: 'running' | 'stopped' | 'left'): void {
    const { name, vxlanPort, softwareVersion: version, trusted, launch } = this.#identity;
    const record = { name, addresses, vxlanPort, state, version, launch, ...(trusted && { trusted }) };
    this.#put('core', PEER_KEY, encodePeer(record), 0);
  }

  connection(peer: PeerId, isUp: boolean): void {
    if (isUp) {
      const edge = this.#edges.get(peer) ?? { publishedRttMs: undefined, published: '' };
      this.#edges.set(peer, edge);
      this.#publish(peer, edge);
    } else if (this.#edges.delete(peer)) this.#put('core', connKey(peer), undefined, 0);
  }

  /** Overlay and MTU are told at once; an RTT that has changed by half within five minutes, with all others that have. */
  path(path: PathReport, now: Millis): void {
    this.#paths.set(path.peer, path);
    const edge = this.#edges.get(path.peer);
    if (edge === undefined) return;
    if (shapeOf(path) !== edge.published) this.#publish(path.peer, edge);
    else if (isOther(path.rttMs, edge.publishedRttMs)) this.#republishAt ??= (now + REPUBLISH_MS) as Millis;
  }

  /** @param seq 1: until somebody tells of the real one; 2: ours, founded and empty; 3 and above: in use */
  network(name: NetworkName, definition: NetRecord, seq: number): void {
    this.#put('core', netKey(name), encodeNet(definition), seq);
  }

  /** The network is in use now: an empty founder's definition, which has sequence 1 or 2, gives way to it. */
  pin(name: NetworkName, claims: Claims): void {
    const held = claims.holderOf('core', netKey(name));
    if (held !== undefined && held.seq < IN_USE) this.#put('core', netKey(name), held.value, IN_USE);
  }

  /** Keeps a copy of a shared record that won, so that it outlives whoever wrote it. */
  adopt(key: string, winner: Winner): void {
    this.#put('core', key, winner.value, winner.seq);
  }

  /** @param incarnation the last one that is gone; a later launch of the peer is welcome */
  gone(peer: PeerId, incarnation: number, why: 'left' | 'forgotten'): void {
    this.#paths.delete(peer);
    this.#put('core', goneKey(peer), encodeGone({ incarnation, why }), incarnation);
  }

  evicted(peer: PeerId, name: string): void {
    this.#paths.delete(peer);
    this.#put('core', evictedKey(peer), encodeEvicted({ name }), 1);
  }

  /** @param keyId of the newest secret that we have */
  secret(keyId: string): void {
    this.#put('core', SECRET_KEY, encodeSecret({ keyId }), 0);
  }

  tick(now: Millis): void {
    if (this.#republishAt === undefined || now < this.#republishAt) return;
    this.#republishAt = undefined;
    for (const [peer, edge] of this.#edges)
      if (isOther(this.#paths.get(peer)?.rttMs, edge.publishedRttMs)) this.#publish(peer, edge);
  }

  nextDeadline(): Millis | undefined {
    return this.#republishAt;
  }

  #publish(peer: PeerId, edge: Edge): void {
    const path = this.#paths.get(peer);
    edge.published = shapeOf(path);
    edge.publishedRttMs = path?.rttMs;
    const { overlay = 'none', rttMs, mtu, state } = path ?? {};
    this.#put(
      'core',
      connKey(peer),
      encodeConn(
        state === 'up'
          ? { overlay, ...(rttMs !== undefined && { rttMs }), ...(mtu !== undefined && { mtu }) }
          : { overlay: 'none' },
      ),
      0,
    );
  }
}

const shapeOf = (path: PathReport | undefined): string =>
  path?.state === 'up' ? `${path.overlay} ${path.mtu}` : 'none';

function isOther(a: number | undefined, b: number | undefined): boolean {
  if (a === undefined || b === undefined) return a !== b;
  return Math.max(a, b) > 1.5 * Math.min(a, b) && Math.abs(a - b) >= RTT_NEWS_MS;
}
