// What the parts of the relay's control plane have in common.
import type { Entropy, Random } from '../core.js';
import type { Indices } from '../indices.js';
import type { PeerId, RelayRule, RelayWay } from '../types.js';
import type { RelayFrame } from '../wire/relay.js';
import type { Seats } from './seats.js';

/** What the sleeve is told: the way to a peer through others, and what a label of ours means; undefined: no longer. */
export type RelayFx =
  | { readonly kind: 'relayWay'; readonly peer: PeerId; readonly way: RelayWay | undefined }
  /** @param label 1 .. 2^32-1 */
  | { readonly kind: 'relayRule'; readonly label: number; readonly rule: RelayRule | undefined };

export type RelaysFx =
  | RelayFx
  /** To a neighbour. */
  | { readonly kind: 'say'; readonly to: PeerId; readonly frame: RelayFrame }
  | { readonly kind: 'drop'; readonly reason: string };

export interface HopSearch {
  /** Who is not to be on the way. */
  readonly passOver: ReadonlySet<PeerId>;
  /** How many relays there may be behind us. */
  readonly maxRelays: number;
  /** May it be the destination itself? Not for the source: its own way there is what does not work. */
  readonly canBeLast: boolean;
}

export interface Shared {
  readonly self: PeerId;
  readonly random: Random;
  readonly entropy: Entropy;
  readonly labels: Indices;
  readonly seats: Seats;
  /** The neighbour that data for `to` is best handed to; undefined: there is none. */
  hop(to: PeerId, search: HopSearch): PeerId | undefined;
  /** Is it a peer that we have heard of? */
  knows(peer: PeerId): boolean;
}

/** A way is agreed on anew so often, ms, a tenth more or less: that keeps it. */
export const REFRESH_MS = 30_000;
/** Who hears nothing of a way for so long, ms, forgets it. */
export const FORGET_MS = 90_000;

export const drop = (reason: string): RelaysFx => ({ kind: 'drop', reason: `relay-${reason}` });
