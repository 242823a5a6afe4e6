// Ways through others on the control plane: frames between neighbours, and which of several hops that are as good is taken.
import type { Entropy, Random } from '../core.js';
import type { Millis, PeerId } from '../types.js';
import { sameBytes } from '../wire/bytes.js';
import { decodeRelay, encodeRelay } from '../wire/relay.js';
import { Relays, type RelaysEvent } from './relays.js';
import type { HopSearch, RelayFx, RelaysFx } from './shared.js';

export interface RelayPlaneHooks {
  /** @see Topology.hopsForData */
  hopsForData(to: PeerId, search: HopSearch): readonly PeerId[];
  /** Is it a peer that we have heard of? */
  knows(peer: PeerId): boolean;
  /** To a neighbour, as the body of a relay frame. */
  send(neighbour: PeerId, body: Uint8Array): void;
  emit(fx: RelayFx): void;
  drop(reason: string): void;
}

/** What the datapath asks for. */
export type RelayRequest =
  | { readonly kind: 'relayWanted'; readonly peer: PeerId; readonly wanted: boolean }
  | { readonly kind: 'relayFailed'; readonly peer: PeerId; readonly via: PeerId };

export class RelayPlane {
  readonly #self: PeerId;
  readonly #random: Random;
  readonly #hooks: RelayPlaneHooks;
  /** Undefined: this router has no sleeve so far. */
  #relays: Relays | undefined;
  /** Wanted before there was one. */
  readonly #early = new Set<PeerId>();
  readonly #launches = new Map<PeerId, Uint8Array>();
  #topologyVersion = -1;

  constructor(self: PeerId, random: Random, hooks: RelayPlaneHooks) {
    this.#self = self;
    this.#random = random;
    this.#hooks = hooks;
  }

  /** From now on this router is a relay for others, and others are for it; once. */
  enable(entropy: Entropy, now: Millis): void {
    if (this.#relays !== undefined) return;
    const hop = (to: PeerId, search: HopSearch): PeerId | undefined =>
      spread(this.#self, to, this.#hooks.hopsForData(to, search));
    const knows = (peer: PeerId): boolean => this.#hooks.knows(peer);
    this.#relays = new Relays({ self: this.#self, random: this.#random, entropy, hop, knows });
    for (const peer of this.#early) this.#handle({ kind: 'wanted', peer, wanted: true }, now);
    this.#early.clear();
  }

  get held(): Relays['held'] | undefined {
    return this.#relays?.held;
  }

  nextDeadline(): Millis | undefined {
    return this.#relays?.nextDeadline();
  }

  asked(ev: RelayRequest, now: Millis): void {
    const { peer } = ev;
    if (ev.kind === 'relayFailed') return this.#handle({ kind: 'failed', peer, via: ev.via }, now);
    if (this.#relays !== undefined) return this.#handle({ kind: 'wanted', peer, wanted: ev.wanted }, now);
    if (ev.wanted) this.#early.add(peer);
    else this.#early.delete(peer);
  }

  /** What any event of the router may have made due. */
  act(topologyVersion: number, now: Millis): void {
    if (topologyVersion !== this.#topologyVersion) this.#handle({ kind: 'ways' }, now);
    this.#topologyVersion = topologyVersion;
    this.#handle({ kind: 'tick' }, now);
  }

  received(from: PeerId, bytes: Uint8Array, now: Millis): void {
    const frame = decodeRelay(bytes);
    if (typeof frame === 'string') return this.#hooks.drop(`relay-${frame}`);
    if (this.#relays !== undefined) return this.#handle({ kind: 'frame', from, frame }, now);
    this.#hooks.drop('relay-no-sleeve');
    if (frame.kind !== 'setup') return;
    const { token } = frame;
    this.#hooks.send(from, encodeRelay({ kind: 'end', token, reason: 'no-way', culprit: this.#self }));
  }

  /** A connection is up: to who was there before, or to a neighbour that was launched anew and has forgotten all. */
  up(neighbour: PeerId, launch: Uint8Array, now: Millis): void {
    const before = this.#launches.get(neighbour);
    this.#launches.set(neighbour, launch);
    if (before !== undefined && !sameBytes(before, launch)) this.#handle({ kind: 'lost', neighbour }, now);
  }

  down(neighbour: PeerId, now: Millis): void {
    this.#launches.delete(neighbour);
    this.#handle({ kind: 'lost', neighbour }, now);
  }

  gone(peer: PeerId, now: Millis): void {
    this.#early.delete(peer);
    this.#handle({ kind: 'gone', peer }, now);
  }

  #handle(ev: RelaysEvent, now: Millis): void {
    for (const fx of this.#relays?.handle(ev, now) ?? []) this.#perform(fx);
  }

  #perform(fx: RelaysFx): void {
    switch (fx.kind) {
      case 'say':
        return this.#hooks.send(fx.to, encodeRelay(fx.frame));
      case 'drop':
        return this.#hooks.drop(fx.reason);
      case 'relayWay':
      case 'relayRule':
        return this.#hooks.emit(fx);
    }
  }
}

/** One of several that are as good: for each pair of peers another, and the same for both of them where they have the same choice. */
export function spread(self: PeerId, to: PeerId, hops: readonly PeerId[]): PeerId | undefined {
  if (hops.length < 2) return hops[0];
  const pair = fnv1a(self < to ? self + to : to + self);
  const weights = hops.map((hop) => mixed(fnv1a(hop, pair)));
  return hops[weights.indexOf(Math.min(...weights))];
}

/** FNV-1a of ASCII, 32 bits. @param hash of what comes before */
function fnv1a(text: string, hash = 0x811c9dc5): number {
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash;
}

/** A step of MurmurHash3's last: what is hashed is often alike but for its end. @returns 0 .. 2^32-1 */
function mixed(hash: number): number {
  const h = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return (h ^ (h >>> 13)) >>> 0;
}
