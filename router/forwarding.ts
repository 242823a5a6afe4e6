// From records to the forwarding table: which claims win, what follows for MACs, neighbours and members, as deltas.
import type { Claims } from './gossip/claims.js';
import type { RecordChange } from './gossip/chain.js';
import { decodeIp, type RecordKey } from './wire/records.js';
import type { ForwardingDelta, Ip, Mac, NetworkName, PeerId } from './types.js';

export type ClaimKey = Extract<RecordKey, { readonly kind: 'mac' | 'ip' }>;

/** Pure: the table is a function of the records, so the order in which they came leaves no trace. */
export class Forwarding {
  readonly #self: PeerId;
  readonly #claims: Claims;
  readonly #macCounts = new Map<NetworkName, number>();
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
      const step = Number(winner !== undefined) - Number(previous !== undefined);
      if (key.kind === 'mac') this.#macCounts.set(network, this.macCount(network) + step);
      deltas.push(
        key.kind === 'mac' ? this.#mac(network, key.mac, winner?.owner) : neigh(network, key.ip, winner?.value),
      );
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

  #mac(network: NetworkName, mac: Mac, owner: PeerId | undefined): ForwardingDelta {
    return { kind: 'mac', network, mac, value: owner === this.#self ? undefined : owner };
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

function neigh(network: NetworkName, ip: Ip, value: Uint8Array | undefined): ForwardingDelta {
  const record = value === undefined ? undefined : decodeIp(value);
  return { kind: 'neigh', network, ip, value: typeof record === 'object' ? record.mac : undefined };
}
