// Meshes of a shape, and who is held for dead in them while nobody dies.
import type { World } from '../world.js';

export const names = (n: number): string[] => Array.from({ length: n }, (_, i) => `h${i}`);

/** `h0` and `n` others that reach it alone. @returns the others */
export function hub(world: World, n: number, options?: Parameters<World['start']>[2]): readonly string[] {
  const spokes = names(n + 1).slice(1);
  world.start('h0', [], options);
  for (const s of spokes) world.start(s, [], options);
  world.only(spokes.map((s) => ['h0', s]));
  for (const s of spokes) world.connect(s, 'h0');
  return spokes;
}

/** The deaths that routers noted. @param since how long each one's log was; from the beginning if it is left out */
export const deaths = (world: World, since: readonly number[] = []): string[] =>
  world.running().flatMap((h, i) => h.log.slice(since[i]).filter((line) => line.startsWith('peer-faulty')));

/** Lets time pass. @returns the deaths that routers noted in it */
export function deathsIn(world: World, ms: number): string[] {
  const since = world.running().map((h) => h.log.length);
  world.run(ms);
  return deaths(world, since);
}
