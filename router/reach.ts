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

  constructor(parts: ReachParts) {
    this.#parts = parts;
  }

  readonly isConnected = (peer: PeerId): boolean => this.#parts.connections.of(peer) !== undefined;

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
    return hop === undefined ? ledger.book.controlAddresses(to)[0] : { ip: hop.remote.ip, port: hop.hello.port };
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
