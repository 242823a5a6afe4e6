// A path in words: what the router, and a person at `mesh status`, hears of it.
import type { Ip, Millis, PathReport, PeerForward, PeerId, SocketAddress } from '../../router/types.js';
import { VXLAN_OVERHEAD } from '../mtu.js';
import type { Bytes } from './nft/traffic.js';
import type { Path } from './probe/path-state.js';

/** The family in which the data goes, and so the probes: IPv4 where both sides have it. */
export type Family = 'v4' | 'v6';

export interface Way {
  readonly family: Family;
  readonly local: Ip;
  readonly vtep: SocketAddress;
}

/** @returns undefined when the two have no family in common */
export function wayTo(local: { readonly v4?: Ip; readonly v6?: Ip }, peer: PeerForward): Way | undefined {
  for (const family of ['v4', 'v6'] as const) {
    const [from, vtep] = [local[family], peer[family]];
    if (from !== undefined && vtep !== undefined) return { family, local: from, vtep };
  }
  return undefined;
}

export const sameWay = (a: Way | undefined, b: Way | undefined): boolean =>
  a?.family === b?.family && a?.vtep.ip === b?.vtep.ip && a?.vtep.port === b?.vtep.port;

export interface PathFacts {
  readonly peer: PeerId;
  readonly name: string;
  readonly way: Way | undefined;
  /** Why no VXLAN may go there. */
  readonly sealed?: string | undefined;
  readonly path: Path | undefined;
  /** Why the kernel has no probe device for this way; undefined when it has. */
  readonly refusal: string | undefined;
  readonly bytes: Bytes | undefined;
  /** The largest packet any network of ours carries, bytes. */
  readonly ceiling: number;
  /** The port that our own vxlan listens on. */
  readonly port: number;
}

const SEALED_REMEDY = 'nothing need be done; --trusted-subnets on both hosts, where nobody else reaches that network';

export const NO_VXLAN_REMEDY = 'modprobe vxlan, and launch again';

/** A frame of the peer that came within this time says that its direction works, ms. */
const HEARD_MS = 5_000;

export function reportOf(f: PathFacts, now: Millis): PathReport {
  const { path, bytes, peer } = f;
  const said = words(f, now);
  const known = said.state === 'up';
  return {
    ...{ peer, ...said },
    rttMs: known ? path?.rttMs : undefined,
    mtu: known ? path?.mtu : undefined,
    txBytes: bytes?.tx,
    rxBytes: bytes?.rx,
  };
}

type Words = Pick<PathReport, 'overlay' | 'state' | 'reason' | 'remedy'>;

function words(f: PathFacts, now: Millis): Words {
  const { way, path } = f;
  if (f.sealed !== undefined) return { overlay: 'none', state: 'down', reason: f.sealed, remedy: SEALED_REMEDY };
  if (way === undefined) {
    const remedy = `give this host and ${f.name} an address of the same family (mesh launch --advertise)`;
    return { overlay: 'none', state: 'down', reason: 'no address in common', remedy };
  }
  if (f.refusal !== undefined || path === undefined) {
    const reason = `no kernel support${f.refusal === undefined ? '' : `: ${f.refusal}`}`;
    return { overlay: 'none', state: 'down', reason, remedy: NO_VXLAN_REMEDY };
  }
  if (path.kind === 'down')
    return { overlay: 'vxlan', state: 'down', reason: 'probes lost', remedy: lostRemedy(f, way, path, now) };
  if (path.kind === 'up' && path.mtu !== undefined && path.mtu < f.ceiling) {
    const underlay = f.ceiling + VXLAN_OVERHEAD[way.family];
    const reason = `path MTU ${path.mtu} is less than the network's ${f.ceiling}`;
    const remedy = `raise the MTU between ${way.local} and ${way.vtep.ip} to ${underlay}, or launch with --mtu ${path.mtu}`;
    return { overlay: 'vxlan', state: 'up', reason, remedy };
  }
  return { overlay: 'vxlan', state: path.kind, reason: '', remedy: '' };
}

/** Both directions of UDP must be open; when the peer is still heard it can only be ours. */
function lostRemedy(f: PathFacts, way: Way, path: Path, now: Millis): string {
  const out = `UDP ${way.vtep.port} open from ${way.local} to ${way.vtep.ip} (${f.name})`;
  if (path.heardAt !== undefined && now - path.heardAt < HEARD_MS) return `is ${out}?`;
  const back = way.vtep.port === f.port ? 'and back' : `and UDP ${f.port} back`;
  return `does the router on ${f.name} run, and is ${out} ${back}?`;
}
