// An eventful minute of eight routers, in which every part of a world is used: what a test of repeatability runs.
import { seededRandom } from '../../support/virtual-time.js';
import { World } from '../world.js';
import { wantRelay, wantSession } from './sleeves.js';

const HOSTS = ['h0', 'h1', 'h2', 'h3', 'h4', 'h5', 'h6', 'h7'];
const BAD = { loss: 0.05, latencyMs: 0.4, jitterMs: 8, duplicates: 0.02, corrupts: 0.01, bitsPerS: 2e6, mtu: 1_500 };

/** @returns what the trace of it comes to, and the trace where it is asked for */
export function busyLife(seed: number, trace: 'hash' | 'lines' = 'hash'): { digest: string; lines: readonly string[] } {
  const world = new World(seed, { slowDisks: true, kernels: true, trace });
  try {
    live(world, seededRandom(seed + 1));
    for (const { name, machine } of world.hosts.values())
      world.trace!.note(name, JSON.stringify(machine.kernel!.rowTable()));
    return { digest: world.trace!.digest(), lines: world.trace!.lines };
  } finally {
    world.close();
  }
}

function live(world: World, random: () => number): void {
  const pick = (): string => HOSTS[Math.floor(random() * HOSTS.length)]!;
  const rest = (): void => world.run(random() * 6_000);
  for (const [n, name] of HOSTS.entries()) world.start(name, n === 0 ? [] : ['h0'], { sleeve: n % 2 === 0 });
  world.nat('h7');
  world.wires(BAD);
  world.run(10_000);
  for (const [n, name] of HOSTS.entries()) world.attach(name, `10.32.0.${n}`, `02:00:00:00:00:0${n}`, `e${n}`);
  wantSession(world, 'h0', 'h2');
  wantRelay(world, 'h0', 'h4');
  const steps: (() => void)[] = [
    () => world.wire(pick(), pick(), { cut: true }),
    () => world.partition(HOSTS.slice(0, 3), HOSTS.slice(3)),
    () => world.heal(),
    () => world.slow(pick(), random() * 500),
    () => world.freeze(pick(), random() * 5_000),
    () => world.jumpClock(pick(), random() * 60_000),
    () => world.restart(pick(), { disk: 'old' }),
    () => world.restart(pick(), { disk: 'none', dial: ['h0'] }),
    () => world.restart(pick()),
    () => world.nat('h7'),
    () => world.disturb(pick(), 'flush'),
  ];
  for (const step of steps) {
    step();
    rest();
  }
  const owner = HOSTS.find((h) => world.host(h).machine.disk.content.endpoints.has('e1'));
  if (owner !== undefined) world.move('e1', owner, 'h3');
  world.stop('h5');
  world.leave('h6');
  rest();
}
