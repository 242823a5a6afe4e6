// From records to the forwarding table: which claims win, what follows for MACs, neighbours and members, as deltas.
import { linkLocalOf, macOfLinkLocal } from './address.js';
import type { Claims } from './gossip/claims.js';
import type { RecordChange } from './gossip/chain.js';
import { decodeIp, macKey, type RecordKey } from './wire/records.js';
import type { ForwardingDelta, Ip, Mac, NetworkName, PeerId } from './types.js';

export type ClaimKey = Extract<RecordKey, { readonly kind: 'mac' | 'ip' }>;

/** Pure: the table is a function of the records, so the order in which they came leaves no trace. */
export class Forwarding {
  readonly #self: PeerId;
  readonly #claims: Claims;
  readonly #macCounts = new Map<NetworkName, number>();
  /** Addresses of the form that follows from a MAC which somebody claims by name all the same: the claim counts. */
  readonly #linkLocals = new Map<NetworkName, Set<Ip>>();
  /** How many live MAC records each remote peer has in a network: with one or more it is a member. */
  readonly #memberMacs = new Map<NetworkName, Map<PeerId, number>>();

  constructor(self: PeerId, claims: Claims) {
    this.#self = self;
    this.#claims = claims;
  }

  /** @param change a record of a network's topic. @param key its key, parsed */
  apply(change: RecordChange, key: ClaimKey): ForwardingDelta[] {
    const network = change.topic as NetworkName;
    const deltas = key.kind === 'mac' ? this.#member(network, change) : [];
    for (const { winner, previous } of this.#claims.apply(change)) {
      if (key.kind === 'ip') deltas.push(this.#neigh(network, key.ip, winner?.value));
      else deltas.push(...this.#mac(network, key.mac, winner?.owner));
      const step = Number(winner !== undefined) - Number(previous !== undefined);
      if (key.kind === 'mac') this.#macCounts.set(network, this.macCount(network) + step);
    }
    return deltas;
  }

  isMember(network: NetworkName, peer: PeerId): boolean {
    return (this.#memberMacs.get(network)?.get(peer) ?? 0) > 0;
  }

  members(network: NetworkName): readonly PeerId[] {
    return [...(this.#memberMacs.get(network) ?? [])].filter(([, n]) => n > 0).map(([peer]) => peer);
  }

  /** MACs with an owner, ours included. */
  macCount(network: NetworkName): number {
    return this.#macCounts.get(network) ?? 0;
  }

  /** Where a MAC lives, and its link-local address with it, unless somebody claims that address by name. */
  #mac(network: NetworkName, mac: Mac, owner: PeerId | undefined): ForwardingDelta[] {
    const ip = linkLocalOf(mac);
    const lives: ForwardingDelta = { kind: 'mac', network, mac, value: owner === this.#self ? undefined : owner };
    if (this.#linkLocals.get(network)?.has(ip) === true) return [lives];
    return [lives, { kind: 'neigh', network, ip, value: owner === undefined ? undefined : mac }];
  }

  #neigh(network: NetworkName, ip: Ip, value: Uint8Array | undefined): ForwardingDelta {
    const record = value === undefined ? undefined : decodeIp(value);
    const claimed = typeof record === 'object' ? record.mac : undefined;
    const derived = macOfLinkLocal(ip);
    if (derived === undefined) return { kind: 'neigh', network, ip, value: claimed };
    const named = this.#linkLocals.get(network) ?? new Set<Ip>();
    this.#linkLocals.set(network, named);
    if (claimed === undefined) named.delete(ip);
    else named.add(ip);
    const isOwned = this.#claims.holderOf(network, macKey(derived)) !== undefined;
    return { kind: 'neigh', network, ip, value: claimed ?? (isOwned ? derived : undefined) };
  }

  #member(network: NetworkName, change: RecordChange): ForwardingDelta[] {
    const step = Number(!change.deleted) - Number(change.previous !== undefined);
    if (step === 0 || change.owner === this.#self) return [];
    const counts = this.#memberMacs.get(network) ?? new Map<PeerId, number>();
    this.#memberMacs.set(network, counts);
    const before = counts.get(change.owner) ?? 0;
    counts.set(change.owner, before + step);
    if (before > 0 === before + step > 0) return [];
    return [{ kind: 'member', network, peer: change.owner, value: step > 0 }];
  }
}
