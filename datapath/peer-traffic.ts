// What went to a peer and came from it, by overlay, and how often it changed overlays: numbers for `status`.
import type { Millis, PathReport, PeerId } from '../router/types.js';
import type { ChangeReason } from './overlay.js';
import type { BothWays } from './paths/nft/traffic.js';
import type { Count } from './nft-kernel.js';
import type { SleeveTraffic } from './sleeve/sleeve.js';

export interface PeerTraffic {
  readonly peer: PeerId;
  /** When it was read: what `changes` is to be compared with. */
  readonly now: Millis;
  /** As the kernel counted; undefined where nft does not. */
  readonly vxlan: BothWays<Count> | undefined;
  /** Undefined while there is no sleeve, or it has not heard of the peer. */
  readonly sleeve: SleeveTraffic | undefined;
  readonly changes: OverlayChanges;
}

/** How often the peer's data took another overlay, and the last time. */
export interface OverlayChanges {
  readonly count: number;
  readonly last: { readonly at: Millis; readonly why: ChangeReason } | undefined;
}

export const NO_CHANGES: OverlayChanges = { count: 0, last: undefined };

/** Counts one more. */
export const changed = ({ count }: OverlayChanges, why: ChangeReason, at: Millis): OverlayChanges => ({
  count: count + 1,
  last: { at, why },
});

type Bytes = Partial<Record<'txBytes' | 'rxBytes', number | undefined>>;

/** Over all overlays; undefined what none counts. */
export function bytesOfAll(vxlan: Bytes, sleeve: Bytes | undefined): Pick<PathReport, 'txBytes' | 'rxBytes'> {
  const sum = (a: number | undefined, b: number | undefined): number | undefined =>
    a === undefined && b === undefined ? undefined : (a ?? 0) + (b ?? 0);
  return { txBytes: sum(vxlan.txBytes, sleeve?.txBytes), rxBytes: sum(vxlan.rxBytes, sleeve?.rxBytes) };
}
