// What the router knows, read at one moment for `status`. Copies; nothing here waits for anybody.
import { formatSocketAddress } from './address.js';
import type { TargetState } from './connection/dialer.js';
import type { TurnedAway } from './farewells.js';
import type { CountedOffence } from './offences.js';
import type { PeerState } from './peer-book.js';
import type { RouterCore } from './router.js';
import type { Stranger } from './trust/strangers.js';
import type { Ip, Mac, Millis, NetworkName, Overlay, PeerId } from './types.js';
import { decodeConn, decodeEvicted, decodeIp, decodeNet, parseKey, type NetRecord } from './wire/records.js';

export interface PeerView {
  readonly id: PeerId;
  readonly name: string;
  readonly state: PeerState;
  readonly sinceMs: number;
  readonly endpoints: readonly string[];
  readonly version: string;
  /** The underlay address of the control connection; undefined without one. */
  readonly remote: string | undefined;
  readonly connectedMs: number;
  /** How long the path to it has been up, or down; undefined before the first report. */
  readonly pathMs: number | undefined;
  /** The name of the neighbour on the way, undefined when directly connected or unreachable. */
  readonly via: string | undefined;
  /** A connection to it is made when there is traffic, and there is none now. */
  readonly isOnDemand: boolean;
}

export interface EdgeView {
  readonly from: PeerId;
  readonly to: PeerId;
  readonly overlay: Overlay;
  readonly rttMs: number | undefined;
  readonly mtu: number | undefined;
}

export interface NetworkView extends NetRecord {
  readonly name: NetworkName;
  readonly members: number;
  readonly macs: number;
}

export interface MacView {
  readonly network: NetworkName;
  readonly mac: Mac;
  readonly ips: readonly Ip[];
  readonly peer: PeerId;
}

export interface RouterSnapshot {
  readonly peers: readonly PeerView[];
  readonly edges: readonly EdgeView[];
  readonly networks: readonly NetworkView[];
  readonly targets: readonly {
    readonly text: string;
    readonly peer: PeerId | undefined;
    readonly state: 'connected' | 'on demand' | 'dialling' | 'waiting' | 'refused';
    readonly reason: string;
  }[];
  readonly counters: Readonly<Record<string, number>>;
  /** Who was not let in, the latest first. */
  readonly strangers: readonly Stranger[];
  /** What peers did that no honest one does, the latest first. */
  readonly offences: readonly OffenceView[];
  /** Who was put out of the mesh for good. */
  readonly evicted: readonly { readonly id: PeerId; readonly name: string }[];
  /** Was this router itself? As far as it has heard. */
  readonly isEvicted: boolean;
  /** Which neighbour parted from us, and why, in the last ten minutes. */
  readonly turnedAway: TurnedAway | undefined;
}

export interface OffenceView extends Pick<CountedOffence, 'kind' | 'by' | 'count'> {
  /** Names, for people. */
  readonly name: string;
  readonly about: string;
}

const LEFT_IS_SHOWN_MS = 10 * 60_000;

export function snapshotRouter(core: RouterCore, now: Millis): RouterSnapshot {
  const { records, bytes, streams, heldBlocks } = core.options.store.stats();
  const relayedWays = core.planes.relaysHeld?.transits ?? 0;
  return {
    peers: core.ledger.book.ids().flatMap((id) => peerView(core, id, now)),
    edges: edgeViews(core),
    networks: networkViews(core),
    targets: core.contacts.dialer.targets().map((t) => ({
      ...t,
      state: targetState(core, t),
    })),
    counters: { ...Object.fromEntries(core.drops), records, recordBytes: bytes, streams, heldBlocks, relayedWays },
    strangers: core.strangers.shown(now),
    evicted: evictedViews(core),
    isEvicted: core.ledger.isEvicted(core.self),
    turnedAway: core.farewells.shown(now),
    offences: core.offences.shown(now).map((offence) => offenceView(core, offence)),
  };
}

function evictedViews(core: RouterCore): { id: PeerId; name: string }[] {
  const views: { id: PeerId; name: string }[] = [];
  for (const [key, { value }] of core.ledger.claims.holders('core')) {
    const parsed = parseKey(key);
    const record = parsed?.kind === 'evicted' ? decodeEvicted(value) : 'none';
    if (parsed?.kind === 'evicted' && typeof record !== 'string') views.push({ id: parsed.peer, name: record.name });
  }
  return views;
}

const offenceView = (core: RouterCore, { kind, by, about, count }: CountedOffence): OffenceView => ({
  ...{ kind, by, count },
  name: core.ledger.book.name(by),
  about: about === core.self ? core.options.name : core.ledger.book.name(about),
});

function targetState(core: RouterCore, { peer, state }: TargetState): RouterSnapshot['targets'][number]['state'] {
  if (peer === undefined) return state;
  if (core.connections.of(peer) !== undefined) return 'connected';
  return core.neighbourhood.rests(peer) ? 'on demand' : state;
}

function peerView(core: RouterCore, id: PeerId, now: Millis): PeerView[] {
  const entry = core.ledger.book.get(id)!;
  const sinceMs = now - entry.since;
  // An address remembered from an earlier run is not yet a peer.
  if (entry.record === undefined && entry.member === undefined) return [];
  if (entry.state === 'left' && sinceMs > LEFT_IS_SHOWN_MS) return [];
  const c = core.connections.of(id);
  const hop = core.ledger.topology.nextHop(id);
  return [
    {
      id,
      name: core.ledger.book.name(id),
      state: entry.state,
      sinceMs,
      endpoints: (entry.record?.addresses ?? []).map(formatSocketAddress),
      version: entry.record?.version ?? '',
      remote: c && formatSocketAddress({ ip: c.remote.ip, port: c.hello.port }),
      connectedMs: c === undefined ? 0 : now - c.upAt,
      pathMs: pathMs(core, id, now),
      via: hop === undefined || hop === id ? undefined : core.ledger.book.name(hop),
      isOnDemand: c === undefined && core.neighbourhood.isOnDemand(id),
    },
  ];
}

function pathMs(core: RouterCore, id: PeerId, now: Millis): number | undefined {
  const since = core.pathTimes.since(id);
  return since === undefined ? undefined : now - since;
}

/** Each edge once, as its lower end sees it, or its only end. */
function edgeViews(core: RouterCore): EdgeView[] {
  const edges = new Map<string, EdgeView>();
  for (const owner of core.options.store.owners())
    for (const record of core.options.store.records(owner, 'core')) {
      const key = parseKey(record.key);
      if (key?.kind !== 'conn' || !core.ledger.topology.isEdge(owner, key.peer)) continue;
      const conn = decodeConn(record.value);
      if (typeof conn === 'string') continue;
      const [from, to] = owner < key.peer ? [owner, key.peer] : [key.peer, owner];
      if (owner === from || !edges.has(`${from} ${to}`))
        edges.set(`${from} ${to}`, { from, to, overlay: conn.overlay, rttMs: conn.rttMs, mtu: conn.mtu });
    }
  return [...edges.values()];
}

function networkViews(core: RouterCore): NetworkView[] {
  const views: NetworkView[] = [];
  for (const [key, winner] of core.ledger.claims.holders('core')) {
    const parsed = parseKey(key);
    const record = parsed?.kind === 'net' ? decodeNet(winner.value) : 'none';
    if (parsed?.kind !== 'net' || typeof record === 'string') continue;
    const isMember = core.ledger.local.all().some((e) => e.network === parsed.name);
    const members = core.ledger.forwarding.members(parsed.name).length + Number(isMember);
    views.push({ ...record, name: parsed.name, members, macs: core.ledger.forwarding.macCount(parsed.name) });
  }
  return views;
}

/** All announced MACs. With 100,000 of them this takes a tenth of a second: only on request. */
export function macViews(core: RouterCore): MacView[] {
  const views: MacView[] = [];
  for (const { name } of networkViews(core)) {
    const ips = new Map<Mac, Ip[]>();
    const macs: { mac: Mac; peer: PeerId }[] = [];
    for (const [key, winner] of core.ledger.claims.holders(name)) {
      const parsed = parseKey(key);
      if (parsed?.kind === 'mac') macs.push({ mac: parsed.mac, peer: winner.owner });
      if (parsed?.kind !== 'ip') continue;
      const record = decodeIp(winner.value);
      if (typeof record === 'string') continue;
      const list = ips.get(record.mac);
      if (list === undefined) ips.set(record.mac, [parsed.ip]);
      else list.push(parsed.ip);
    }
    for (const m of macs) views.push({ network: name, mac: m.mac, peer: m.peer, ips: ips.get(m.mac) ?? [] });
  }
  return views;
}
