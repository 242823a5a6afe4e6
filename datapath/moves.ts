import type { Ip, Mac, Millis, NetworkName } from '../router/types.js';

/** Containers keep what they know of a neighbour that they talk to for minutes; `gc_stale_time` alone is one. */
const REMEMBER_MS = 600_000;
const MAX_REMEMBERED = 4096;

/**
 * Which addresses changed their MAC, so that local containers must be told: gratuitous ARP does not cross an uplink.
 * A detach and a later attach elsewhere are a move as well, so an address that went is remembered for a while. Pure.
 */
export class Moves {
  readonly #gone = new Map<string, { readonly mac: Mac; readonly at: Millis }>();

  /** @returns whether a container may have the address with another MAC in its cache */
  note(network: NetworkName, ip: Ip, before: Mac | undefined, after: Mac | undefined, now: Millis): boolean {
    if (before === undefined && this.#gone.size === 0) return false; // by far the most, when a peer is met that has many
    const key = `${network} ${ip}`;
    const gone = this.#gone.get(key);
    this.#gone.delete(key);
    if (after === undefined) {
      if (before !== undefined) this.#remember(key, before, now);
      else if (gone !== undefined) this.#gone.set(key, gone);
      return false;
    }
    const last = before ?? (gone !== undefined && now - gone.at < REMEMBER_MS ? gone.mac : undefined);
    return last !== undefined && last !== after;
  }

  #remember(key: string, mac: Mac, at: Millis): void {
    this.#gone.set(key, { mac, at });
    for (const oldest of this.#gone.keys()) {
      if (this.#gone.size <= MAX_REMEMBERED) return;
      this.#gone.delete(oldest);
    }
  }
}
