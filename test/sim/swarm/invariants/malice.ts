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
    firstOf(life.running(), ({ name, log, router: { core } }) => {
      if (!core.drops.has('block-signature')) return undefined;
      const forgers = new Set([...life.malice.forgers].map((id) => `block-forged ${life.world.nameOf(id)}`));
      const wrong = log.find((line) => line.startsWith('block-forged') && !forgers.has(line));
      return wrong && `${name} logs ${wrong}`;
    }),
};
