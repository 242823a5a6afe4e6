// What the sleeves of a world's hosts want of their routers, and where the ways lead that they were told.
import { walk, type Fate } from '../../support/relay-lab.js';
import type { World } from '../world.js';

/** Both sleeves have a use for a session with the other, or no longer. */
export function wantSession(world: World, a: string, b: string, wanted = true): void {
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const)
    world.host(from).router.dispatch({ kind: 'sessionWanted', peer: world.host(to).id, wanted });
}

export function wantRelay(world: World, from: string, to: string, wanted = true): void {
  world.host(from).router.dispatch({ kind: 'relayWanted', peer: world.host(to).id, wanted });
}

/** What becomes of a datagram from the one to the other over relays that run; undefined: there is no way. */
export function walkRelays(world: World, from: string, to: string): Fate | undefined {
  const tables = new Map(world.running().map((h) => [h.id, h.relays]));
  return walk(tables, world.host(from).id, world.host(to).id);
}

/** The relays between two that have a way to each other, by the same relays there and back. */
export function relaysBetween(world: World, a: string, b: string): readonly string[] | undefined {
  const [there, back] = [walkRelays(world, a, b), walkRelays(world, b, a)];
  if (there?.kind !== 'arrived' || back?.kind !== 'arrived') return undefined;
  if (there.at !== world.host(b).id || back.at !== world.host(a).id) throw new Error('a way leads to somebody else');
  const names = there.relays.map((id) => world.nameOf(id));
  return [...back.relays].reverse().join() === there.relays.join() ? names : undefined;
}
