// RouterCore: every core of the control plane wired together. Pure: what the shell runs on sockets, the simulator runs in
// virtual time. Events in, effects out (router-events.ts); reading (snapshot, ledger) changes nothing.
import { Connections, type Connection, type ConnectionFx } from './connection/connections.js';
import { Contacts } from './contacts.js';
import type { Core } from './core.js';
import { encoded, Exchange, type Exchanged, type FrameOut } from './exchange.js';
import type { RecordChange } from './gossip/chain.js';
import { EVICTED_FRAME, Farewells, PURGED } from './farewells.js';
import { KeptOut } from './kept-out.js';
import { Ledger, type LedgerHooks, type PurgeReason } from './ledger.js';
import { Neighbourhood } from './neighbourhood.js';
import { inWords, Offences } from './offences.js';
import { Outbox } from './outbox.js';
import { OwnWord, speaks } from './own-word.js';
import { Partings } from './partings.js';
import { PathTimes } from './path-times.js';
import type { PeerState } from './peer-book.js';
import { Planes } from './planes.js';
import { Reach } from './reach.js';
import { rotationHooks } from './rotation-hooks.js';
import type { RouterEffect, RouterEvent } from './router-events.js';
import type { RouterOptions } from './router-options.js';
import { Settling } from './settling.js';
import { SwimCarrier } from './swim-carrier.js';
import { Datagrams } from './trust/datagrams.js';
import { Rotation } from './trust/rotation.js';
import { Strangers } from './trust/strangers.js';
import type { Trust } from './trust/trust.js';
import type { Member } from './swim/membership.js';
import type { DatapathReport, Millis, PeerId } from './types.js';
import { FrameType } from './wire/stream.js';

/** Some 3 ms of work: a peer's 100,000 endpoints arrive as one change of 300,000 records, and the event loop is not ours alone. */
const CHANGES_PER_TURN = 500;

export class RouterCore implements Core<RouterEvent, RouterEffect> {
  readonly self: PeerId;
  readonly options: RouterOptions;
  readonly ledger: Ledger;
  readonly connections: Connections;
  readonly contacts: Contacts;
  readonly neighbourhood: Neighbourhood;
  readonly drops = new Map<string, number>();
  readonly pathTimes = new PathTimes();
  readonly strangers = new Strangers();
  readonly keptOut = new KeptOut();
  readonly rotation: Rotation;
  readonly offences = new Offences();
  readonly farewells = new Farewells();
  readonly #exchange: Exchange;
  readonly #swim: SwimCarrier;
  readonly planes: Planes;
  readonly #reach: Reach;
  readonly #own: OwnWord;
  readonly #partings: Partings;
  readonly #settling = new Settling(
    () => this.options.store.ownerCount <= 1 && this.contacts.dialer.targets().length === 0,
  );
  readonly #out = new Outbox();
  #catchUpAt: Millis | undefined;
  #hasMet = false;

  /** Emits nothing yet: the first `handle` returns what follows from the disk's records as well. */
  constructor(options: RouterOptions, now: Millis) {
    this.self = options.self;
    this.options = options;
    this.connections = new Connections(
      this.self,
      (dialled) => this.#own.hello(dialled),
      (conn) => this.rotation.trustFor(conn === undefined ? undefined : this.contacts.dialer.turnOf(conn)),
      (ip) => this.ledger.book.isAddress(ip),
    );
    this.#swim = new SwimCarrier(this.self, new Datagrams(options));
    this.contacts = new Contacts(options.random);
    this.ledger = new Ledger(options, this.#ledgerHooks(), now);
    this.#own = new OwnWord(options, this.ledger);
    const isOnDemand = (peer: PeerId): boolean => this.neighbourhood.isOnDemand(peer);
    const { connections, ledger } = this;
    this.#reach = new Reach({ connections, ledger, own: () => this.#own.addresses, isOnDemand });
    this.neighbourhood = new Neighbourhood(options, this.contacts.dialer, {
      ...this.#reach.facts,
      tell: (to, body) => this.#frames([{ to, type: FrameType.spare, body }]),
      idle: (peer, isIdle) => this.#out.push({ kind: 'peerIdle', peer, isIdle }),
      close: (peer, at) => this.#onConnections(this.connections.drop(peer, 'both ends can do without'), at),
    });
    const isEdge = (a: PeerId, b: PeerId): boolean => this.ledger.topology.isEdge(a, b);
    this.#exchange = new Exchange(options.store, options.random, isEdge, now, () => this.neighbourhood.isSparse);
    this.planes = new Planes(this.self, options.random, {
      hop: (to) => this.#reach.hop(to),
      hopsForData: (to, search) => this.ledger.topology.hopsForData(to, search.passOver, search),
      knows: (peer) => this.ledger.book.has(peer),
      trust: () => this.trust,
      launchOf: (peer) => this.connections.of(peer)?.hello.launch,
      send: (to, type, body) => this.#frames([{ to, type, body }]),
      emit: (fx) => this.#out.push(fx),
      drop: (reason) => this.countDrop(reason),
    });
    this.#partings = new Partings(this, this.#out, (fx, at) => this.#onConnections(fx, at));
    const tell = (to: PeerId, body: Uint8Array): void => this.#frames([{ to, type: FrameType.rotation, body }]);
    const hooks = rotationHooks(this, this.#partings, this.#out, tell, (all) => this.#swim.datagrams.accept(all));
    this.rotation = new Rotation(this.self, options.trust, options.secrets, hooks);
    this.ledger.recall(options, now);
    this.rotation.started(now);
  }

  handle(ev: RouterEvent, now: Millis): readonly RouterEffect[] {
    if (speaks(ev)) this.ledger.catchUp(now);
    this.#event(ev, now);
    if (!this.ledger.isCaughtUp) this.#catchUpAt = now;
    if (this.#settling.hasStarted) this.#act(now);
    return this.#effects();
  }

  nextDeadline(): Millis | undefined {
    if (!this.#settling.hasStarted) return undefined;
    const all = [
      this.connections.nextDeadline(),
      this.contacts.nextDeadline(this.neighbourhood.rests),
      this.neighbourhood.nextDeadline(),
      this.planes.nextDeadline(),
      this.#exchange.nextDeadline(),
      this.ledger.publisher.nextDeadline(),
      this.ledger.book.nextDeadline(),
      this.#own.nextDeadline(),
      this.rotation.nextDeadline(),
      this.ledger.isCaughtUp ? undefined : this.#catchUpAt,
      this.#settling.nextDeadline(),
    ];
    return Math.min(...all.filter((at) => at !== undefined)) as Millis;
  }

  /** Who we are, and the keys of our mesh now. */
  get trust(): Trust {
    return this.rotation.trust;
  }

  /** In which our streams are written: that of the launch, or the one it was raised to. */
  get incarnation(): number {
    return this.#own.incarnation;
  }

  /** Has it founded a mesh or met one? Until then its idea of the networks is its own. */
  get isInMesh(): boolean {
    return this.#hasMet || this.options.founds || this.options.store.ownerCount > 1;
  }

  /** Hostile or unlucky input: counted, by reason, and shown by `status`. */
  countDrop(reason: string): void {
    this.drops.set(reason, (this.drops.get(reason) ?? 0) + 1);
  }

  #event(ev: RouterEvent, now: Millis): void {
    switch (ev.kind) {
      case 'tick':
        this.ledger.catchUp(now, CHANGES_PER_TURN);
        for (const got of this.#exchange.turn(this.#neighbours(), now)) this.#took(got, now);
        return this.#onConnections(this.connections.tick(now), now);
      case 'started':
        return this.#settling.started(now);
      case 'opened':
        return this.#onConnections(this.connections.opened(ev.conn, ev.remote, ev.outbound, now), now);
      case 'received':
        return this.#onConnections(this.connections.received(ev.conn, ev.bytes, now), now);
      case 'closed':
        return this.#onConnections(this.connections.closed(ev.conn, ev.reason, now), now);
      case 'dialFailed':
        return this.#out.pushAll(this.contacts.dialFailed(ev.conn, ev.reason, ev.unresolvable, now));
      case 'datagram':
        return this.#out.pushAll(this.#swim.receive(ev.bytes, ev.from, this.#reach, (why) => this.countDrop(why)));
      case 'swimSend':
        return this.#out.pushAll(this.#swim.send(ev.to, ev.payload, this.#reach, now));
      case 'member':
        return this.#onMember(ev.member, now);
      case 'raised':
        return this.#own.raised(ev.incarnation);
      case 'connect':
        return this.#out.pushAll(this.contacts.connect(ev.target, ev.request, this.#reach.isConnected, now));
      case 'forgetTarget':
        return this.#out.pushAll(this.contacts.forget(ev.text));
      case 'forgetPeer':
        return this.ledger.forget(ev.peer);
      case 'evict':
        return this.ledger.evict(ev.peer);
      case 'announce':
        return this.ledger.announce(ev.endpoint, ev.fresh, this.isInMesh);
      case 'withdraw':
        return this.ledger.withdraw(ev.id);
      case 'report':
        return this.#onReport(ev.report, now);
      case 'peerWanted':
        return this.neighbourhood.demand(ev.peer, ev.wanted, now);
      case 'sessions':
      case 'sessionWanted':
      case 'sessionWorn':
      case 'relayWanted':
      case 'relayFailed':
        return this.planes.request(ev, now);
      case 'rotate':
        return this.rotation.request(ev, now);
      case 'offer':
      case 'trusted':
        this.rotation.request(ev, now);
        return this.contacts.dialer.retry(now);
      case 'addresses':
        return this.#own.moved(ev.addresses);
      case 'ending':
        return this.#own.ends(ev.state);
    }
  }

  /** What every event may have made due: dials, pushes, comparisons. */
  #act(now: Millis): void {
    this.ledger.publisher.tick(now);
    for (const peer of this.ledger.book.giveUp(now)) this.#onState(peer, 'faulty', now);
    this.#frames(this.#exchange.tick(this.#neighbours(), now));
    this.#settling.tick(now);
    this.rotation.tick(now);
    if (this.#settling.isDue && this.ledger.isCaughtUp) this.ledger.reclaim();
    this.#push(now);
    this.planes.act(this.ledger.topology.version, now);
    this.neighbourhood.act(this.ledger.isCaughtUp, now);
    this.#out.pushAll(this.contacts.dialer.tick(now, this.neighbourhood.rests));
    this.#out.pushAll(this.contacts.tick(now));
  }

  #push(now: Millis): void {
    if (!this.ledger.isCaughtUp) return; // a tombstone is dropped for good only when we know whom it outranks
    const tellsCore = this.#own.isDue(now);
    this.#frames(this.#exchange.push(this.#neighbours(), (topic) => topic !== 'core' || tellsCore));
    if (tellsCore) this.#own.said(this.neighbourhood.isSparse, now);
  }

  #effects(): readonly RouterEffect[] {
    const isSettled = this.#settling.isDue && this.ledger.isCaughtUp;
    if (isSettled) this.#settling.said();
    return this.#out.take(isSettled);
  }

  #onConnections(list: readonly ConnectionFx[], now: Millis): void {
    for (const fx of list)
      switch (fx.kind) {
        case 'send': // sealed here, in the order in which it leaves
        case 'close':
          this.#out.push(fx.kind === 'close' ? fx : { kind: 'send', conn: fx.conn, bytes: fx.bytes });
          break;
        case 'up':
          this.#onStream(fx.connection, fx.isNew, now);
          break;
        case 'down':
          this.#onDown(fx.connection, fx.reason, now);
          break;
        case 'refused':
          this.#partings.refused(fx, this.rotation.dialWays, now);
          break;
        case 'frame':
          this.#onFrame(fx.peer, fx.type, fx.body, now);
          break;
        case 'drop':
          this.countDrop(fx.reason);
          break;
      }
  }

  #onUp(c: Connection, isNew: boolean, now: Millis): void {
    this.#out.pushAll(this.contacts.up(c.conn, c.peer));
    this.#hasMet = true;
    this.#swim.datagrams.learn(c.peer, c.hello.launch, c.hello.incarnation);
    this.keptOut.over();
    if (this.ledger.book.reachedAt(c.peer, c.remote.ip, now)) this.#out.push({ kind: 'persist', what: 'cache' });
    this.ledger.topology.setSelf(this.#neighbours());
    this.ledger.publisher.connection(c.peer, true);
    this.ledger.forwardPeer(c.peer);
    this.#frames(this.#exchange.up(c.peer, now));
    this.#out.push({ kind: 'swimSync', peers: [c.peer] });
    this.planes.up(c, now);
    this.neighbourhood.up(c.peer, now);
    this.rotation.up(c.peer, now);
    if (isNew) this.#out.log('connection-up', { peer: c.hello.name, id: c.peer, address: c.remote.ip });
  }

  /** A secret that an operator gave us for this mesh must not join it to another; who crashed before its cache was written knows none. */
  #onStream(c: Connection, isNew: boolean, now: Millis): void {
    const { book } = this.ledger;
    const isKnown = book.has(c.peer) || book.ids().length === 0;
    const why = this.ledger.isEvicted(c.peer) ? 'evicted' : this.rotation.turnsAway(c.peer, isKnown, now);
    if (why === undefined || (why === 'rotating' && !isNew)) return this.#onUp(c, isNew, now);
    this.#partings.turnAway(c, why, now);
  }

  #onDown(c: Connection, reason: string, now: Millis): void {
    this.#exchange.down(c.peer);
    this.rotation.down(c.peer, now);
    this.#reach.down(c.peer);
    this.ledger.topology.setSelf(this.#neighbours());
    this.planes.down(c.peer, now);
    this.ledger.publisher.connection(c.peer, false);
    this.ledger.forwardPeer(c.peer);
    this.neighbourhood.down(c.peer, c.upAt, now);
    this.#out.log('connection-down', { peer: c.hello.name, id: c.peer, reason });
  }

  #onFrame(from: PeerId, type: number, body: Uint8Array, now: Millis): void {
    if (this.planes.received(from, type, body, now)) return;
    if (type === FrameType.refuse) return this.#counted(this.#partings.heard(from, body, now));
    if (type === FrameType.spare) return this.#counted(this.neighbourhood.heard(from, body, now));
    if (type === FrameType.rotation) return this.#counted(this.rotation.received(from, body, now));
    this.#took(this.#exchange.frame(from, type, body, this.#neighbours(), now), now);
  }

  #took(got: Exchanged, now: Millis): void {
    got.drops.forEach((reason) => this.countDrop(reason));
    this.#hear(got.changes, now);
    this.#frames(got.out);
    if (got.inStep) this.#settling.inStep();
    if (got.aheadOf !== undefined) this.#out.push({ kind: 'raiseIncarnation', above: got.aheadOf });
    if (got.offence === undefined) return;
    this.offences.note(got.offence, now);
    this.#out.log(...inWords(got.offence, (peer) => this.ledger.book.name(peer)));
  }

  /** Learns at once what is little, or the beginning of it; the rest follows tick by tick. */
  #hear(changes: Iterable<RecordChange>, now: Millis): void {
    const isCaughtUp = this.ledger.isCaughtUp;
    this.ledger.hear(changes);
    if (isCaughtUp) this.ledger.catchUp(now, CHANGES_PER_TURN);
  }

  #counted(dropped: string | undefined): void {
    if (dropped !== undefined) this.countDrop(dropped);
  }

  #onMember(m: Member, now: Millis): void {
    if (this.ledger.isEvicted(m.peer)) return; // others may not have heard of it
    const state = this.ledger.book.member(m.peer, m.status, now);
    if (state !== undefined) this.#onState(m.peer, state, now);
    // A stream that stands speaks for the peer: on a starved host SWIM is wrong first.
    if (m.status !== 'faulty' || !this.#reach.isConnected(m.peer)) return;
    this.#onConnections(this.connections.challenge(m.peer, now), now);
    this.#out.push({ kind: 'swimSync', peers: [m.peer] });
  }

  #onState(peer: PeerId, state: PeerState, now: Millis): void {
    this.ledger.topology.hidden(peer, state === 'faulty' || state === 'left');
    if (state === 'left') this.neighbourhood.gone(peer, now);
    else this.neighbourhood.stateChanged(peer, state, now);
    this.ledger.forwardPeer(peer);
    this.rotation.changed(peer, now);
    // Whom we have only just heard of, nobody suspects.
    const isNew = state === 'suspect' && this.ledger.book.get(peer)?.member === undefined;
    if (!this.#settling.hasStarted || isNew) return;
    this.#out.log(`peer-${state}`, { peer: this.ledger.book.name(peer), id: peer });
  }

  #onPurged(peer: PeerId, why: PurgeReason, now: Millis): void {
    this.neighbourhood.gone(peer, now);
    this.#swim.forget(peer);
    this.pathTimes.forget(peer);
    this.offences.forget(peer);
    this.rotation.changed(peer, now);
    this.planes.gone(peer, why === 'left' ? why : 'forgotten', now);
    if (why === 'evicted') this.#out.pushAll(this.contacts.forgetAll(peer));
    if (why === 'evicted') this.#partings.part(peer, EVICTED_FRAME, PURGED.evicted, now);
    else this.#onConnections(this.connections.drop(peer, PURGED[why]), now);
    this.#out.push({ kind: 'swimForget', peer });
    this.#out.log(`peer-${why}`, { id: peer });
  }

  #onReport(report: DatapathReport, now: Millis): void {
    if (report.kind !== 'path') return; // the daemon hears of endpoints and ports
    this.ledger.publisher.path(report.path, now);
    this.pathTimes.report(report.path, now);
    const { peer, state } = report.path;
    if (state === 'down') this.#onConnections(this.connections.challenge(peer, now), now);
  }

  #ledgerHooks(): LedgerHooks {
    return {
      emit: (fx) => {
        if (!this.#own.isMoot(fx)) this.#out.push(fx);
      },
      forward: (delta) => this.#out.forward(delta),
      isConnected: (peer) => this.#reach.isConnected(peer),
      peerChanged: (peer, isThere, now) =>
        isThere ? this.neighbourhood.published(peer, now) : this.neighbourhood.gone(peer, now),
      launched: (peer, launch, incarnation) => this.#swim.datagrams.learn(peer, launch, incarnation),
      stateChanged: (peer, state, now) => this.#onState(peer, state, now),
      secretPublished: (peer, keyId, now) => this.rotation.published(peer, keyId, now),
      purged: (peer, why, now) => this.#onPurged(peer, why, now),
      drop: (reason) => this.countDrop(reason),
    };
  }

  #frames(out: readonly FrameOut[]): void {
    for (const { to, frame } of encoded(out)) this.#onConnections(this.connections.send(to, frame), 0 as Millis);
  }

  readonly #neighbours = (): readonly PeerId[] => this.connections.peers;
}
