// RouterCore: every core of the control plane wired together. Pure: what the shell runs on sockets, the simulator runs in
// virtual time. Events in, effects out (router-events.ts); reading (snapshot, holder, network) changes nothing.
import { linkLocalOf } from './address.js';
import { Connections, type Connection, type ConnectionFx } from './connection/connections.js';
import { Dialer, type Target } from './connection/dialer.js';
import type { Core, Random } from './core.js';
import { Exchange, type FrameOut } from './exchange.js';
import { Forwarding } from './forwarding.js';
import { Claims } from './gossip/claims.js';
import type { RecordChange } from './gossip/chain.js';
import { incarnationOf, type RecordStore } from './gossip/store.js';
import { Topology } from './gossip/topology.js';
import { LocalEndpoints, type ClaimPut, type LocalEndpoint } from './local-endpoints.js';
import { PeerBook, type PeerState, type Remotes } from './peer-book.js';
import { Publisher } from './publisher.js';
import type { RouterEffect, RouterEvent } from './router-events.js';
import { SwimCarrier } from './swim-carrier.js';
import type { Member } from './swim/membership.js';
import type { DatapathReport, ForwardingDelta, Millis, NetworkName, PeerId, SocketAddress } from './types.js';
import type { Topic } from './wire/block.js';
import type { Hello } from './wire/hello.js';
import { decodeGone, decodeNet, decodePeer, netKey, parseKey, type NetRecord } from './wire/records.js';

/** A dial target of the operator's, waiting for its first outcome. */
interface Waiting {
  readonly request: number;
  readonly until: Millis;
}

export interface RouterOptions {
  readonly self: PeerId;
  /** Ed25519, 32 bytes. */
  readonly publicKey: Uint8Array;
  readonly name: string;
  readonly incarnation: number;
  /** Control port; vxlan's is two above. */
  readonly port: number;
  readonly vxlanPort: number;
  readonly softwareVersion: string;
  /** 8 random bytes, new at each launch. */
  readonly launch: Uint8Array;
  readonly addresses: readonly SocketAddress[];
  readonly random: Random;
  /** What was on disk, or empty. */
  readonly store: RecordStore;
  readonly remotes: ReadonlyMap<PeerId, Remotes>;
  /** The network that this router founds if nobody tells it of another definition. */
  readonly network: { readonly name: NetworkName; readonly definition: NetRecord };
  /** Launched without peers: it founds a mesh. Otherwise it waits to hear from one. */
  readonly founds: boolean;
}

const CONNECT_WAIT_MS = 4_000;
const SETTLE_AFTER_MS = 60_000;
const CROSS_DIAL_HEADSTART_MS = 500; // the lower id dials first, so that most pairs dial once
const PERSIST = { kind: 'persist', what: 'cache' } as const;

export class RouterCore implements Core<RouterEvent, RouterEffect> {
  readonly self: PeerId;
  readonly options: RouterOptions;
  readonly store: RecordStore;
  readonly claims: Claims;
  readonly topology: Topology;
  readonly book = new PeerBook();
  readonly connections: Connections;
  readonly dialer: Dialer;
  readonly forwarding: Forwarding;
  readonly local: LocalEndpoints;
  readonly drops = new Map<string, number>();
  readonly #exchange: Exchange;
  readonly #publisher: Publisher;
  readonly #swim: SwimCarrier;
  readonly #edges = new Map<PeerId, Set<PeerId>>();
  readonly #waiting = new Map<string, Waiting>();
  #fx: RouterEffect[] = [];
  #started: Millis | undefined;
  #settled = false;
  #hasMet = false;

  /** Emits nothing yet: the first `handle` returns what follows from the disk's records as well. */
  constructor(options: RouterOptions, now: Millis) {
    this.self = options.self;
    this.options = options;
    this.store = options.store;
    this.claims = new Claims();
    this.topology = new Topology(this.self);
    this.forwarding = new Forwarding(this.self, this.claims);
    this.local = new LocalEndpoints(
      this.self,
      this.claims,
      (network, key) => this.store.get(this.self, network, key)?.seq,
    );
    this.dialer = new Dialer(options.random);
    this.connections = new Connections(this.self, (dialled) => ({ ...this.#hello(), dialled }));
    this.#exchange = new Exchange(this.store, options.random, (a, b) => this.topology.isEdge(a, b), now);
    this.#publisher = new Publisher(options, (topic, key, value, seq) => this.#put(topic, key, value, seq, now));
    this.#swim = new SwimCarrier(this.self);
    for (const [peer, r] of options.remotes)
      for (const ip of [r.v4, r.v6]) if (ip !== undefined) this.book.reachedAt(peer, ip, now);
    this.#learn(this.store.everything(), now);
    this.#publisher.peer(options.addresses, 'running');
    this.#foundNetwork(now);
  }

  handle(ev: RouterEvent, now: Millis): readonly RouterEffect[] {
    this.#event(ev, now);
    if (this.#started !== undefined) this.#act(now);
    const fx = this.#fx;
    this.#fx = [];
    return fx;
  }

  nextDeadline(): Millis | undefined {
    if (this.#started === undefined) return undefined;
    const settleAt = this.#settled ? undefined : this.#started + SETTLE_AFTER_MS;
    const dialAt = this.dialer.nextDeadline((p) => this.#isConnected(p));
    const waits = [...this.#waiting.values()].map((w) => w.until);
    const all = [
      this.connections.nextDeadline(),
      dialAt,
      this.#exchange.nextDeadline(),
      this.#publisher.nextDeadline(),
      settleAt,
      ...waits,
    ];
    return all.reduce<number | undefined>(
      (a, b) => (a === undefined || (b !== undefined && b < a) ? b : a),
      undefined,
    ) as Millis | undefined;
  }

  /** A network's definition as all agree on it; undefined if nobody has told of it. */
  network(name: NetworkName): NetRecord | undefined {
    const held = this.claims.holderOf('core', netKey(name));
    const record = held === undefined ? 'none' : decodeNet(held.value);
    return typeof record === 'string' ? undefined : record;
  }

  /** Who else holds a key now, and how that peer is. */
  holder(
    network: NetworkName,
    key: string,
  ): { readonly peer: PeerId; readonly name: string; readonly state: PeerState } | undefined {
    const owner = this.claims.holderOf(network, key)?.owner;
    if (owner === undefined || owner === this.self) return undefined;
    return { peer: owner, name: this.book.name(owner), state: this.book.get(owner)?.state ?? 'suspect' };
  }

  #event(ev: RouterEvent, now: Millis): void {
    switch (ev.kind) {
      case 'tick':
        return this.#onConnections(this.connections.tick(now), now);
      case 'started':
        this.#started = now;
        return;
      case 'opened':
        return this.#onConnections(this.connections.opened(ev.conn, ev.remote, ev.outbound, now), now);
      case 'received':
        return this.#onConnections(this.connections.received(ev.conn, ev.bytes, now), now);
      case 'closed':
        return this.#onConnections(this.connections.closed(ev.conn, ev.reason), now);
      case 'dialFailed':
        return this.#onDialFailed(ev.conn, ev.reason, ev.unresolvable, now);
      case 'datagram':
        return this.#fxPush(this.#swim.receive(ev.bytes, this.#way, (reason) => this.countDrop(reason)));
      case 'swimSend':
        return this.#fxPush(this.#swim.send(ev.to, ev.payload, this.#way));
      case 'member':
        return this.#onMember(ev.member, now);
      case 'raised':
        return this.store.raise(ev.incarnation);
      case 'connect':
        return this.#onConnect(ev.target, ev.request, now);
      case 'forgetTarget':
        this.dialer.removeTarget(ev.text);
        return this.#fxPush([{ kind: 'persist', what: 'targets' }]);
      case 'forgetPeer':
        return this.#publisher.gone(ev.peer, this.#incarnationOf(ev.peer), 'forgotten');
      case 'announce':
        return this.#announce(ev.endpoint, ev.fresh, now);
      case 'withdraw':
        return this.#claim(this.local.withdraw(ev.id), now);
      case 'report':
        return this.#onReport(ev.report, now);
      case 'addresses':
        return this.#publisher.peer(ev.addresses, 'running');
      case 'ending':
        return this.#onEnding(ev.state, now);
    }
  }

  /** What every event may have made due: dials, pushes, comparisons. */
  #act(now: Millis): void {
    this.#publisher.tick(now);
    this.#frames(this.#exchange.tick(this.#neighbours(), now));
    this.#frames(this.#exchange.push(this.#neighbours()));
    this.#fxPush(this.dialer.tick(now, (p) => this.#isConnected(p)));
    for (const [text, w] of this.#waiting)
      if (now >= w.until) this.#answer(text, { note: 'it has not answered yet; it is dialled until forgotten' });
    const alone = this.store.owners().length <= 1 && this.dialer.targets().length === 0;
    if (alone || now - this.#started! >= SETTLE_AFTER_MS) this.#settle();
  }

  #onConnections(list: readonly ConnectionFx[], now: Millis): void {
    for (const fx of list)
      switch (fx.kind) {
        case 'send':
        case 'close':
          this.#fx.push(fx);
          break;
        case 'up':
          this.#onUp(fx.connection, now);
          break;
        case 'down':
          this.#onDown(fx.connection, fx.reason, now);
          break;
        case 'refused':
          this.#onRefused(fx, now);
          break;
        case 'frame':
          this.#onFrame(fx.peer, fx.type, fx.body, now);
          break;
        case 'drop':
          this.countDrop(fx.reason);
          break;
      }
  }

  #onUp(c: Connection, now: Millis): void {
    const target = this.dialer.targetOf(c.conn);
    this.dialer.succeeded(c.conn, c.peer);
    if (target !== undefined) this.#answer(target, {});
    this.#hasMet = true;
    const moved = this.book.reachedAt(c.peer, c.remote.ip, now);
    if (moved) this.#fx.push(PERSIST);
    this.topology.setSelf(this.#neighbours());
    this.#publisher.connection(c.peer, true);
    this.#forwardPeer(c.peer);
    this.#frames(this.#exchange.up(c.peer, now));
    this.#fx.push({ kind: 'swimSync', peers: [c.peer] });
    this.#log('connection-up', { peer: c.hello.name, id: c.peer, address: c.remote.ip });
  }

  #onDown(c: Connection, reason: string, now: Millis): void {
    this.#exchange.down(c.peer);
    this.topology.setSelf(this.#neighbours());
    this.#publisher.connection(c.peer, false);
    this.#forwardPeer(c.peer);
    this.dialer.hurry(c.peer, now);
    this.#log('connection-down', { peer: c.hello.name, id: c.peer, reason });
  }

  #onRefused(fx: ConnectionFx & { kind: 'refused' }, now: Millis): void {
    const target = this.dialer.targetOf(fx.conn);
    const isFinal = fx.why === 'self' || fx.why === 'not-mesh';
    this.dialer.failed(fx.conn, fx.reason, isFinal, now);
    if (target === undefined) return;
    if (fx.why === 'failed') this.#answer(target, { note: `${fx.reason}; it is dialled until forgotten` });
    else this.#refuseTarget(target, fx.reason);
    this.#log('dial-refused', { target, reason: fx.reason });
  }

  #onDialFailed(conn: number, reason: string, unresolvable: boolean, now: Millis): void {
    const target = this.dialer.targetOf(conn);
    this.dialer.failed(conn, reason, false, now);
    if (target === undefined) return;
    if (unresolvable) this.#refuseTarget(target, reason);
    else this.#answer(target, { note: `${reason}; it is dialled until forgotten` });
  }

  /** To a person who waits: refused, and nothing changed. A target of `launch` is kept: names may resolve later. */
  #refuseTarget(text: string, reason: string): void {
    if (!this.#waiting.has(text)) return;
    this.dialer.removeTarget(text);
    this.#fx.push({ kind: 'persist', what: 'targets' });
    this.#answer(text, { refused: reason });
  }

  #answer(target: string, result: { refused?: string; note?: string }): void {
    const w = this.#waiting.get(target);
    if (w === undefined) return;
    this.#waiting.delete(target);
    this.#fx.push({ kind: 'connectResult', request: w.request, ...result });
  }

  #onConnect(target: Target, request: number | undefined, now: Millis): void {
    this.dialer.addTarget(target, now);
    this.#fx.push({ kind: 'persist', what: 'targets' });
    if (request === undefined) return;
    this.#waiting.set(target.text, { request, until: (now + CONNECT_WAIT_MS) as Millis });
    const known = this.dialer.targets().find((t) => t.text === target.text)?.peer;
    if (known !== undefined && this.#isConnected(known)) this.#answer(target.text, {});
  }

  #onFrame(from: PeerId, type: number, body: Uint8Array, now: Millis): void {
    const got = this.#exchange.frame(from, type, body, this.#neighbours(), now);
    got.drops.forEach((reason) => this.countDrop(reason));
    this.#learn(got.changes, now);
    this.#frames(got.out);
    if (got.inStep) this.#settle();
    if (got.aheadOf !== undefined) this.#fx.push({ kind: 'raiseIncarnation', above: got.aheadOf });
  }

  #onMember(m: Member, now: Millis): void {
    this.#onState(m.peer, this.book.member(m.peer, m.status, now), now);
    if (m.status === 'faulty') this.#onConnections(this.connections.drop(m.peer, 'the peer is faulty'), now);
  }

  #onState(peer: PeerId, state: PeerState | undefined, now: Millis): void {
    if (state === undefined) return;
    this.topology.hidden(peer, state === 'faulty' || state === 'left');
    if (state === 'left') this.dialer.removePeer(peer);
    if (state === 'faulty') this.dialer.hurry(peer, now);
    this.#forwardPeer(peer);
    this.#log(`peer-${state}`, { peer: this.book.name(peer), id: peer });
  }

  #onReport(report: DatapathReport, now: Millis): void {
    if (report.kind !== 'path') return;
    this.#publisher.path(report.path, now);
    if (report.path.state === 'down') this.#onConnections(this.connections.challenge(report.path.peer, now), now);
  }

  #onEnding(state: 'stopped' | 'left', now: Millis): void {
    if (state === 'left') for (const e of this.local.all()) this.#claim(this.local.withdraw(e.id), now);
    if (state === 'left') this.#publisher.gone(this.self, this.options.incarnation, 'left');
    this.#publisher.peer(this.options.addresses, state);
    this.#frames(this.#exchange.push(this.#neighbours()));
  }

  #announce(endpoint: LocalEndpoint, fresh: boolean, now: Millis): void {
    const ips = [...new Set([...endpoint.ips, linkLocalOf(endpoint.mac)])];
    this.#claim(this.local.announce({ ...endpoint, ips }, fresh), now);
    if (fresh && (this.#hasMet || this.options.founds)) this.#publisher.pin(endpoint.network, this.claims);
  }

  #claim(puts: readonly ClaimPut[], now: Millis): void {
    for (const p of puts) this.#put(p.network, p.key, p.value, p.seq, now);
  }

  #hello(): Hello {
    const { self: id, publicKey, name, incarnation, port, launch, softwareVersion } = this.options;
    return { id, publicKey, name, incarnation, port, launch, softwareVersion, dialled: undefined };
  }

  /** Straight to a peer that we are connected to, else to the next hop, else where it was last known to be. */
  readonly #way = (to: PeerId): SocketAddress | undefined => {
    const hop = this.connections.of(this.topology.nextHop(to) ?? to);
    return hop === undefined ? this.book.controlAddresses(to)[0] : { ip: hop.remote.ip, port: hop.hello.port };
  };

  #foundNetwork(now: Millis): void {
    const { name, definition } = this.options.network;
    if (this.network(name) !== undefined) return;
    this.#publisher.network(name, definition, this.options.founds ? 2 : 1);
    this.#learn([], now);
  }

  /** The one way into our own streams: what we say, we believe at once. */
  #put(topic: Topic, key: string, value: Uint8Array | undefined, seq: number, now: Millis): void {
    const change = this.store.put(topic, key, value, seq);
    if (change !== undefined) this.#learn([change], now);
  }

  #learn(changes: Iterable<RecordChange>, now: Millis): void {
    const deltas: ForwardingDelta[] = [];
    for (const change of changes) for (const delta of this.#apply(change, now)) deltas.push(delta);
    if (deltas.length > 0) this.#fx.push({ kind: 'forward', deltas });
    this.#fx.push(PERSIST);
  }

  #apply(change: RecordChange, now: Millis): ForwardingDelta[] {
    const key = parseKey(change.key);
    if (key === undefined) return [];
    switch (key.kind) {
      case 'peer':
        if (change.owner !== this.self) this.#onPeerRecord(change, now);
        return [];
      case 'conn':
        if (change.owner !== this.self) this.#onEdge(change.owner, key.peer, change.deleted);
        return [];
      case 'net':
        return this.#onNetwork(key.name, change);
      case 'gone':
        this.#onGone(key.peer, change, now);
        return [];
      case 'mac':
      case 'ip':
        return this.#onClaim(change, now);
    }
  }

  #onPeerRecord(change: RecordChange, now: Millis): void {
    const record = change.value === undefined ? undefined : decodePeer(change.value);
    if (typeof record === 'string') return this.countDrop(`peer-record-${record}`);
    this.#onState(change.owner, this.book.record(change.owner, record, now), now);
    const isWanted = record !== undefined && record.state !== 'left';
    const dueAt = (now + (this.self < change.owner ? 0 : CROSS_DIAL_HEADSTART_MS)) as Millis;
    if (isWanted) this.dialer.addPeer(change.owner, this.#foreign(this.book.controlAddresses(change.owner)), dueAt);
    this.#forwardPeer(change.owner);
  }

  #onEdge(owner: PeerId, peer: PeerId, isGone: boolean): void {
    const edges = this.#edges.get(owner) ?? new Set<PeerId>();
    this.#edges.set(owner, edges);
    if (isGone) edges.delete(peer);
    else edges.add(peer);
    this.topology.setEdges(owner, edges);
  }

  /** Shared records survive their writer because everyone keeps a copy of what won under its own name. */
  #onNetwork(network: NetworkName, change: RecordChange): ForwardingDelta[] {
    for (const { winner } of this.claims.apply(change)) {
      if (winner === undefined) return [{ kind: 'network', network, value: undefined }];
      if (winner.owner !== this.self) this.#publisher.adopt(change.key, winner);
      const n = this.network(network);
      if (n !== undefined) return [{ kind: 'network', network, value: { vni: n.vni, mtu: n.mtu } }];
    }
    return [];
  }

  #onGone(peer: PeerId, change: RecordChange, now: Millis): void {
    for (const { winner } of this.claims.apply(change)) {
      const record = winner === undefined ? 'none' : decodeGone(winner.value);
      if (typeof record === 'string') continue;
      if (winner!.owner !== this.self) this.#publisher.adopt(change.key, winner!);
      if (peer !== this.self) this.#purge(peer, record.incarnation, record.why, now);
    }
  }

  #purge(peer: PeerId, incarnation: number, why: 'left' | 'forgotten', now: Millis): void {
    if (this.#incarnationOf(peer) > incarnation) return;
    const old = this.book.get(peer)?.record;
    this.dialer.removePeer(peer);
    this.#onConnections(this.connections.drop(peer, why === 'left' ? 'it left the mesh' : 'it was forgotten'), now);
    this.#learn(this.store.forget(peer), now);
    this.#edges.delete(peer);
    this.topology.removePeer(peer);
    this.#fx.push({ kind: 'swimForget', peer });
    if (why === 'left' && old !== undefined)
      this.#onState(peer, this.book.record(peer, { ...old, state: 'left' }, now), now);
    else this.book.forget(peer);
    this.#fx.push({ kind: 'forward', deltas: [{ kind: 'peer', peer, value: undefined }] });
  }

  #onClaim(change: RecordChange, now: Millis): ForwardingDelta[] {
    const network = change.topic as NetworkName;
    const deltas = this.forwarding.apply(change);
    const winner = this.claims.holderOf(network, change.key);
    if (change.owner !== this.self && this.store.get(this.self, network, change.key) !== undefined) {
      if (winner === undefined) this.#claim(this.local.reclaim(network, change.key), now);
      else if (winner.owner !== this.self)
        this.#fx.push({ kind: 'claimLost', network, key: change.key, to: winner.owner });
    }
    return deltas;
  }

  #forwardPeer(peer: PeerId): void {
    const value = this.book.forward(peer, this.#isConnected(peer));
    if (value !== undefined) this.#fx.push({ kind: 'forward', deltas: [{ kind: 'peer', peer, value }] });
  }

  /** In which launch a peer wrote the latest that we have of it; 0 if we have nothing. */
  #incarnationOf(peer: PeerId): number {
    return incarnationOf(this.store.head(peer, 'core'));
  }

  #settle(): void {
    if (this.#settled || this.#started === undefined) return;
    this.#settled = true;
    this.#fx.push({ kind: 'settled' });
  }

  #frames(out: readonly FrameOut[]): void {
    for (const f of out)
      for (const fx of this.connections.send(f.to, f.type, f.body)) if (fx.kind === 'send') this.#fx.push(fx);
  }

  #fxPush(fx: readonly RouterEffect[]): void {
    this.#fx.push(...fx);
  }

  /** Hostile or unlucky input: counted, by reason, and shown by `status`. */
  countDrop(reason: string): void {
    this.drops.set(reason, (this.drops.get(reason) ?? 0) + 1);
  }

  #log(event: string, fields: Readonly<Record<string, string | number>>): void {
    this.#fx.push({ kind: 'log', event, fields });
  }

  #neighbours(): readonly PeerId[] {
    return this.connections.all().map((c) => c.peer);
  }

  #isConnected(peer: PeerId): boolean {
    return this.connections.of(peer) !== undefined;
  }

  /** Addresses that are not ours: behind the same docker0 everywhere, a peer's address may be our own. */
  #foreign(addresses: readonly SocketAddress[]): readonly SocketAddress[] {
    const own = new Set(this.options.addresses.map((a) => `${a.ip} ${a.port}`));
    return addresses.filter((a) => !own.has(`${a.ip} ${a.port}`));
  }
}
