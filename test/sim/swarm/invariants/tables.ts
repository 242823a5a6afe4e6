// What containers notice: where their frames go.
import type { PeerId } from '../../../../router/types.js';
import { NETWORK, type WorldHost } from '../../world.js';
import { keysAttachedTo, type Life } from '../life.js';
import { truth, type Truth } from './truth.js';
import { firstOf, type Invariant } from './invariant.js';

export const nothingWithdrawn: Invariant = {
  name: 'what one host has had all along is withdrawn nowhere',
  withinMs: undefined,
  broken: (life) => life.breaches[0],
};

export const ownersAreMembers: Invariant = {
  name: 'who owns a MAC is sent broadcasts',
  withinMs: undefined,
  broken: (life) =>
    firstOf(life.running(), ({ name, table }) => {
      const lacking = [...table.macs].find(([, owner]) => !table.members.has(owner));
      return lacking && `${name} sends ${lacking[0]} to ${life.world.nameOf(lacking[1])}, which is no member for it`;
    }),
};

/** What an operator attached is announced, and nothing else, but for those that lie. */
export const announcedIsAttached: Invariant = {
  name: 'a host announces what is attached to it',
  withinMs: undefined,
  broken: (life) =>
    firstOf(life.running(), (host) => {
      const { name, id, router } = host;
      if (life.malice.forgers.has(id)) return undefined;
      const attached = new Set(keysAttachedTo(host));
      const said = new Set([...router.core.options.store.records(id, NETWORK)].map((r) => r.key));
      const odd = [...attached, ...said].find((key) => !attached.has(key) || !said.has(key));
      return odd && `${name} ${said.has(odd) ? 'announces' : 'does not announce'} ${odd}`;
    }),
};

export const tablesAreTrue: Invariant = {
  name: 'every table is what the owners say',
  withinMs: 30_000,
  broken: (life) => {
    const expected = truth(life);
    return firstOf(life.running(), (host) => tableDiffers(life, host, expected));
  },
};

function tableDiffers(life: Life, { name, id, table }: WorldHost, expected: Truth): string | undefined {
  const nameOf = (peer: PeerId | undefined): string => (peer === undefined ? 'nobody' : life.world.nameOf(peer));
  const macs: ReadonlyMap<string, PeerId> = new Map([...expected.macs].filter(([, owner]) => owner !== id));
  const members = [...expected.members].filter((peer) => peer !== id);
  return (
    firstOf(keysOfBoth(macs, table.macs), (mac) =>
      macs.get(mac) === table.macs.get(mac)
        ? undefined
        : `${name} has ${mac} at ${nameOf(table.macs.get(mac))}; it is at ${nameOf(expected.macs.get(mac))}`,
    ) ??
    firstOf(keysOfBoth(expected.neighs, table.neighs), (ip) =>
      expected.neighs.get(ip) === table.neighs.get(ip)
        ? undefined
        : `${name} has ${ip} at MAC ${table.neighs.get(ip)}; it is at ${expected.neighs.get(ip)}`,
    ) ??
    firstOf(new Set([...members, ...table.members]), (peer) =>
      members.includes(peer) === table.members.has(peer)
        ? undefined
        : `${name} ${table.members.has(peer) ? 'sends' : 'does not send'} broadcasts to ${nameOf(peer)}`,
    )
  );
}

const keysOfBoth = <K>(a: ReadonlyMap<K, unknown>, b: ReadonlyMap<K, unknown>): ReadonlySet<K> =>
  new Set([...a.keys(), ...b.keys()]);

/** Of an owner that does not run nobody may have heard its last detach. */
export const holdersOwn: Invariant = {
  name: 'an address that running hosts have is owned by one that has it',
  withinMs: 30_000,
  broken: (life) => {
    const { winners } = truth(life);
    const holders = new Map<string, WorldHost[]>();
    for (const host of life.running())
      for (const key of keysAttachedTo(host)) holders.set(key, [...(holders.get(key) ?? []), host]);
    return firstOf(holders, ([key, hosts]) => {
      const winner = winners.get(key);
      const owner = winner?.value && winner.owner;
      if (owner !== undefined && life.malice.hasUsurped(owner, key)) return undefined;
      const isWrong = owner === undefined || life.running().some((h) => h.id === owner && !hosts.includes(h));
      if (!isWrong) return undefined;
      const names = hosts.map((h) => h.name).join(' and ');
      return `${key} is attached to ${names} and owned by ${owner === undefined ? 'nobody' : life.world.nameOf(owner)}`;
    });
  },
};

/** A host that lost its disk is another peer at the address of the one that it was: the kernel keeps one flood entry for both. */
export const broadcastsOnce: Invariant = {
  name: 'each member host is sent a broadcast once',
  withinMs: 30_000,
  broken: (life) =>
    firstOf(life.running(), ({ name, table }) => {
      const seen = new Map<string, PeerId>();
      return firstOf(table.members, (peer) => {
        const forward = table.peers.get(peer);
        // Of one that does not run perhaps nobody does: its addresses came, and who had its own record is dead as well.
        if (forward === undefined)
          return life.running().some((h) => h.id === peer)
            ? `${name} knows no address of its member ${life.world.nameOf(peer)}`
            : undefined;
        const { v4 } = JSON.parse(forward) as { v4: { ip: string } };
        const twin = seen.get(v4.ip);
        seen.set(v4.ip, peer);
        if (twin === undefined || life.world.nameOf(twin) === life.world.nameOf(peer)) return undefined;
        return `${name} has ${life.world.nameOf(peer)} and ${life.world.nameOf(twin)} at ${v4.ip}`;
      });
    }),
};

/** Nobody who left or was forgotten is still in force: neither in a store nor in a table. */
export const goneIsGone: Invariant = {
  name: 'nothing is left of a peer that is gone',
  withinMs: 30_000,
  broken: (life) =>
    firstOf(life.running(), ({ name, router, table }) => {
      const { store } = router.core.options;
      const known = new Set([...store.owners(), router.core.self]);
      const named = [...table.macs.values(), ...table.members, ...table.peers.keys()];
      const stray = named.find((peer) => !known.has(peer));
      return stray && `${name} still forwards to ${life.world.nameOf(stray)}, of which it has no records`;
    }),
};
