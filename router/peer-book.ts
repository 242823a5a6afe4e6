// What is known of each peer: its own word (the `peer` record), membership's word, and where it was last reached.
import { isIpv6 } from './address.js';
import { Deadlines } from './deadlines.js';
import type { MemberStatus } from './swim/membership.js';
import type { Ip, Millis, PeerForward, PeerId, SocketAddress } from './types.js';
import type { PeerRecord } from './wire/records.js';

/** `stopped`: it said that its router ends and its kernel goes on. It outranks what membership thinks. */
export type PeerState = 'alive' | 'suspect' | 'faulty' | 'stopped' | 'left';

/** The underlay address at which a control connection last reached the peer, per family. Survives restarts. */
export interface Remotes {
  readonly v4?: Ip;
  readonly v6?: Ip;
}

/** Membership meets a peer within a few seconds, or the peer is not there: it died while we were away. */
const MEET_WITHIN_MS = 10_000;
const NEVER_REACHED: Remotes = {};

interface Entry {
  /** When it first published itself here. */
  readonly knownAt: Millis;
  record: PeerRecord | undefined;
  member: MemberStatus | undefined;
  remotes: Remotes;
  state: PeerState;
  since: Millis;
}

export class PeerBook {
  readonly #entries = new Map<PeerId, Entry>();
  /** Suspect, because membership has not met them yet, and until when. */
  readonly #unmet = new Deadlines<PeerId>();
  /** Where any of them may be; undefined: to be looked up anew. */
  #addresses: Set<Ip> | undefined;

  /** @returns the new state, if it changed */
  record(peer: PeerId, record: PeerRecord | undefined, now: Millis): PeerState | undefined {
    return this.#update(peer, { record }, now);
  }

  member(peer: PeerId, member: MemberStatus | undefined, now: Millis): PeerState | undefined {
    return this.#update(peer, { member }, now);
  }

  /** @returns whether it differs from what was known */
  reachedAt(peer: PeerId, ip: Ip, now: Millis): boolean {
    const old = this.#entries.get(peer)?.remotes ?? NEVER_REACHED;
    const remotes = isIpv6(ip) ? { ...old, v6: ip } : { ...old, v4: ip };
    this.#update(peer, { remotes }, now);
    return old.v4 !== remotes.v4 || old.v6 !== remotes.v6;
  }

  /** Gives up those that membership did not meet in time. @returns them; they are faulty now */
  giveUp(now: Millis): readonly PeerId[] {
    const late: PeerId[] = [];
    for (let peer = this.#unmet.first; peer !== undefined && now >= this.#unmet.next!; peer = this.#unmet.first) {
      this.#update(peer, {}, now);
      late.push(peer);
    }
    return late;
  }

  /** When `giveUp` is wanted next. */
  nextDeadline(): Millis | undefined {
    return this.#unmet.next;
  }

  forget(peer: PeerId): void {
    this.#unmet.delete(peer);
    this.#entries.delete(peer);
    this.#addresses = undefined;
  }

  has(peer: PeerId): boolean {
    return this.#entries.has(peer);
  }

  ids(): readonly PeerId[] {
    return [...this.#entries.keys()];
  }

  get(peer: PeerId): Readonly<Entry> | undefined {
    return this.#entries.get(peer);
  }

  /** Did a connection ever lead to it? */
  wasReached(peer: PeerId): boolean {
    const { v4, v6 } = this.#entries.get(peer)?.remotes ?? {};
    return (v4 ?? v6) !== undefined;
  }

  name(peer: PeerId): string {
    return this.#entries.get(peer)?.record?.name ?? peer.slice(0, 8);
  }

  /** Everyone it was ever reached at, for the disk. */
  remotes(): ReadonlyMap<PeerId, Remotes> {
    return new Map([...this.#entries].filter(([, e]) => e.remotes.v4 ?? e.remotes.v6).map(([p, e]) => [p, e.remotes]));
  }

  /**
   * Where its vxlan is. An address that a connection proved comes before one that the peer merely published, as long as
   * it still publishes it or nothing better is known: of several addresses only some lead there.
   */
  forward(peer: PeerId, isConnected: boolean): PeerForward | undefined {
    const e = this.#entries.get(peer);
    if (e?.record === undefined || e.state === 'left') return undefined;
    const { name, vxlanPort, trusted } = e.record;
    const published = e.record.addresses.map((a) => a.ip);
    const pick = (proved: Ip | undefined, family: readonly Ip[]): SocketAddress | undefined => {
      const ip =
        proved !== undefined && (isConnected || family.includes(proved) || family.length === 0) ? proved : family[0];
      return ip === undefined ? undefined : { ip, port: vxlanPort };
    };
    const v4 = pick(
      e.remotes.v4,
      published.filter((ip) => !isIpv6(ip)),
    );
    const v6 = pick(e.remotes.v6, published.filter(isIpv6));
    if (v4 === undefined && v6 === undefined) return undefined;
    return { name, ...(v4 && { v4 }), ...(v6 && { v6 }), from: addressesOf(e), ...(trusted && { trusted }) };
  }

  /** Is it one that a member publishes, or was last reached at? */
  isAddress(ip: Ip): boolean {
    this.#addresses ??= new Set([...this.#entries.values()].flatMap(addressesOf));
    return this.#addresses.has(ip);
  }

  /** Where to dial and send datagrams, best first. */
  controlAddresses(peer: PeerId): readonly SocketAddress[] {
    const e = this.#entries.get(peer);
    if (e?.record === undefined) return [];
    const isProved = (ip: Ip): boolean => ip === e.remotes.v4 || ip === e.remotes.v6;
    return [...e.record.addresses].sort((a, b) => Number(isProved(b.ip)) - Number(isProved(a.ip)));
  }

  #update(
    peer: PeerId,
    change: Partial<Pick<Entry, 'record' | 'member' | 'remotes'>>,
    now: Millis,
  ): PeerState | undefined {
    const old = this.#entries.get(peer);
    const base: Entry = old ?? {
      knownAt: now,
      record: undefined,
      member: undefined,
      remotes: NEVER_REACHED,
      state: 'suspect',
      since: now,
    };
    const isFirstWord = base.record === undefined && change.record !== undefined;
    const next: Entry = { ...base, ...change, knownAt: isFirstWord ? now : base.knownAt };
    next.state = stateOf(next, now);
    if (next.record !== undefined && next.member === undefined && next.state === 'suspect')
      this.#unmet.set(peer, (next.knownAt + MEET_WITHIN_MS) as Millis);
    else this.#unmet.delete(peer);
    if (old?.state !== next.state) next.since = now;
    const isElsewhere = old?.record !== next.record || old?.remotes !== next.remotes;
    if (isElsewhere || (old.state === 'left') !== (next.state === 'left')) this.#addresses = undefined;
    this.#entries.set(peer, next);
    return old?.state === next.state ? undefined : next.state;
  }
}

/** What it publishes, and where it was reached; none if it left. */
function addressesOf({ record, remotes, state }: Entry): readonly Ip[] {
  if (state === 'left') return [];
  const proved = [remotes.v4, remotes.v6].filter((ip) => ip !== undefined);
  return [...new Set([...(record?.addresses.map((a) => a.ip) ?? []), ...proved])];
}

/** A peer that gossip knows and membership has not met yet is suspect for a while: it may be there, nobody has heard it. */
function stateOf(e: Pick<Entry, 'knownAt' | 'record' | 'member'>, now: Millis): PeerState {
  if (e.record?.state === 'left' || e.member === 'left') return 'left';
  if (e.record?.state === 'stopped') return 'stopped';
  return e.member ?? (now < e.knownAt + MEET_WITHIN_MS ? 'suspect' : 'faulty');
}
