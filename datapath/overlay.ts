// Which overlay carries a peer's frames. All that may carry them are probed; the best that works does. Pure.
//
//   of the overlay in use             then
//   works                             it stays, until a better one has worked for a while
//   lost, another is heard since      the best of those that are heard
//   lost, one that fell too is back   it stays for a while: a peer that comes back does so on both, on one of them first
//   lost, none is heard since         the first in order: the peer's router may be dead, and its kernel is not
//   narrower than the network         one that carries whole frames, if there is one
//
// A way through others is not there by itself: it is asked for as soon as no direct overlay is known to work, and given back
// when a direct one carries and works.
import type { Core } from '../router/core.js';
import type { Millis, PeerId } from '../router/types.js';

/** In order of preference. The kernel carries `vxlan`; we carry `sleeve`, and `relay` through other peers. */
export const CARRIERS = ['vxlan', 'sleeve', 'relay'] as const;
export type Carrier = (typeof CARRIERS)[number];

/** What probing knows of one overlay to one peer. */
export interface CarrierState {
  readonly kind: 'probing' | 'up' | 'down';
  /** When the oldest probe was sent that is lost and has had no answer since; undefined while none is. */
  readonly losingSince: Millis | undefined;
  /** When the peer was last heard on it. */
  readonly heardAt: Millis | undefined;
  /** It is up, and what the network sends does not fit in one piece. */
  readonly isNarrow: boolean;
}

export type OverlayEvent =
  | { readonly kind: 'tick' }
  /** What may carry the peer's frames, best first; undefined: the peer is gone. */
  | { readonly kind: 'peer'; readonly peer: PeerId; readonly allowed: readonly Carrier[] | undefined }
  | { readonly kind: 'state'; readonly peer: PeerId; readonly carrier: Carrier; readonly state: CarrierState };

export type OverlayEffect =
  | { readonly kind: 'use'; readonly peer: PeerId; readonly carrier: Carrier | undefined; readonly why: ChangeReason }
  /** The overlay in use may be lost: whether the others work is to be known soon. */
  | { readonly kind: 'hurry'; readonly peer: PeerId; readonly carriers: readonly Carrier[] }
  /** A way through others is of use, or no longer. */
  | { readonly kind: 'wantRelay'; readonly peer: PeerId; readonly wanted: boolean };

/** `first`: nothing was in use. `better`: a preferred one works again. `narrow`: whole frames do not fit. */
export type ChangeReason = 'first' | 'lost' | 'better' | 'narrow' | 'dead' | 'refused';

/** A better overlay is taken after it has worked this long, ms; twice as long each time that it fell soon after. */
export const HOLD_MS = 1_000;
export const MAX_HOLD_MS = 60_000;
/** An overlay that falls within this of being taken is flapping, ms. */
export const FLAP_MS = 60_000;

/** A peer that is heard this long after the first lost probe had gone, ms, did not die with its answer under way. */
export const OUTLIVED_MS = 150;

/** When a direct overlay that fell with the one in use is back, that one has so long to be heard too, ms: it is asked once a second. */
export const RETURN_MS = 1_500;

interface Choice {
  readonly allowed: readonly Carrier[];
  readonly states: Map<Carrier, CarrierState>;
  /** Since when each is whole: up, not narrow, and without a loss. */
  readonly wholeSince: Map<Carrier, Millis>;
  /** Of those that are up, since when; and when each was last down. */
  readonly upSince: Map<Carrier, Millis>;
  readonly downAt: Map<Carrier, Millis>;
  readonly holds: Map<Carrier, { readonly ms: number; readonly takenAt: Millis }>;
  inUse: Carrier | undefined;
  hurried: boolean;
  wantsRelay: boolean;
}

export class OverlayChoice implements Core<OverlayEvent, OverlayEffect> {
  readonly #peers = new Map<PeerId, Choice>();

  handle(ev: OverlayEvent, now: Millis): readonly OverlayEffect[] {
    switch (ev.kind) {
      case 'tick':
        return [...this.#peers].flatMap(([peer, c]) => [...this.#choose(peer, c, now), ...wantRelay(peer, c)]);
      case 'peer':
        return this.#setPeer(ev.peer, ev.allowed, now);
      case 'state': {
        const choice = this.#peers.get(ev.peer);
        if (choice === undefined) return [];
        this.#setState(choice, ev.carrier, ev.state, now);
        const effects = [...this.#hurry(ev.peer, choice), ...this.#choose(ev.peer, choice, now)];
        return [...effects, ...wantRelay(ev.peer, choice)];
      }
    }
  }

  /** When another overlay will have worked long enough. */
  nextDeadline(): Millis | undefined {
    let at: Millis | undefined;
    for (const c of this.#peers.values()) {
      const dues = [
        ...this.#betterThan(c).map((better) => dueAt(c, better)),
        ...c.allowed.map((one) => returnsAt(c, one)),
      ];
      for (const due of dues) if (due !== undefined && (at === undefined || due < at)) at = due;
    }
    return at;
  }

  inUse(peer: PeerId): Carrier | undefined {
    return this.#peers.get(peer)?.inUse;
  }

  wantsRelay(peer: PeerId): boolean {
    return this.#peers.get(peer)?.wantsRelay ?? false;
  }

  #setPeer(peer: PeerId, allowed: readonly Carrier[] | undefined, now: Millis): readonly OverlayEffect[] {
    const old = this.#peers.get(peer);
    if (allowed === undefined) {
      this.#peers.delete(peer);
      const none: OverlayEffect[] = old?.wantsRelay === true ? [{ kind: 'wantRelay', peer, wanted: false }] : [];
      if (old?.inUse !== undefined) none.push({ kind: 'use', peer, carrier: undefined, why: 'refused' });
      return none;
    }
    const inUse = old?.inUse !== undefined && allowed.includes(old.inUse) ? old.inUse : allowed[0];
    const times = { wholeSince: new Map(), upSince: new Map(), downAt: new Map() };
    const fresh = { states: new Map(), ...times, holds: new Map(), hurried: false, wantsRelay: false };
    const choice: Choice = { ...(old ?? fresh), allowed, inUse };
    this.#peers.set(peer, choice);
    const why = old?.inUse === undefined ? 'first' : 'refused';
    const use: OverlayEffect[] = inUse === old?.inUse ? [] : [{ kind: 'use', peer, carrier: inUse, why }];
    return [...use, ...this.#choose(peer, choice, now), ...wantRelay(peer, choice)];
  }

  #setState(c: Choice, carrier: Carrier, state: CarrierState, now: Millis): void {
    c.states.set(carrier, state);
    if (state.kind === 'down') c.downAt.set(carrier, now);
    if (state.kind !== 'up') c.upSince.delete(carrier);
    else if (!c.upSince.has(carrier)) c.upSince.set(carrier, now);
    const isWhole = state.kind === 'up' && !state.isNarrow && state.losingSince === undefined;
    if (!isWhole) c.wholeSince.delete(carrier);
    else if (!c.wholeSince.has(carrier)) c.wholeSince.set(carrier, now);
  }

  /** Once for each time that the overlay in use begins to lose. */
  #hurry(peer: PeerId, c: Choice): readonly OverlayEffect[] {
    const isLosing = c.inUse !== undefined && c.states.get(c.inUse)?.losingSince !== undefined;
    const isNew = isLosing && !c.hurried;
    c.hurried = isLosing;
    const others = c.allowed.filter((carrier) => carrier !== c.inUse);
    return isNew && others.length > 0 ? [{ kind: 'hurry', peer, carriers: others }] : [];
  }

  #choose(peer: PeerId, c: Choice, now: Millis): readonly OverlayEffect[] {
    const found = this.#better(c, now) ?? this.#instead(c, now);
    if (found === undefined || found.carrier === c.inUse) return [];
    if (found.why === 'lost' || found.why === 'dead') this.#fell(c, now);
    if (found.why === 'lost') distrustSilent(c);
    c.inUse = found.carrier;
    c.hurried = false;
    if (found.why === 'better') this.#took(c, found.carrier, now);
    return [{ kind: 'use', peer, ...found }];
  }

  #better(c: Choice, now: Millis): { carrier: Carrier; why: ChangeReason } | undefined {
    const carrier = this.#betterThan(c).find((one) => (dueAt(c, one) ?? Infinity) <= now);
    return carrier && { carrier, why: 'better' };
  }

  #betterThan(c: Choice): readonly Carrier[] {
    return c.inUse === undefined ? [] : c.allowed.slice(0, c.allowed.indexOf(c.inUse));
  }

  /** Another for one that does not do; undefined while it does. */
  #instead(c: Choice, now: Millis): { carrier: Carrier; why: ChangeReason } | undefined {
    const state = c.inUse && c.states.get(c.inUse);
    if (state === undefined || state.kind === 'probing') return undefined;
    if (state.kind === 'up') {
      const whole = state.isNarrow ? c.allowed.find((one) => c.wholeSince.has(one)) : undefined;
      return whole && { carrier: whole, why: 'narrow' };
    }
    const waits = (one: Carrier): boolean => (returnsAt(c, one) ?? -Infinity) > now;
    const alive = c.allowed.filter((one) => one !== c.inUse && outlived(c.states.get(one), state) && !waits(one));
    const next = alive.find((one) => c.wholeSince.has(one)) ?? alive[0];
    if (next !== undefined) return { carrier: next, why: 'lost' };
    return c.allowed.some((one) => c.states.get(one)?.kind === 'up')
      ? undefined
      : { carrier: c.allowed[0]!, why: 'dead' };
  }

  /** Only one that proved itself can flap: a dead peer's overlays fall and are taken for want of a better. */
  #took(c: Choice, carrier: Carrier, now: Millis): void {
    c.holds.set(carrier, { ms: c.holds.get(carrier)?.ms ?? HOLD_MS, takenAt: now });
  }

  #fell(c: Choice, now: Millis): void {
    const hold = c.inUse && c.holds.get(c.inUse);
    if (c.inUse === undefined || hold === undefined) return;
    const ms = now - hold.takenAt < FLAP_MS ? Math.min(MAX_HOLD_MS, hold.ms * 2) : HOLD_MS;
    c.holds.set(c.inUse, { ...hold, ms });
  }
}

/** Was it heard after the other had begun to lose? */
const outlived = (one: CarrierState | undefined, lost: CarrierState): boolean =>
  one?.kind === 'up' && (one.heardAt ?? -Infinity) > (lost.losingSince ?? Infinity) + OUTLIVED_MS;

/** When a direct overlay that fell with the one in use, and was heard again, may take its place; undefined: it did not. */
function returnsAt(c: Choice, one: Carrier): Millis | undefined {
  const lost = c.inUse && c.states.get(c.inUse);
  const [since, downAt] = [c.upSince.get(one), c.downAt.get(one)];
  if (one === 'relay' || lost?.kind !== 'down' || !outlived(c.states.get(one), lost)) return undefined;
  const fellToo = since !== undefined && downAt !== undefined && downAt > (lost.losingSince ?? Infinity);
  return fellToo ? ((since + RETURN_MS) as Millis) : undefined;
}

/** Of what is up and was not heard since the overlay in use began to lose, nobody knows: it has to prove itself again. */
function distrustSilent(c: Choice): void {
  const lost = c.inUse && c.states.get(c.inUse);
  for (const one of c.allowed) if (lost && !outlived(c.states.get(one), lost)) c.wholeSince.delete(one);
}

/** When a better overlay may be taken; undefined while it does not work. */
function dueAt(c: Choice, carrier: Carrier): Millis | undefined {
  const since = c.wholeSince.get(carrier);
  if (since === undefined) return undefined;
  return (since + (c.holds.get(carrier)?.ms ?? HOLD_MS)) as Millis;
}

/** When that changes, and between the two conditions it stays. */
function wantRelay(peer: PeerId, c: Choice): readonly OverlayEffect[] {
  const wanted = relayWanted(c);
  if (wanted === undefined || wanted === c.wantsRelay) return [];
  c.wantsRelay = wanted;
  return [{ kind: 'wantRelay', peer, wanted }];
}

/** @returns undefined: as before */
function relayWanted(c: Choice): boolean | undefined {
  if (!c.allowed.includes('relay')) return false;
  const direct = c.allowed.filter((one) => one !== 'relay');
  const state = c.inUse && c.states.get(c.inUse);
  if (c.inUse === 'relay') return direct.length === 0 ? true : undefined;
  if (state?.kind === 'up' && state.losingSince === undefined) return false;
  const losingSince = state?.losingSince ?? Infinity;
  const mayWork = (one: Carrier): boolean => {
    const other = c.states.get(one);
    if (other === undefined) return true; // it was not tried yet
    return other.losingSince === undefined && (other.kind === 'probing' || (other.heardAt ?? -Infinity) > losingSince);
  };
  return direct.some(mayWork) ? undefined : true;
}
