// What the records mean: every change of a record, ours or another's, passes here once and moves the state it is about.
import { Backlog } from './backlog.js';
import { Forwarding, type ClaimKey } from './forwarding.js';
import type { RecordChange } from './gossip/chain.js';
import type { Claims } from './gossip/claims.js';
import { incarnationOf, MAX_INCARNATION, type RecordStore } from './gossip/store.js';
import { Topology } from './gossip/topology.js';
import { LocalEndpoints, type ClaimPut, type LocalEndpoint } from './local-endpoints.js';
import { PeerBook, type PeerState } from './peer-book.js';
import { Publisher, type Identity } from './publisher.js';
import type { RouterEffect } from './router-events.js';
import type { RouterOptions } from './router-options.js';
import type { EndpointId, ForwardingDelta, Millis, NetworkName, PeerForward, PeerId, SocketAddress } from './types.js';
import type { Topic } from './wire/block.js';
import {
  decodeConn,
  decodeEvicted,
  decodeGone,
  decodeNet,
  decodePeer,
  decodeSecret,
  evictedKey,
  goneKey,
  netKey,
  parseKey,
  type GoneRecord,
  type NetRecord,
  type PeerRecord,
} from './wire/records.js';

export type PurgeReason = GoneRecord['why'] | 'evicted';

/** What follows for others. `forward` deltas come in the order in which they hold. */
export interface LedgerHooks {
  emit(fx: RouterEffect): void;
  forward(delta: ForwardingDelta): void;
  isConnected(peer: PeerId): boolean;
  /** The peer published itself, or its record is gone. */
  peerChanged(peer: PeerId, isWanted: boolean, now: Millis): void;
  /** In which launch the peer runs, by its own word. */
  launched(peer: PeerId, launch: Uint8Array, incarnation: number): void;
  /** Its state changed, by its own word or membership's. */
  stateChanged(peer: PeerId, state: PeerState, now: Millis): void;
  /** It says that it has this secret; undefined: it says nothing of the kind. */
  secretPublished(peer: PeerId, keyId: string | undefined, now: Millis): void;
  /** Nothing of it is kept. */
  purged(peer: PeerId, why: PurgeReason, now: Millis): void;
  drop(reason: string): void;
}

export interface LedgerOptions extends Identity {
  readonly self: PeerId;
  readonly store: RecordStore;
  readonly claims: Claims;
}

type Recalled = Pick<RouterOptions, 'remotes' | 'addresses' | 'network' | 'founds'>;

export class Ledger {
  readonly book = new PeerBook();
  readonly claims: Claims;
  readonly topology: Topology;
  readonly forwarding: Forwarding;
  readonly local: LocalEndpoints;
  readonly publisher: Publisher;
  /** Our `core` stream has news that nobody was told. */
  isCoreDirty = false;
  readonly #self: PeerId;
  readonly #store: RecordStore;
  readonly #hooks: LedgerHooks;
  /** When the event in hand happened: `put` may come from deep below it. */
  #now: Millis;
  readonly #backlog = new Backlog();
  /** What we say of ourselves. */
  #own: PeerRecord | undefined;

  constructor(options: LedgerOptions, hooks: LedgerHooks, now: Millis) {
    this.#self = options.self;
    this.#store = options.store;
    this.#hooks = hooks;
    this.#now = now;
    this.claims = options.claims;
    this.topology = new Topology(this.#self);
    this.forwarding = new Forwarding(this.#self, this.claims);
    this.local = new LocalEndpoints(this.#self, this.claims, (net, key) => this.#store.get(this.#self, net, key)?.seq);
    this.publisher = new Publisher(options, (topic, key, value, seq) => this.put(topic, key, value, seq));
  }

  /** Takes in what the disk remembers, then adds what we say of ourselves. Once, before anything else. */
  recall({ remotes, addresses, network, founds }: Recalled, now: Millis): void {
    for (const [peer, r] of remotes)
      for (const ip of [r.v4, r.v6]) if (ip !== undefined) this.book.reachedAt(peer, ip, now);
    // Who is gone first: of them nothing else is learnt.
    this.learn([...this.#store.everything()].filter(isGone), now);
    this.learn(
      [...this.#store.everything()].filter((change) => !isGone(change)),
      now,
    );
    this.publisher.peer(addresses, 'running');
    if (this.network(network.name) === undefined)
      this.publisher.network(network.name, network.definition, founds ? 2 : 1);
  }

  /** The one way into our own streams: what we say, we believe at once. */
  put(topic: Topic, key: string, value: Uint8Array | undefined, seq: number): void {
    const change = this.#store.put(topic, key, value, seq);
    if (change === undefined) return;
    if (topic === 'core') this.isCoreDirty = true;
    this.learn([change], this.#now);
  }

  /** What others published: it is learnt in its turn, by `catchUp`. */
  hear(changes: Iterable<RecordChange>): void {
    this.#backlog.push(changes);
  }

  /** Has all that was heard been learnt? Until then the claims are behind the store. */
  get isCaughtUp(): boolean {
    return this.#backlog.isEmpty;
  }

  /** Learns what was heard, at most `limit` changes of it. */
  catchUp(now: Millis, limit = Infinity): void {
    if (this.#backlog.isEmpty) return;
    this.#now = now;
    for (let i = 0; i < limit; i++) {
      const change = this.#backlog.next();
      if (change === undefined) break;
      this.#apply(change);
    }
    this.#hooks.emit({ kind: 'persist', what: 'cache' });
  }

  learn(changes: Iterable<RecordChange>, now: Millis): void {
    this.#now = now;
    for (const change of changes) this.#apply(change);
    this.#hooks.emit({ kind: 'persist', what: 'cache' });
  }

  /** A network's definition as all agree on it; undefined if nobody has told of it. */
  network(name: NetworkName): NetRecord | undefined {
    const held = this.claims.holderOf('core', netKey(name));
    const record = held === undefined ? 'none' : decodeNet(held.value);
    return typeof record === 'string' ? undefined : record;
  }

  /** Who else holds a key now, and how that peer is. */
  holder(network: NetworkName, key: string): { readonly name: string; readonly state: PeerState } | undefined {
    const owner = this.claims.holderOf(network, key)?.owner;
    if (owner === undefined || owner === this.#self) return undefined;
    return { name: this.book.name(owner), state: this.book.get(owner)?.state ?? 'suspect' };
  }

  /** @see LocalEndpoints.announce. @param isOurs this router is of the mesh that the network is used in, or founded it */
  announce(endpoint: LocalEndpoint, fresh: boolean, isOurs: boolean): void {
    this.#claim(this.local.announce({ ...endpoint, ips: [...new Set(endpoint.ips)] }, fresh));
    if (fresh && isOurs) this.publisher.pin(endpoint.network, this.claims);
  }

  withdraw(id: EndpointId): void {
    this.#claim(this.local.withdraw(id));
  }

  /** Once the others' claims are known: what is ours and outranked by a tombstone alone is claimed again. */
  reclaim(): void {
    for (const { topic, key, outranked } of this.claims.losersOf(this.#self))
      if (outranked) this.#claim(this.local.reclaim(topic as NetworkName, key));
  }

  /** Says that all a peer has written is gone. Said again, it takes back nothing of what was said before. */
  forget(peer: PeerId): void {
    const held = this.claims.holderOf('core', goneKey(peer));
    const said = held === undefined ? 'none' : decodeGone(held.value);
    const incarnation = typeof said === 'string' ? 1 : said.incarnation;
    this.publisher.gone(peer, Math.max(incarnation, this.incarnationOf(peer)), 'forgotten');
  }

  /** Puts a peer out of the mesh for good, whatever it says and whoever it reaches. Not ourselves. */
  evict(peer: PeerId): void {
    this.publisher.evicted(peer, this.book.name(peer));
  }

  isEvicted(peer: PeerId): boolean {
    return this.claims.holderOf('core', evictedKey(peer)) !== undefined;
  }

  /** In which launch a peer wrote the latest that we have of it; 0 if we have nothing. */
  incarnationOf(peer: PeerId): number {
    return incarnationOf(this.#store.head(peer, 'core'));
  }

  /** Tells the datapath where the peer is now. */
  forwardPeer(peer: PeerId): void {
    const value = this.book.forward(peer, this.#hooks.isConnected(peer));
    if (value === undefined) return;
    // Of a peer that we were until our disk was lost the frames would come back to us.
    this.#hooks.forward({ kind: 'peer', peer, value: this.#isHere(value) ? undefined : value });
  }

  #isHere({ v4, v6 }: PeerForward): boolean {
    const isOurs = ({ ip }: SocketAddress): boolean =>
      [v4, v6].some((at) => at?.ip === ip && at.port === this.#own?.vxlanPort);
    return this.#own?.addresses.some(isOurs) ?? false;
  }

  #claim(puts: readonly ClaimPut[]): void {
    for (const p of puts) this.put(p.network, p.key, p.value, p.seq);
  }

  #apply(change: RecordChange): void {
    const key = parseKey(change.key);
    switch (key?.kind) {
      case undefined:
        return; // of a later version: relayed, kept, not understood
      case 'peer':
        return this.#onPeer(change);
      case 'conn':
        return this.#onEdge(change, key.peer);
      case 'net':
        return this.#onNetwork(key.name, change);
      case 'gone':
        return this.#onGone(key.peer, change);
      case 'evicted':
        return this.#onEvicted(key.peer, change);
      case 'secret':
        return this.#onSecret(change);
      case 'mac':
      case 'ip':
        return this.#onClaim(change, key);
    }
  }

  #onPeer(change: RecordChange): void {
    const record = change.value === undefined ? undefined : decodePeer(change.value);
    if (typeof record === 'string') return this.#hooks.drop(`peer-record-${record}`);
    if (change.owner === this.#self) return this.#onOwnPeer(record);
    if (record?.launch) this.#hooks.launched(change.owner, record.launch, this.incarnationOf(change.owner));
    const state = this.book.record(change.owner, record, this.#now);
    if (state !== undefined) this.#hooks.stateChanged(change.owner, state, this.#now);
    this.#hooks.peerChanged(change.owner, record !== undefined && record.state !== 'left', this.#now);
    this.forwardPeer(change.owner);
  }

  #onOwnPeer(record: PeerRecord | undefined): void {
    this.#own = record;
    for (const peer of this.book.ids()) this.forwardPeer(peer); // another may be at our address now, or no longer
  }

  #onSecret({ owner, value }: RecordChange): void {
    const record = value === undefined ? undefined : decodeSecret(value);
    if (typeof record === 'string') return this.#hooks.drop(`secret-record-${record}`);
    this.#hooks.secretPublished(owner, record?.keyId, this.#now);
  }

  #onEdge({ owner, value }: RecordChange, peer: PeerId): void {
    const conn = value === undefined ? undefined : decodeConn(value);
    const overlay = typeof conn === 'object' ? conn.overlay : 'none';
    this.topology.setCarries(owner, peer, overlay === 'vxlan' || overlay === 'sleeve');
    if (owner === this.#self) return; // of ours, the connections themselves speak
    this.topology.setEdge(owner, peer, value !== undefined);
  }

  /** Shared records survive their writer because everyone keeps a copy of what won under its own name. */
  #onNetwork(network: NetworkName, change: RecordChange): void {
    for (const { winner } of this.claims.apply(change)) {
      if (winner !== undefined && winner.owner !== this.#self) this.publisher.adopt(change.key, winner);
      const n = this.network(network);
      this.#hooks.forward({ kind: 'network', network, value: n && { vni: n.vni, mtu: n.mtu } });
    }
  }

  #onGone(peer: PeerId, change: RecordChange): void {
    for (const { winner } of this.claims.apply(change)) {
      if (winner === undefined) continue;
      const record = decodeGone(winner.value);
      if (typeof record === 'string') return this.#hooks.drop(`gone-record-${record}`);
      if (winner.owner !== this.#self) this.publisher.adopt(change.key, winner);
      // Said to be gone while we run, by somebody who could not hear us: we begin anew, above it.
      if (peer === this.#self && winner.owner !== this.#self)
        this.#hooks.emit({ kind: 'raiseIncarnation', above: record.incarnation });
      if (peer !== this.#self) this.#purge(peer, record);
    }
  }

  /** Once said it holds: no tombstone takes it back and no sequence outranks it, for the evicted could write either. */
  #onEvicted(peer: PeerId, change: RecordChange): void {
    if (change.value === undefined || this.isEvicted(peer)) return;
    const record = decodeEvicted(change.value);
    if (typeof record === 'string') return this.#hooks.drop(`evicted-record-${record}`);
    this.claims.apply({ ...change, seq: 1 });
    if (peer === this.#self) return;
    if (change.owner !== this.#self) this.publisher.evicted(peer, record.name);
    this.#purge(peer, { incarnation: MAX_INCARNATION, why: 'evicted' });
  }

  #purge(peer: PeerId, { incarnation, why }: Pick<GoneRecord, 'incarnation'> & { readonly why: PurgeReason }): void {
    const old = this.book.get(peer)?.record;
    this.catchUp(this.#now); // what goes must have come
    this.learn(this.#store.forget(peer, incarnation), this.#now);
    if (this.incarnationOf(peer) > incarnation) return; // it is back already
    this.topology.removePeer(peer);
    if (why === 'left' && old !== undefined) this.book.record(peer, { ...old, state: 'left' }, this.#now);
    else this.book.forget(peer);
    this.#hooks.forward({ kind: 'peer', peer, value: undefined });
    this.#hooks.purged(peer, why, this.#now);
  }

  #onClaim(change: RecordChange, key: ClaimKey): void {
    const network = change.topic as NetworkName;
    for (const delta of this.forwarding.apply(change, key)) this.#hooks.forward(delta);
    if (change.owner === this.#self || this.#store.get(this.#self, network, change.key) === undefined) return;
    const winner = this.claims.holderOf(network, change.key);
    if (winner === undefined) this.#claim(this.local.reclaim(network, change.key));
    else if (winner.owner !== this.#self)
      this.#hooks.emit({ kind: 'claimLost', network, key: change.key, to: winner.owner });
  }
}

const isGone = ({ key }: RecordChange): boolean => ['gone', 'evicted'].includes(parseKey(key)?.kind ?? '');
