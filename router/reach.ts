// How a peer is reached: over its connection, over the next hop to it, or at the addresses that it published.
import type { Connections } from './connection/connections.js';
import type { Ledger } from './ledger.js';
import type { NeighbourhoodHooks } from './neighbourhood.js';
import type { Ways } from './swim-carrier.js';
import type { PeerId, SocketAddress } from './types.js';

export interface ReachParts {
  readonly connections: Connections;
  readonly ledger: Ledger;
  /** Our own addresses: behind the same docker0 everywhere, a peer's address may be one of them. */
  readonly own: () => readonly SocketAddress[];
  /** @see Neighbourhood.isOnDemand */
  readonly isOnDemand: (peer: PeerId) => boolean;
}

/** Two peers that can do without their connection have at most so many others between them. */
const WAY_AROUND = { maxRelays: 4, canBeLast: false } as const;
const NOBODY: ReadonlySet<PeerId> = new Set();

export class Reach implements Ways {
  readonly #parts: ReachParts;
  /** Where datagrams of a peer that we are connected to come from, where that is another port than its own. */
  readonly #outside = new Map<PeerId, SocketAddress>();

  constructor(parts: ReachParts) {
    this.#parts = parts;
  }

  readonly isConnected = (peer: PeerId): boolean => this.#parts.connections.of(peer) !== undefined;

  refuses(peer: PeerId): boolean {
    return this.#parts.ledger.isEvicted(peer);
  }

  /** The neighbour to hand a message to; a peer that we are connected to itself. */
  hop(to: PeerId): PeerId | undefined {
    const { connections, ledger } = this.#parts;
    return connections.of(ledger.topology.nextHop(to) ?? to)?.peer;
  }

  /** To a peer that we are connected to, else to the next hop, else where it was last known to be. */
  over(to: PeerId): SocketAddress | undefined {
    const { connections, ledger } = this.#parts;
    const via = this.hop(to);
    const hop = via && connections.of(via);
    if (hop === undefined) return ledger.book.controlAddresses(to)[0];
    const outside = this.#outside.get(hop.peer);
    return outside?.ip === hop.remote.ip ? outside : { ip: hop.remote.ip, port: hop.hello.port };
  }

  /** A NAT may give what its host sends another port, and lets in only what goes there. The address has to be the connection's. */
  cameFrom(peer: PeerId, from: SocketAddress): void {
    const c = this.#parts.connections.of(peer);
    if (c?.remote.ip !== from.ip) return;
    if (from.port === c.hello.port) this.#outside.delete(peer);
    else this.#outside.set(peer, from);
  }

  /** The connection to it ended. */
  down(peer: PeerId): void {
    this.#outside.delete(peer);
  }

  straight(to: PeerId): readonly SocketAddress[] {
    return this.isConnected(to) || !this.#parts.isOnDemand(to) ? [] : this.addresses(to);
  }

  /** Where it may be dialled, best first. */
  addresses(peer: PeerId): readonly SocketAddress[] {
    const own = new Set(this.#parts.own().map((a) => `${a.ip} ${a.port}`));
    return this.#parts.ledger.book.controlAddresses(peer).filter((a) => !own.has(`${a.ip} ${a.port}`));
  }

  /** What the neighbourhood may ask. */
  get facts(): Omit<NeighbourhoodHooks, 'tell' | 'close' | 'idle'> {
    const { connections, ledger } = this.#parts;
    return {
      addresses: (peer) => this.addresses(peer),
      state: (peer) => ledger.book.get(peer)?.state,
      wasReached: (peer) => ledger.book.wasReached(peer),
      isConnected: this.isConnected,
      connected: () => connections.count,
      hasWayAround: (peer) => ledger.topology.hopsForData(peer, NOBODY, WAY_AROUND).length > 0,
    };
  }
}
