// One document out of two snapshots: what the router knows and what the datapath measures, each peer with a reason and a remedy.
import { HISTOGRAM_BOUNDS, type DatapathSnapshot, type PeerTraffic } from '../../datapath/index.js';
import { formatSocketAddress } from '../../router/address.js';
import { macViews, snapshotRouter, type PeerView, type Router, type RouterSnapshot } from '../../router/index.js';
import type { EndpointId, PathReport, PeerId } from '../../router/types.js';
import type {
  ConnectionStatus,
  EndpointStatus,
  MacStatus,
  NetworkStatus,
  PeerStatus,
  Problem,
  StatusDocument,
  TargetStatus,
} from '../api.js';
import { DEFAULT_PORT } from '../options.js';
import { overlayCounts } from './overlay-counts.js';
import { strangerProblems } from './strangers.js';

export interface StatusSources {
  readonly router: Router;
  readonly datapath: DatapathSnapshot;
  readonly endpoints: readonly EndpointStatus[];
  readonly exposed: StatusDocument['exposed'];
  readonly self: StatusDocument['self'];
  readonly version: string;
  readonly rotation: StatusDocument['rotation'];
  /** By which other hosts reach this one. */
  readonly joinAt: string;
  readonly counters: Readonly<Record<string, number>>;
}

export function statusDocument(s: StatusSources, withMacs: boolean): StatusDocument {
  const now = s.router.now;
  const snapshot = snapshotRouter(s.router.core, now);
  const paths = new Map(s.datapath.paths.map((p) => [p.peer, p]));
  const traffic = new Map(s.datapath.traffic.map((t) => [t.peer, t]));
  const here = snapshot.peers.filter((p) => p.state !== 'left');
  const connections = here.map((p) => connectionStatus(p, paths.get(p.id), traffic.get(p.id)));
  const networks = networkStatuses(snapshot, s);
  return {
    schema: 1,
    version: s.version,
    self: s.self,
    rotation: s.rotation,
    peers: snapshot.peers.map(peerStatus),
    connections,
    targets: snapshot.targets.map(targetStatus),
    edges: snapshot.edges.map((e) => ({ ...e, rttMs: e.rttMs ?? null, mtu: e.mtu ?? null })),
    networks,
    endpoints: s.endpoints.map((e) => withDenied(e, s.datapath.denied)),
    exposed: s.exposed,
    ...(withMacs && { macs: macStatuses(s.router, s.self) }),
    evicted: snapshot.evicted,
    problems: [...secretProblems(s.router), ...trustProblems(snapshot), ...problems(s, connections, networks)],
    counters: { ...snapshot.counters, ...prefixed('datapath', s.datapath.counters), ...s.counters },
    superFrameBounds: HISTOGRAM_BOUNDS,
  };
}

function peerStatus(p: PeerView): PeerStatus {
  const [reason, remedy] = peerReason(p);
  const { id, name, state: status, endpoints, version } = p;
  return { id, name, status, sinceMs: Math.round(p.sinceMs), endpoints, reach: reachOf(p), version, reason, remedy };
}

function reachOf(p: PeerView): string {
  if (p.remote !== undefined) return 'direct';
  if (isIdle(p)) return 'on demand';
  return p.via !== undefined ? `via ${p.via}` : 'none';
}

/** All is well with it, and nobody has any use for a connection. */
const isIdle = (p: PeerView): boolean => p.isOnDemand && p.state === 'alive';

function peerReason(p: PeerView): readonly [reason: string, remedy: string] {
  switch (p.state) {
    case 'alive':
      if (p.remote !== undefined || isIdle(p)) return ['', ''];
      return p.via !== undefined
        ? [`no direct control connection, messages go via ${p.via}`, `open TCP ${portOf(p)} to it`]
        : ['no connection leads to it', `open TCP and UDP ${portOf(p)} to it`];
    case 'suspect':
      return ['it has not answered yet', 'wait a few seconds'];
    case 'faulty':
      return ['it does not answer; its kernel may go on forwarding', `start it there, or: mesh forget ${p.name}`];
    case 'stopped':
      return ['its router was stopped; its kernel goes on forwarding', 'mesh launch on that host'];
    case 'left':
      return ['it left the mesh', ''];
  }
}

export function connectionStatus(
  p: PeerView,
  path: PathReport | undefined,
  traffic: PeerTraffic | undefined,
): ConnectionStatus {
  const isUp = p.remote !== undefined;
  const [reason, remedy] = connectionReason(p, path);
  return {
    peer: p.id,
    name: p.name,
    address: p.remote ?? p.endpoints[0] ?? '',
    control: isUp ? 'up' : isIdle(p) ? 'idle' : 'down',
    overlay: path?.state === 'up' ? path.overlay : 'none',
    reason,
    remedy,
    rttMs: path?.rttMs ?? null,
    mtu: path?.mtu ?? null,
    txBytes: path?.txBytes ?? null,
    rxBytes: path?.rxBytes ?? null,
    sinceMs: Math.round(isUp ? (path?.state === 'down' ? (p.pathMs ?? 0) : p.connectedMs) : p.sinceMs),
    ...overlayCounts(traffic),
  };
}

function connectionReason(p: PeerView, path: PathReport | undefined): readonly [string, string] {
  // That its router does not answer is why its probes are lost.
  if (p.remote === undefined && (p.state === 'stopped' || p.state === 'faulty')) return peerReason(p);
  if (path !== undefined && path.reason !== '') return [path.reason, path.remedy];
  if (isIdle(p)) return ['', ''];
  if (p.remote !== undefined)
    return path?.state === 'up' ? ['', ''] : ['vxlan: not measured yet', 'wait a few seconds'];
  return ['control: no TCP connection', `open TCP ${portOf(p)} to it`];
}

/** Its control port, which need not be ours. */
const portOf = (p: PeerView): string => /\d+$/.exec(p.endpoints[0] ?? '')?.[0] ?? `${DEFAULT_PORT}`;

function targetStatus(t: RouterSnapshot['targets'][number]): TargetStatus {
  const isQuiet = t.state === 'connected' || t.state === 'on demand' || t.reason === '';
  return {
    target: t.text,
    state: t.state,
    reason: isQuiet ? '' : t.reason,
    remedy: isQuiet ? '' : `mesh forget ${t.text}`,
  };
}

function withDenied(e: EndpointStatus, all: DatapathSnapshot['denied']): EndpointStatus {
  const denied = all.get(e.id as EndpointId) ?? [];
  if (denied.length === 0) return e;
  const frames = denied.reduce((sum, d) => sum + d.frames, 0);
  if (e.reason !== '') return { ...e, denied: frames };
  const reason = `dropped what it may not send: ${denied.map((d) => `${d.frames} ${d.why}`).join('; ')}`;
  return {
    ...e,
    denied: frames,
    reason,
    remedy: 'mesh attach --allow-spoof, if it is a router or holds other addresses',
  };
}

function networkStatuses(snapshot: RouterSnapshot, s: StatusSources): NetworkStatus[] {
  return snapshot.networks.map((n) => ({
    name: n.name,
    vni: n.vni,
    mtu: n.mtu,
    range: n.range ?? '',
    bridge: s.datapath.networks.find((d) => d.network === n.name)?.bridge ?? '',
    localEndpoints: s.endpoints.filter((e) => e.network === n.name).length,
    members: n.members,
    macs: n.macs,
  }));
}

function macStatuses(router: Router, self: StatusDocument['self']): MacStatus[] {
  const isSelf = (peer: PeerId): boolean => peer === self.id;
  return macViews(router.core).map((m) => ({
    ...m,
    name: isSelf(m.peer) ? self.name : router.core.ledger.book.name(m.peer),
    local: isSelf(m.peer),
  }));
}

function problems(
  s: StatusSources,
  connections: readonly ConnectionStatus[],
  networks: readonly NetworkStatus[],
): Problem[] {
  const small = networks.flatMap((n) =>
    connections
      .filter((c) => c.overlay === 'vxlan' && c.mtu !== null && c.mtu < n.mtu) // the sleeve cuts what is too long
      .map((c) => ({
        what: `path to ${c.name}`,
        reason: `it carries packets of ${c.mtu} bytes, and network ${n.name} sends up to ${n.mtu}`,
        remedy: 'raise the MTU on the way, or found the mesh with a smaller --mtu',
      })),
  );
  return [
    ...s.datapath.capabilities.filter((c) => !c.ok).map((c) => ({ what: c.name, reason: c.reason, remedy: c.remedy })),
    ...small,
    ...strangerProblems(s.router, s.joinAt),
  ];
}

function trustProblems({ isEvicted, turnedAway, offences }: RouterSnapshot): Problem[] {
  const said =
    turnedAway === undefined ? undefined : { what: `peer ${turnedAway.by}`, reason: `it says: ${turnedAway.reason}` };
  const out = isEvicted
    ? { what: 'this router', reason: 'it was evicted from the mesh, and all others refuse it' }
    : said;
  const remedy = 'mesh reset --force, then mesh launch: it joins as a new peer, where it may';
  return [...(out === undefined ? [] : [{ ...out, remedy }]), ...offences.map(offenceProblem)];
}

/** We were away when the secret was changed. */
function secretProblems({ core, now }: Router): Problem[] {
  const by = core.keptOut.shown(now);
  if (by === undefined) return [];
  const at = by.port === DEFAULT_PORT ? by.ip : formatSocketAddress(by);
  return [
    {
      what: 'this router',
      reason: `the mesh has changed its secret while it was away, and ${at} refuses it`,
      remedy: `mesh connect ${at} --secret SECRET, as "mesh secret --bare" tells it on a host of the mesh`,
    },
  ];
}

function offenceProblem({ kind, name, about, count }: RouterSnapshot['offences'][number]): Problem {
  const what = `peer ${name}`;
  if (kind === 'full')
    return {
      what,
      reason: 'all peers together announce more than fits here, and what it announces is refused',
      remedy: 'mesh forget those that are gone',
    };
  if (kind !== 'forged')
    return {
      what,
      reason: `it announces more ${kind} than a peer may, and what is beyond is refused`,
      remedy: 'withdraw some of it there',
    };
  const blocks = count === 1 ? 'a block' : `${count} blocks`;
  const reason = `it sent ${blocks} forged in the name of ${about}; nothing of that was taken`;
  return {
    what,
    reason,
    remedy: `mesh evict ${name}, unless its software is at fault; no other peer can send such blocks`,
  };
}

const prefixed = (prefix: string, counters: Readonly<Record<string, number>>): Record<string, number> =>
  Object.fromEntries(Object.entries(counters).map(([name, n]) => [`${prefix}.${name}`, n]));
