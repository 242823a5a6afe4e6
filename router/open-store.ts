// The record store and the claims that follow it, from what is on disk.
import { Claims } from './gossip/claims.js';
import { incarnationOf, RecordStore, type StoreOptions } from './gossip/store.js';
import type { PeerId } from './types.js';
import { decodeGone, evictedKey, goneKey, parseKey } from './wire/records.js';

export interface OpenedStore {
  readonly store: RecordStore;
  readonly claims: Claims;
  /** Why the bytes could not be used; the store is empty then. What it held comes back by gossip. */
  readonly problem: string | undefined;
}

/** @param saved what `RecordStore.save` made, or undefined at the first launch */
export function openStore(
  options: Omit<StoreOptions, 'mayDrop' | 'isShared' | 'isGone'>,
  saved: Uint8Array | undefined,
): OpenedStore {
  const claims = new Claims();
  const isGone = (owner: PeerId, version: number): boolean => {
    if (claims.holderOf('core', evictedKey(owner)) !== undefined) return true;
    const held = claims.holderOf('core', goneKey(owner));
    const record = held === undefined ? 'none' : decodeGone(held.value);
    return typeof record !== 'string' && incarnationOf(version) <= record.incarnation;
  };
  const all: StoreOptions = { ...options, mayDrop: (gone) => claims.release(gone), isShared, isGone };
  const loaded = saved === undefined ? undefined : RecordStore.load(all, saved);
  const store = loaded instanceof RecordStore ? loaded : new RecordStore(all);
  return { store, claims, problem: typeof loaded === 'string' ? loaded : undefined };
}

/** Networks, and peers that are gone or evicted. */
const isShared = (key: string): boolean => ['net', 'gone', 'evicted'].includes(parseKey(key)?.kind ?? '');
