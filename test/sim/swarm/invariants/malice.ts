// What a member can do to others: nothing, and who is out is out.
import type { PeerId } from '../../../../router/types.js';
import type { WorldHost } from '../../world.js';
import { firstOf, type Invariant } from './invariant.js';

export const evictedAreOut: Invariant = {
  name: 'who was evicted is out everywhere',
  withinMs: 30_000,
  broken: (life) =>
    firstOf(life.malice.out(), (id) =>
      firstOf(life.running(), (host) => {
        const left = whatIsLeft(host, id);
        return left && `${host.name} ${left} ${life.world.nameOf(id)}, which was evicted`;
      }),
    ),
};

function whatIsLeft({ router: { core }, table }: WorldHost, id: PeerId): string | undefined {
  if (!core.ledger.isEvicted(id)) return 'has not heard of the end of';
  if (core.connections.of(id) !== undefined) return 'is connected to';
  if (core.options.store.topics(id).length > 0) return 'keeps records of';
  if (core.ledger.book.has(id)) return 'counts on';
  const forwards = [...table.macs.values(), ...table.members, ...table.peers.keys()];
  return forwards.includes(id) ? 'forwards to' : undefined;
}

export const onlyForgersAreAccused: Invariant = {
  name: 'nobody is named for a forger who forged nothing',
  withinMs: undefined,
  broken: (life) =>
    firstOf(life.running(), ({ name, router }) =>
      firstOf(router.core.offences.shown(router.now), ({ kind, by }) =>
        kind !== 'forged' || life.malice.forgers.has(by) ? undefined : `${name} accuses ${life.world.nameOf(by)}`,
      ),
    ),
};
