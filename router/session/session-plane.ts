// Sessions on the control plane: their frames go out over the connection to the peer or to its next hop, and what is for
// others is handed on unread, within a hop limit and a rate for each neighbour.
import type { Random } from '../core.js';
import { TokenBucket } from '../token-bucket.js';
import type { Millis, PeerId } from '../types.js';
import { MAX_HOPS } from '../wire/datagram.js';
import { decodeSession, encodeSession, relaySession } from '../wire/session.js';
import { Sessions, type SessionOptions, type SessionsEvent } from './sessions.js';
import type { SessionFx, SideFx } from './side.js';

export interface SessionPlaneHooks {
  /** The neighbour by which a peer is reached, itself if there is a connection to it; undefined: there is no way. */
  hop(to: PeerId): PeerId | undefined;
  /** To a neighbour, as the body of a session frame. */
  send(neighbour: PeerId, body: Uint8Array): void;
  emit(fx: SessionFx): void;
  drop(reason: string): void;
}

/** What the datapath asks for. */
export type SessionRequest =
  /** It has a use for keys that it shares with the peer, or no longer. */
  | { readonly kind: 'sessionWanted'; readonly peer: PeerId; readonly wanted: boolean }
  /** The session has sealed so much that another one should take its place. */
  | { readonly kind: 'sessionWorn'; readonly peer: PeerId };

const RELAYED_PER_S = 1_000; // a hub of 300 spokes that all talk to each other renews 45,000 sessions in two minutes
const RELAYED_BURST = 2_000;

export class SessionPlane {
  readonly #self: PeerId;
  readonly #hooks: SessionPlaneHooks;
  readonly #random: Random;
  /** Undefined: this router has no use for sessions so far, and relays those of others. */
  #sessions: Sessions | undefined;
  readonly #relayed = new Map<PeerId, TokenBucket>();
  #topologyVersion = -1;

  constructor(self: PeerId, random: Random, hooks: SessionPlaneHooks) {
    this.#self = self;
    this.#random = random;
    this.#hooks = hooks;
  }

  /** From now on there are sessions for whom they are wanted with; once. */
  enable(options: SessionOptions): void {
    const reaches = (peer: PeerId): boolean => this.#hooks.hop(peer) !== undefined;
    this.#sessions ??= new Sessions(this.#self, options, this.#random, reaches);
  }

  nextDeadline(): Millis | undefined {
    return this.#sessions?.nextDeadline();
  }

  handle(ev: SessionsEvent, now: Millis): void {
    for (const fx of this.#sessions?.handle(ev, now) ?? []) this.#perform(fx);
  }

  /** @param launch of the peer, if a connection told */
  asked(ev: SessionRequest, launch: Uint8Array | undefined, now: Millis): void {
    if (ev.kind === 'sessionWorn') this.handle({ kind: 'worn', peer: ev.peer }, now);
    else this.handle({ kind: 'wanted', peer: ev.peer, wanted: ev.wanted, launch }, now);
  }

  /** What any event of the router may have made due. */
  act(topologyVersion: number, now: Millis): void {
    if (topologyVersion !== this.#topologyVersion) this.handle({ kind: 'ways' }, now);
    this.#topologyVersion = topologyVersion;
    this.handle({ kind: 'tick' }, now);
  }

  /** @param from the neighbour that sent it, which need not be its source */
  received(from: PeerId, bytes: Uint8Array, now: Millis): void {
    const frame = decodeSession(bytes);
    if (typeof frame === 'string') return this.#hooks.drop(`session-${frame}`);
    if (frame.src === this.#self) return this.#hooks.drop('session-own');
    if (frame.dst !== this.#self) return this.#relay(from, frame.dst, bytes, now);
    if (this.#sessions === undefined) return this.#hooks.drop('session-unwanted');
    this.handle({ kind: 'frame', frame }, now);
  }

  down(neighbour: PeerId): void {
    this.#relayed.delete(neighbour);
  }

  #relay(from: PeerId, to: PeerId, bytes: Uint8Array, now: Millis): void {
    const relayed = relaySession(bytes);
    const hop = this.#hooks.hop(to);
    if (relayed === 'expired') return this.#hooks.drop('session-hops');
    if (hop === undefined || hop === from) return this.#hooks.drop('session-no-way');
    const rate = this.#relayed.get(from) ?? new TokenBucket(RELAYED_PER_S, RELAYED_BURST);
    this.#relayed.set(from, rate);
    if (!rate.take(now)) return this.#hooks.drop('session-relay-rate');
    this.#hooks.send(hop, relayed);
  }

  #perform(fx: SideFx): void {
    switch (fx.kind) {
      case 'say': {
        const hop = this.#hooks.hop(fx.to);
        if (hop === undefined) return this.#hooks.drop('session-no-way');
        const { type, token, body, to: dst } = fx;
        return this.#hooks.send(hop, encodeSession({ type, hops: MAX_HOPS, src: this.#self, dst, token, body }));
      }
      case 'drop':
        return this.#hooks.drop(fx.reason);
      case 'session':
      case 'sessionConfirmed':
      case 'sessionLost':
        return this.#hooks.emit(fx);
    }
  }
}
