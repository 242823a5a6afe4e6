// A path over the sleeve in words, as path-report.ts has them for the vxlan.
import type { PathReport, SocketAddress } from '../router/types.js';
import { SLEEVE_OVERHEAD } from './mtu.js';
import type { Way } from './paths/path-report.js';
import type { Path } from './paths/probe/path-state.js';
import { bytesOfAll } from './peer-traffic.js';

export interface SleeveFacts {
  readonly name: string;
  readonly way: Way;
  /** Where the peer's sleeve listens. */
  readonly to: SocketAddress;
  readonly path: Path | undefined;
  /** By `--overlay sleeve`: nobody asks what is wrong with the vxlan. */
  readonly forced: boolean;
  readonly hasSession: boolean;
  readonly counted: { readonly txBytes: number; readonly rxBytes: number } | undefined;
  /** The largest packet any network of ours carries, bytes. */
  readonly ceiling: number;
  /** Why this host has no sleeve. */
  readonly refusal: string | undefined;
}

/** @param vxlan the report of the vxlan path: why it does not carry, and what it carried before */
export function sleeveReport(f: SleeveFacts, vxlan: PathReport): PathReport {
  const { path } = f;
  const known = path?.kind === 'up';
  return {
    peer: vxlan.peer,
    overlay: 'sleeve',
    state: path?.kind ?? 'down',
    ...words(f, vxlan),
    rttMs: known && path.rttMs !== undefined ? Math.round(path.rttMs * 1_000) / 1_000 : undefined,
    mtu: known ? path.mtu : undefined,
    ...bytesOfAll(vxlan, f.counted),
  };
}

function words(f: SleeveFacts, vxlan: PathReport): Pick<PathReport, 'reason' | 'remedy'> {
  if (f.refusal !== undefined) return { reason: `no sleeve: ${f.refusal}`, remedy: '' };
  if (!f.hasSession)
    return { reason: 'no keys yet', remedy: `does the router on ${f.name} run, and does it have --overlay auto?` };
  if (f.path?.kind === 'down') {
    const remedy = `is UDP ${f.to.port} open from ${f.way.local} to ${f.to.ip} (${f.name}) and back?`;
    return { reason: 'sleeve: probes lost', remedy };
  }
  if (vxlan.reason.startsWith('sealed: ')) return { reason: vxlan.reason, remedy: vxlan.remedy };
  if (!f.forced && vxlan.reason !== '') return { reason: `vxlan: ${vxlan.reason}`, remedy: vxlan.remedy };
  const mtu = f.path?.mtu;
  if (mtu === undefined || mtu >= f.ceiling) return { reason: '', remedy: '' };
  const underlay = f.ceiling + SLEEVE_OVERHEAD[f.way.family];
  const remedy = `raise the MTU between ${f.way.local} and ${f.to.ip} to ${underlay}`;
  return { reason: `sleeve: packets over ${mtu} bytes go in parts`, remedy };
}
