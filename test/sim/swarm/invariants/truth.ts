// Who has which address, worked out from the owners' own records by the rule of docs/protocol.md ("Claims and shared records")
// and none of the router's code for it.
import { linkLocalOf } from '../../../../router/address.js';
import type { Mac, PeerId } from '../../../../router/types.js';
import { decodeIp, parseKey } from '../../../../router/wire/records.js';
import { NETWORK, type WorldHost } from '../../world.js';
import type { Life } from '../life.js';

export interface Claimed {
  readonly owner: PeerId;
  readonly seq: number;
  /** Undefined: a tombstone. */
  readonly value: Uint8Array | undefined;
}

export interface Truth {
  /** Every key that anybody ever claimed and says something of, with the claim that decides. */
  readonly winners: ReadonlyMap<string, Claimed>;
  readonly macs: ReadonlyMap<string, PeerId>;
  readonly neighs: ReadonlyMap<string, string>;
  /** Peers that broadcast goes to. */
  readonly members: ReadonlySet<PeerId>;
}

/** Of each peer the records of its own store if it runs; else those of whoever has heard most of it. */
function streams(life: Life): ReadonlyMap<PeerId, WorldHost> {
  const best = new Map<PeerId, WorldHost>();
  for (const host of life.running()) {
    const { store } = host.router.core.options;
    for (const owner of store.owners()) {
      const other = best.get(owner);
      const isOwn = owner === host.id;
      const isFurther =
        other !== undefined &&
        other.id !== owner &&
        store.head(owner, NETWORK) > other.router.core.options.store.head(owner, NETWORK);
      if (other === undefined || isOwn || isFurther) best.set(owner, host);
    }
  }
  return best;
}

/** The claims in a network, by owner. */
export function claimsOf(life: Life): ReadonlyMap<PeerId, ReadonlyMap<string, Claimed>> {
  const sources = streams(life);
  const all = new Map<PeerId, Map<string, Claimed>>();
  for (const host of new Set(sources.values()))
    for (const { owner, topic, key, seq, value } of host.router.core.options.store.everything()) {
      if (topic !== NETWORK || seq === 0 || sources.get(owner) !== host) continue;
      const claims = all.get(owner) ?? new Map<string, Claimed>();
      all.set(owner, claims.set(key, { owner, seq, value }));
    }
  return all;
}

/** The highest (seq, owner) decides, tombstones included but for those with the highest sequence there is. */
export function truth(life: Life): Truth {
  const winners = new Map<string, Claimed>();
  const members = new Set<PeerId>();
  for (const [owner, claims] of claimsOf(life))
    for (const [key, claim] of claims) {
      if (claim.value !== undefined && key.startsWith('mac/')) members.add(owner);
      if (claim.value === undefined && claim.seq === 2 ** 48) continue;
      const top = winners.get(key);
      if (top === undefined || claim.seq > top.seq || (claim.seq === top.seq && owner > top.owner))
        winners.set(key, claim);
    }
  return { winners, members, ...tables(winners) };
}

/** A link-local address follows from its MAC. */
function tables(winners: ReadonlyMap<string, Claimed>): Pick<Truth, 'macs' | 'neighs'> {
  const macs = new Map<string, PeerId>();
  const neighs = new Map<string, string>();
  for (const [key, { owner, value }] of winners) {
    const parsed = parseKey(key);
    if (value === undefined) continue;
    if (parsed?.kind === 'mac') {
      macs.set(parsed.mac, owner);
      neighs.set(linkLocalOf(parsed.mac), parsed.mac);
    } else if (parsed?.kind === 'ip') neighs.set(parsed.ip, macOf(value));
  }
  return { macs, neighs };
}

function macOf(value: Uint8Array): Mac {
  const record = decodeIp(value);
  if (typeof record === 'string') throw new Error(`an address record does not decode: ${record}`);
  return record.mac;
}
