// What routers agree on for their datapaths, peer by peer: keys (session/) and ways through others (relay/).
import type { Connection } from './connection/connections.js';
import type { Random } from './core.js';
import { RelayPlane, type RelayRequest } from './relay/relay-plane.js';
import type { HopSearch, RelayFx } from './relay/shared.js';
import { SessionPlane, type SessionRequest } from './session/session-plane.js';
import type { SessionFx } from './session/side.js';
import type { Trust } from './trust/trust.js';
import type { Millis, PeerId } from './types.js';
import type { GoneRecord } from './wire/records.js';
import { FrameType } from './wire/stream.js';

export type PlaneRequest =
  /** There is a sleeve here: before the first session is wanted. `aes`: it seals AES in hardware. */
  { readonly kind: 'sessions'; readonly aes: boolean } | SessionRequest | RelayRequest;

export interface PlanesHooks {
  /** The neighbour by which a peer is reached, itself if there is a connection to it; undefined: there is no way. */
  hop(to: PeerId): PeerId | undefined;
  /** @see Topology.hopsForData */
  hopsForData(to: PeerId, search: HopSearch): readonly PeerId[];
  /** Is it a peer that we have heard of? */
  knows(peer: PeerId): boolean;
  /** Who we are, and the secrets of the mesh, now. */
  trust(this: void): Trust;
  /** Of a peer that there is a connection to. */
  launchOf(peer: PeerId): Uint8Array | undefined;
  send(neighbour: PeerId, type: number, body: Uint8Array): void;
  emit(fx: SessionFx | RelayFx): void;
  drop(reason: string): void;
}

export class Planes {
  readonly #sessions: SessionPlane;
  readonly #relays: RelayPlane;
  readonly #hooks: PlanesHooks;

  constructor(self: PeerId, random: Random, hooks: PlanesHooks) {
    const to = (type: number) => ({
      ...hooks,
      send: (neighbour: PeerId, body: Uint8Array): void => hooks.send(neighbour, type, body),
    });
    this.#hooks = hooks;
    this.#sessions = new SessionPlane(self, random, to(FrameType.session));
    this.#relays = new RelayPlane(self, random, to(FrameType.relay));
  }

  /** @see Relays.held */
  get relaysHeld(): RelayPlane['held'] {
    return this.#relays.held;
  }

  nextDeadline(): Millis | undefined {
    const all = [this.#sessions.nextDeadline(), this.#relays.nextDeadline()].filter((at) => at !== undefined);
    return all.length === 0 ? undefined : (Math.min(...all) as Millis);
  }

  request(ev: PlaneRequest, now: Millis): void {
    switch (ev.kind) {
      case 'sessions':
        this.#sessions.enable({ trust: this.#hooks.trust, aes: ev.aes });
        return this.#relays.enable(this.#hooks.trust().entropy, now);
      case 'sessionWanted':
      case 'sessionWorn':
        return this.#sessions.asked(ev, this.#hooks.launchOf(ev.peer), now);
      case 'relayWanted':
      case 'relayFailed':
        return this.#relays.asked(ev, now);
    }
  }

  /** What any event of the router may have made due. */
  act(topologyVersion: number, now: Millis): void {
    this.#sessions.act(topologyVersion, now);
    this.#relays.act(topologyVersion, now);
  }

  /** @returns was it a frame of theirs? */
  received(from: PeerId, type: number, body: Uint8Array, now: Millis): boolean {
    if (type === FrameType.session) this.#sessions.received(from, body, now);
    else if (type === FrameType.relay) this.#relays.received(from, body, now);
    else return false;
    return true;
  }

  up({ peer, hello }: Connection, now: Millis): void {
    this.#sessions.handle({ kind: 'up', peer, launch: hello.launch }, now);
    this.#relays.up(peer, hello.launch, now);
  }

  /** The topology knows of it already. */
  down(neighbour: PeerId, now: Millis): void {
    this.#sessions.down(neighbour);
    this.#relays.down(neighbour, now);
  }

  gone(peer: PeerId, why: GoneRecord['why'], now: Millis): void {
    this.#sessions.handle({ kind: 'gone', peer, reason: why }, now);
    this.#relays.gone(peer, now);
  }
}
