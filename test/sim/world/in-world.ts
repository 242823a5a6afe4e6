import { World, type WorldOptions } from '../world.js';

/** Runs a scenario in a world of its own. @throws Error that names the seed */
export function inWorld(seed: number, run: (world: World) => void, options: WorldOptions = {}): void {
  const world = new World(seed, options);
  try {
    run(world);
  } catch (e) {
    throw new Error(`seed ${seed}: ${(e as Error).message}`, { cause: e });
  } finally {
    world.close();
  }
}
