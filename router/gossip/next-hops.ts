// Shortest paths by hop count, after what Weave Net's mesh does, with ties broken so that the answer is a function of the graph.
import type { PeerId } from '../types.js';

export interface Route {
  /** The neighbour to hand a message to; the destination itself when it is one. */
  readonly via: PeerId;
  /** Connections on the way, 1 or more. */
  readonly hops: number;
}

export interface Graph {
  /** Peers that may have an edge with `of`, in any order, doubles allowed. */
  candidates(of: PeerId): Iterable<PeerId>;
  /** The same whichever end comes first. Asked only for a candidate that was not yet found, which is seldom. */
  isEdge(a: PeerId, b: PeerId): boolean;
  /** May others be reached through it? */
  relays(peer: PeerId): boolean;
  /** How many peers there are at most, `self` included; the search ends when it has found so many. */
  readonly size: number;
}

/**
 * Breadth first from `self`, each level in order of id: a peer is reached by way of the first in it.
 * A route's next hop is one connection nearer to the destination, so routers that see the same graph make no loop,
 * whatever their ties.
 * @returns a route to every peer that can be reached, `self` not included
 */
export function nextHops(self: PeerId, graph: Graph): ReadonlyMap<PeerId, Route> {
  const routes = new Map<PeerId, Route>();
  let level: PeerId[] = [self];
  for (let hops = 1; level.length > 0 && routes.size + 1 < graph.size; hops++) {
    const found: PeerId[] = [];
    for (const peer of level)
      if (peer === self || graph.relays(peer))
        for (const next of graph.candidates(peer)) {
          if (next === self || routes.has(next) || !graph.isEdge(peer, next)) continue;
          routes.set(next, { via: routes.get(peer)?.via ?? next, hops });
          found.push(next);
        }
    level = found.sort();
  }
  return routes;
}

/**
 * Breadth first from `to` back to `self`, a connection between the two not counted.
 * @param passOver who is not to be on the way
 * @param maxRelays how many others may be on it
 * @returns the neighbours of `self` that are first on the shortest ways, by id
 */
export function firstRelays(
  self: PeerId,
  to: PeerId,
  graph: Graph,
  passOver: ReadonlySet<PeerId>,
  maxRelays: number,
): readonly PeerId[] {
  const seen = new Set([self, to]);
  let level: PeerId[] = [to];
  for (let relays = 1; relays <= maxRelays && level.length > 0; relays++) {
    const found: PeerId[] = [];
    for (const peer of level)
      for (const next of graph.candidates(peer)) {
        if (seen.has(next) || passOver.has(next) || !graph.relays(next) || !graph.isEdge(peer, next)) continue;
        seen.add(next);
        found.push(next);
      }
    const first = found.filter((peer) => graph.isEdge(self, peer));
    if (first.length > 0) return first.sort();
    level = found;
  }
  return [];
}
