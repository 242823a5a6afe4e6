// The shell around RouterCore: sockets, membership, timers and the disk. It decides nothing.
import { parseHostPort } from '../address.js';
import type { Clock, Random } from '../core.js';
import type { RelayFx } from '../relay/shared.js';
import { RouterCore } from '../router.js';
import type { RouterEffect, RouterEvent } from '../router-events.js';
import type { RouterOptions } from '../router-options.js';
import type { SessionFx } from '../session/side.js';
import type { Secrets } from '../trust/secrets.js';
import type { Membership, MembershipHooks } from '../swim/membership.js';
import type { ForwardingDelta, Millis, NetworkName, PeerId } from '../types.js';
import type { Network, NetworkEvent, NetworkSink } from './network.js';
import { Runtime, systemClock } from './runtime.js';

/** What the router does to the world besides talking to peers. */
export interface RouterHooks {
  forward(deltas: readonly ForwardingDelta[]): void;
  /** @see Datapath.settled */
  settled(): void;
  persist(what: 'cache' | 'targets'): void;
  /** To disk, synced, before it returns. @returns the incarnation that is now in force, above the given one */
  raiseIncarnation(above: number): number;
  /** To disk, synced, before it returns. @throws nothing: what cannot be written holds in memory */
  keepSecrets?(secrets: Secrets): void;
  claimLost(network: NetworkName, key: string, to: PeerId): void;
  log(event: string, fields: Readonly<Record<string, string | number>>): void;
  /** @see Datapath.idle */
  idle?(peer: PeerId, isIdle: boolean): void;
  /** For whoever wanted sessions. */
  session?(fx: SessionFx): void;
  /** For whoever wanted ways through others, or is to be one. */
  relay?(fx: RelayFx): void;
}

export interface RouterWorld {
  readonly network: (sink: NetworkSink) => Network;
  readonly membership: (hooks: MembershipHooks) => Membership;
  readonly hooks: RouterHooks;
  readonly clock?: Clock;
  readonly random: Random;
}

/** `refused`: nothing was changed. `note`: kept, and has not answered yet. */
export interface ConnectOutcome {
  readonly refused?: string;
  readonly note?: string;
}

const ADDRESSES_EVERY_MS = 10_000;
const LAST_WORDS_MS = 150; // what was written to the sockets leaves within this, or the peer is not there

export class Router {
  readonly core: RouterCore;
  readonly network: Network;
  readonly #runtime: Runtime<RouterEvent, RouterEffect>;
  readonly #membership: Membership;
  readonly #hooks: RouterHooks;
  readonly #clock: Clock;
  readonly #requests = new Map<number, (outcome: ConnectOutcome) => void>();
  #nextRequest = 1;
  #stopAddresses: () => void = () => undefined;
  #refreshAddresses: () => readonly RouterOptions['addresses'][number][] = () => [];

  constructor(options: RouterOptions, world: RouterWorld) {
    this.#hooks = world.hooks;
    this.#clock = world.clock ?? systemClock;
    this.core = new RouterCore(options, this.#clock.now());
    this.#runtime = new Runtime<RouterEvent, RouterEffect>(this.core, (fx) => this.#perform(fx), this.#clock);
    this.network = world.network((ev) => this.#onNetwork(ev));
    this.#membership = world.membership({
      send: (to, payload) => this.dispatch({ kind: 'swimSend', to, payload: payload.slice() }),
      onChange: (member) => this.dispatch({ kind: 'member', member }),
      onRefute: (incarnation) => void this.#hooks.raiseIncarnation(incarnation - 1),
      onDrop: (reason) => this.core.countDrop(`swim-${reason}`),
      heardAt: (peer) => this.core.connections.heardAt(peer),
    });
  }

  get now(): Millis {
    return this.#clock.now();
  }

  dispatch(ev: RouterEvent): void {
    this.#runtime.dispatch(ev);
  }

  /** Begins to speak. All endpoints have been announced, the network listens. */
  start(addresses: () => RouterOptions['addresses']): void {
    this.#membership.start();
    this.dispatch({ kind: 'started' });
    this.#refreshAddresses = () => [...addresses()];
    this.#watchAddresses();
  }

  /** @param text `HOST[:PORT]`, well-formed */
  connect(text: string, defaultPort: number): Promise<ConnectOutcome> {
    const split = parseHostPort(text, defaultPort);
    if (split === undefined) return Promise.resolve({ refused: 'it is not HOST, HOST:PORT or [IPV6]:PORT' });
    const request = this.#nextRequest++;
    return new Promise((resolve) => {
      this.#requests.set(request, resolve);
      this.dispatch({ kind: 'connect', target: { text, ...split }, request });
    });
  }

  /** Says goodbye and falls silent. The kernel goes on. */
  async stop(state: 'stopped' | 'left'): Promise<void> {
    this.#stopAddresses();
    this.dispatch({ kind: 'ending', state });
    if (state === 'left') this.#membership.leave();
    await new Promise<void>((resolve) => void this.#clock.after(LAST_WORDS_MS, resolve));
    this.#membership.close();
    this.#runtime.close();
    await this.network.stop();
  }

  /** As `kill -9` leaves it: nothing is said, every timer is gone. For tests, and for the end after a bug. */
  abandon(): void {
    this.#stopAddresses();
    this.#membership.close();
    this.#runtime.close();
    void this.network.stop();
  }

  #watchAddresses(): void {
    let told = '';
    const look = (): void => {
      const addresses = this.#refreshAddresses();
      const text = JSON.stringify(addresses);
      if (told !== '' && told !== text) this.dispatch({ kind: 'addresses', addresses });
      told = text;
      this.#stopAddresses = this.#clock.after(ADDRESSES_EVERY_MS, look);
    };
    look();
  }

  #onNetwork(ev: NetworkEvent): void {
    if (ev.kind !== 'dialFailed') return this.dispatch(ev);
    this.dispatch({
      kind: 'dialFailed',
      conn: ev.conn,
      reason: ev.sentence,
      unresolvable: ev.reason === 'unresolvable',
    });
  }

  #perform(fx: RouterEffect): void {
    switch (fx.kind) {
      case 'dial':
        return this.network.dial(fx.conn, fx.host, fx.port, fx.timeoutMs);
      case 'send':
        return this.network.send(fx.conn, fx.bytes);
      case 'close':
        return this.network.close(fx.conn);
      case 'sendDatagram':
        return this.network.sendDatagram(fx.to, fx.bytes);
      case 'swimReceive':
        return this.#membership.receive(fx.from, fx.payload);
      case 'swimSync':
        return this.#membership.sync(fx.peers);
      case 'swimForget':
        return this.#membership.forget(fx.peer);
      case 'forward':
        return this.#hooks.forward(fx.deltas);
      case 'peerIdle':
        return this.#hooks.idle?.(fx.peer, fx.isIdle);
      case 'settled':
        return this.#hooks.settled();
      case 'persist':
        return this.#hooks.persist(fx.what);
      case 'keepSecrets':
        return this.#hooks.keepSecrets?.(fx.secrets);
      case 'raiseIncarnation':
        return this.dispatch({ kind: 'raised', incarnation: this.#hooks.raiseIncarnation(fx.above) });
      case 'connectResult':
        return this.#answer(fx.request, fx);
      case 'claimLost':
        return this.#hooks.claimLost(fx.network, fx.key, fx.to);
      case 'session':
      case 'sessionConfirmed':
      case 'sessionLost':
        return this.#hooks.session?.(fx);
      case 'relayWay':
      case 'relayRule':
        return this.#hooks.relay?.(fx);
      case 'log':
        return this.#hooks.log(fx.event, fx.fields);
    }
  }

  #answer(request: number, fx: ConnectOutcome): void {
    this.#requests.get(request)?.(fx);
    this.#requests.delete(request);
  }
}
