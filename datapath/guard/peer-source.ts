// What the forwarding table says of a peer, as the guard needs it. Pure.
import type { PeerForward } from '../../router/types.js';
import type { PeerSource } from './guard.js';

export function sourceOf({ v4, v6, from }: PeerForward): PeerSource {
  const known = [v4, v6].filter((at) => at !== undefined);
  return { from: from ?? known.map(({ ip }) => ip), vxlanPort: known[0]?.port ?? 0, isPlain: true };
}
