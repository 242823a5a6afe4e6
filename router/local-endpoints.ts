// What this host announces: its endpoints' addresses as claims, with the sequence numbers that keep them ours.
import type { Claims } from './gossip/claims.js';
import type { EndpointId, Ip, Mac, NetworkName, PeerId } from './types.js';
import { encodeIp, encodeMac, ipKey, macKey } from './wire/records.js';

export interface LocalEndpoint {
  readonly id: EndpointId;
  readonly network: NetworkName;
  readonly mac: Mac;
  /** Without prefix lengths. The link-local address that follows from the MAC is not claimed: whoever hears of the MAC knows it. */
  readonly ips: readonly Ip[];
}

/** A record to put into our stream of the network's topic. */
export interface ClaimPut {
  readonly network: NetworkName;
  readonly key: string;
  readonly seq: number;
  /** Undefined: a tombstone. */
  readonly value: Uint8Array | undefined;
}

export class LocalEndpoints {
  readonly #self: PeerId;
  readonly #claims: Claims;
  /** The sequence of a live claim of ours. */
  readonly #ownSeq: (network: NetworkName, key: string) => number | undefined;
  readonly #endpoints = new Map<EndpointId, LocalEndpoint>();

  constructor(self: PeerId, claims: Claims, ownSeq: (network: NetworkName, key: string) => number | undefined) {
    this.#self = self;
    this.#claims = claims;
    this.#ownSeq = ownSeq;
  }

  all(): readonly LocalEndpoint[] {
    return [...this.#endpoints.values()];
  }

  get(id: EndpointId): LocalEndpoint | undefined {
    return this.#endpoints.get(id);
  }

  /**
   * Claims what the endpoint has, and lets go of what it had before and has no longer.
   * @param fresh it was attached just now and takes its addresses over; false after a restart: whoever claimed them
   *   while we were away keeps them
   */
  announce(endpoint: LocalEndpoint, fresh: boolean): ClaimPut[] {
    const before = this.#endpoints.get(endpoint.id);
    this.#endpoints.set(endpoint.id, endpoint);
    const kept = new Set(keysOf(endpoint));
    const dropped = before === undefined ? [] : this.#release(before, (key) => kept.has(key));
    return [...dropped, ...recordsOf(endpoint).map(([key, value]) => this.#claim(endpoint.network, key, value, fresh))];
  }

  withdraw(id: EndpointId): ClaimPut[] {
    const endpoint = this.#endpoints.get(id);
    if (endpoint === undefined) return [];
    this.#endpoints.delete(id);
    return this.#release(endpoint, () => false);
  }

  /** A tombstone outranks a claim that we still hold: whoever took it over has let go, and it is ours again. */
  reclaim(network: NetworkName, key: string): ClaimPut[] {
    const holder = this.all().find((e) => e.network === network && keysOf(e).includes(key));
    const value = holder && recordsOf(holder).find(([k]) => k === key)?.[1];
    return value === undefined ? [] : [this.#claim(network, key, value, true)];
  }

  #claim(network: NetworkName, key: string, value: Uint8Array, fresh: boolean): ClaimPut {
    const highest = this.#claims.highestSeq(network, key);
    const isOurs = this.#claims.holderOf(network, key)?.owner === this.#self;
    const seq = isOurs ? highest : fresh ? highest + 1 : (this.#ownSeq(network, key) ?? 1);
    return { network, key, seq, value };
  }

  /** Tombstones, except for keys that another endpoint of ours still holds. */
  #release(endpoint: LocalEndpoint, keep: (key: string) => boolean): ClaimPut[] {
    const others = new Set(
      this.all()
        .filter((e) => e.network === endpoint.network && e.id !== endpoint.id)
        .flatMap(keysOf),
    );
    return keysOf(endpoint)
      .filter((key) => !keep(key) && !others.has(key))
      .map((key) => ({ network: endpoint.network, key, seq: 0, value: undefined })); // a withdrawal keeps its rank
  }
}

const keysOf = (e: LocalEndpoint): readonly string[] => [macKey(e.mac), ...e.ips.map(ipKey)];

const recordsOf = (e: LocalEndpoint): readonly (readonly [string, Uint8Array])[] => [
  [macKey(e.mac), encodeMac()],
  ...e.ips.map((ip) => [ipKey(ip), encodeIp({ mac: e.mac })] as const),
];
