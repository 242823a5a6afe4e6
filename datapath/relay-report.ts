// A path over relays in words, as sleeve-report.ts has them for the direct sleeve.
import type { PathReport, RelayWay } from '../router/types.js';
import type { Way } from './paths/path-report.js';
import type { Path } from './paths/probe/path-state.js';
import { bytesOfAll } from './peer-traffic.js';

export interface RelayFacts {
  /** The direct way, which does not work; undefined: the two have no address of one family. */
  readonly direct: Way | undefined;
  readonly sleevePort: number;
  readonly relay: RelayWay | undefined;
  /** What the first relay is called. */
  readonly via: string;
  readonly path: Path | undefined;
  /** By `--overlay sleeve`: nobody asks what is wrong with the vxlan. */
  readonly forced: boolean;
  readonly hasVxlan: boolean;
  readonly counted: { readonly txBytes: number; readonly rxBytes: number } | undefined;
}

/** @param vxlan the report of the vxlan path: what it carried before */
export function relayReport(f: RelayFacts, vxlan: PathReport): PathReport {
  const { path, counted } = f;
  const isUp = path?.kind === 'up';
  return {
    peer: vxlan.peer,
    overlay: 'relay',
    state: path?.kind ?? 'down',
    reason: reason(f),
    remedy: remedy(f, vxlan),
    rttMs: isUp && path.rttMs !== undefined ? Math.round(path.rttMs * 1_000) / 1_000 : undefined,
    mtu: isUp ? path.mtu : undefined,
    ...bytesOfAll(vxlan, counted),
  };
}

function reason(f: RelayFacts): string {
  const why = whyNotDirect(f);
  if (f.relay === undefined) return `no way through others (${why})`;
  const more = f.relay.relays > 1 ? ` and ${f.relay.relays - 1} more` : '';
  if (f.path?.kind === 'down') return `relay ${f.via}${more}: probes lost (${why})`;
  return `relayed by ${f.via}${more} (${why})`;
}

function whyNotDirect({ direct, forced, hasVxlan }: RelayFacts): string {
  if (direct === undefined) return 'no address in common';
  if (forced) return 'the sleeve gets no answer';
  return hasVxlan ? 'vxlan and sleeve get no answer' : 'no vxlan in the kernel, the sleeve gets no answer';
}

/** The same for all peers that are relayed alike, so that `status` says it once: behind a hub it is true of many. */
function remedy({ direct, sleevePort, forced, hasVxlan }: RelayFacts, vxlan: PathReport): string {
  if (direct === undefined) return vxlan.remedy;
  const ports = forced || !hasVxlan ? `${sleevePort}` : `${sleevePort} and ${direct.vtep.port}`;
  return `open UDP ${ports} between this host and it`;
}
