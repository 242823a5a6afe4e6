// Routers whose tables are brought to fake kernels by the real plans, and what frames do by them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../support/virtual-time.js';
import type { World } from './world.js';
import { inWorld } from './world/in-world.js';
import { portOfEndpoint } from './world/frames.js';

const HOSTS = ['h0', 'h1', 'h2', 'h3'];
const KERNELS = { kernels: { refuses: 0, losesNews: 0 } } as const;

function grow(world: World): void {
  for (const [n, name] of HOSTS.entries()) world.start(name, n === 0 ? [] : ['h0']);
  world.until('all see all', () => world.allSeeAll(), 10_000);
  for (const [n, name] of HOSTS.entries()) attach(world, name, n);
  world.run(1_000);
}

const ipOf = (n: number): string => `10.32.0.${n}`;
const attach = (world: World, name: string, n: number): void =>
  world.attach(name, ipOf(n), `02:00:00:00:00:${n.toString(16).padStart(2, '0')}`, `e${n}`);

/** The endpoints that there are, by their number, and their hosts. */
function placed(world: World): [number, string][] {
  const of = (name: string): string[] => [...world.host(name).machine.disk.content.endpoints.keys()];
  return HOSTS.flatMap((name) => of(name).map((id): [number, string] => [Number(id.slice(1)), name]));
}

/** Every kernel is as planned, every frame arrives where it should, and a broadcast once at each host that has an endpoint. */
function assertForwards(world: World): void {
  for (const { name, loop } of world.running()) assert.deepEqual(loop!.differences(), [], name);
  const all = placed(world);
  const members = new Set(all.map(([, host]) => host));
  for (const from of HOSTS) {
    for (const [n, at] of all)
      assert.deepEqual(
        world.frame(from, ipOf(n)),
        { kind: 'arrived', at, port: portOfEndpoint(`e${n}`) },
        `from ${from}`,
      );
    assert.deepEqual([...world.broadcast(from)].sort(), [...members].filter((m) => m !== from).sort());
  }
}

test('frames arrive by the kernels’ tables, broadcasts once at each member', () => {
  inWorld(1, (world) => {
    grow(world);
    assertForwards(world);
    world.detach('h2', 'e2');
    world.run(500);
    assert.deepEqual(world.frame('h0', ipOf(2)), { kind: 'dropped', at: 'h0', why: 'nobody answers ARP' });
    assertForwards(world);
  }, KERNELS); // prettier-ignore
});

test('a kernel forwards on while its router is dead, and nothing is lost when it comes back', () => {
  inWorld(2, (world) => {
    grow(world);
    world.kill('h1');
    for (let s = 0; s < 30; s++) {
      world.run(1_000);
      assertForwards(world);
    }
    world.restart('h1');
    for (let ms = 0; ms < 5_000; ms += 10) {
      world.run(10);
      for (const [n, at] of placed(world))
        for (const from of HOSTS) assert.equal(world.frame(from, ipOf(n)).at, at, `${ms} ms after the restart`);
    }
    assertForwards(world);
    world.powerOff('h3');
    world.run(2_000);
    assert.equal(world.frame('h0', ipOf(3)).kind, 'dropped');
    world.restart('h3');
    world.run(5_000);
    assertForwards(world);
  }, KERNELS); // prettier-ignore
});

test('what another tool does to a kernel is undone within two seconds', () => {
  for (const how of ['flush', 'deleteVxlan', 'deleteBridge', 'bridgeDown', 'unseenFlush'] as const)
    inWorld(3, (world) => {
      grow(world);
      world.disturb('h1', how);
      assert.notDeepEqual(world.host('h1').loop!.differences(), [], how);
      world.until(`${how} is undone`, () => world.host('h1').loop!.differences().length === 0, 2_000);
      assertForwards(world);
    }, KERNELS); // prettier-ignore
});

for (const [faults, restMs] of [
  [{ refuses: 0.1, losesNews: 0 }, 3_000], // who was launched last hears of the others
  [{ refuses: 0, losesNews: 0.2 }, 80_000], // news that was lost is made up for by reading back
] as const)
  test(`kernels that refuse ${faults.refuses} and lose ${faults.losesNews} of the news end as planned, whatever happens`, () => {
    for (const seed of [11, 12, 13, 14])
    inWorld(seed, (world) => {
      const random = seededRandom(seed);
      const pick = <T>(of: readonly T[]): T => of[Math.floor(random() * of.length)]!;
      grow(world);
      for (let n = 10; n < 50; n++) {
        const name = pick(world.running()).name;
        const roll = random();
        if (roll < 0.4) attach(world, name, n);
        else if (roll < 0.55) world.detach(name, pick([...world.host(name).machine.disk.content.endpoints.keys(), 'none']));
        else if (roll < 0.65) world.restart(name);
        else if (roll < 0.9) world.disturb(name, pick(['flush', 'deleteVxlan', 'deleteBridge', 'bridgeDown', 'unseenFlush']));
        else if (world.running().length > 2) world.kill(name);
        world.run(random() ** 3 * 5_000);
      }
      for (const name of HOSTS) if (!world.isRunning(name)) world.restart(name);
      world.run(restMs);
      world.until('quiet', () => world.running().every(({ loop }) => loop!.isQuiet), 30_000);
      assertForwards(world);
    }, { kernels: faults }); // prettier-ignore
  });
