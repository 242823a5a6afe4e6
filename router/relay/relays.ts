import type { PeerId, RelayRule, RelayWay } from '../types.js';

/** What the sleeve is told: the way to a peer through others, and what a label of ours means; undefined: no longer. */
export type RelayFx =
  | { readonly kind: 'relayWay'; readonly peer: PeerId; readonly way: RelayWay | undefined }
  /** @param label 1 .. 2^32-1 */
  | { readonly kind: 'relayRule'; readonly label: number; readonly rule: RelayRule | undefined };
