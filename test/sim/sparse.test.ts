// Meshes above the size up to which all are connected to all: whole routers in virtual time, with a low bound in place of the
// real one, so that a hundred are many.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Neighbours } from '../../router/connection/neighbours.js';
import type { World } from './world.js';
import { inWorld } from './world/in-world.js';
import { deaths, deathsIn, hub, names } from './world/shapes.js';

const FULL_MESH = 16;
const options = { fullMesh: FULL_MESH };
const MINUTE = 60_000;

/** `n` routers, all but the first dialling the first; a few join at once. */
function grow(world: World, n: number): void {
  const [first, ...rest] = names(n);
  world.start(first!, [], options);
  rest.forEach((name, i) => {
    world.start(name, [first!], options);
    if (i % 10 === 9) world.run(100);
  });
}

const counts = (world: World): number[] => world.running().map((h) => h.router.core.connections.count);
const mean = (numbers: readonly number[]): number => numbers.reduce((sum, n) => sum + n, 0) / numbers.length;
const isConnected = (world: World, a: string, b: string): boolean =>
  world.host(a).router.core.connections.of(world.host(b).id) !== undefined;
/** Is this a pair that is connected of its own accord, when all are known that were launched? */
function arePair(world: World, a: string, b: string): boolean {
  const view = new Neighbours(world.host(a).id, FULL_MESH);
  for (const h of world.hosts.values()) view.add(h.id);
  return view.wants(world.host(b).id);
}

test('forty routers keep a few connections each, not 39, and all see all', () => {
  inWorld(1, (world) => {
    grow(world, 40);
    world.until('all see all', () => world.allSeeAll(), 5_000);
    world.run(5 * MINUTE);
    const degrees = counts(world);
    assert.ok(Math.max(...degrees) <= 24, `one has ${Math.max(...degrees)}`);
    assert.ok(Math.min(...degrees) >= 5, `one has ${Math.min(...degrees)}`);
    assert.ok(mean(degrees) < 16, `${mean(degrees)} in the mean`);
    assert.ok(world.allSeeAll());
    assert.deepEqual(deaths(world), []);
  });
});

test('a 60 s partition heals within 10 s, and all see all again', () => {
  inWorld(2, (world) => {
    grow(world, 24);
    world.run(10_000);
    const all = names(24);
    world.partition(all.slice(0, 12), all.slice(12));
    world.run(60_000);
    assert.equal(world.host('h0').router.core.ledger.book.get(world.host('h23').id)?.state, 'faulty');
    world.attach('h0', '10.32.0.1', '02:00:00:00:00:0a');
    world.attach('h23', '10.32.0.9', '02:00:00:00:00:0b');
    world.run(1_000);
    world.heal();
    const isWhole = (): boolean => world.allSeeAll() && world.running().every((h) => h.table.neighs.size === 4);
    world.until('whole again', isWhole, 10_000);
  });
});

test('a hub whose twenty spokes cannot reach each other stays whole, without a false death', () => {
  inWorld(3, (world) => {
    hub(world, 20, options);
    world.until('hub and spokes see all', () => world.allSeeAll(), 10_000);
    world.run(20_000);
    assert.deepEqual(deathsIn(world, 5 * MINUTE), []);
    assert.equal(world.host('h0').router.core.connections.count, 20);
  });
});

test('a spoke that remembers nothing but records finds the hub, though the two are no pair', () => {
  inWorld(3, (world) => {
    const spokes = hub(world, 20, options);
    world.run(20_000);
    const strays = spokes.filter((s) => !arePair(world, 'h0', s)).slice(0, 3);
    for (const s of strays) {
      const disk = world.kill(s);
      world.start(s, [], { ...options, disk, founds: false });
    }
    world.until('all found the hub', () => strays.every((s) => isConnected(world, s, 'h0')), 60_000);
    world.until('all see all', () => world.allSeeAll(), 10_000);
  });
});

test('a connection that traffic asks for comes at once and goes when both ends have no use for it', () => {
  inWorld(4, (world) => {
    grow(world, 18);
    world.run(5 * MINUTE);
    const b = names(18).find((name) => name !== 'h1' && !isConnected(world, 'h1', name))!;
    const want = (from: string, to: string, wanted: boolean): void =>
      world.host(from).router.dispatch({ kind: 'peerWanted', peer: world.host(to).id, wanted });
    want('h1', b, true);
    want(b, 'h1', true);
    world.until('connected', () => isConnected(world, 'h1', b), 1_000);
    world.run(5 * MINUTE);
    assert.ok(isConnected(world, 'h1', b), 'as long as there is traffic');
    want(b, 'h1', false);
    world.run(5 * MINUTE);
    assert.ok(isConnected(world, 'h1', b), 'or one end says that there is');
    want('h1', b, false);
    world.run(5 * MINUTE);
    assert.ok(!isConnected(world, 'h1', b));
    assert.ok(world.allSeeAll());
  });
});

test('a line of nine hosts stays whole, and finds itself again when one in the midst of it was launched anew', () => {
  inWorld(5, (world) => {
    const line = names(9);
    line.forEach((name) => world.start(name, [], { fullMesh: 4 }));
    world.only(line.slice(1).map((name, i) => [line[i]!, name]));
    line.slice(1).forEach((name, i) => world.connect(name, line[i]!));
    world.until('the line sees all', () => world.allSeeAll(), 10_000);
    world.run(20_000);
    assert.deepEqual(deathsIn(world, 5 * MINUTE), []);
    const disk = world.kill('h4');
    world.run(20_000);
    world.start('h4', [], { fullMesh: 4, disk, founds: false });
    world.until('whole again', () => world.allSeeAll(), 30_000);
  });
});

test('two sites that only two hosts join stay joined, though these two are no neighbours', () => {
  inWorld(6, (world) => {
    const all = names(24);
    for (const name of all) world.launch(name, options);
    const other = all.slice(12).find((name) => !arePair(world, 'h0', name))!;
    const right = [other, ...all.slice(12).filter((name) => name !== other)];
    const sites = [all.slice(0, 12), right];
    const within = (site: readonly string[]): [string, string][] =>
      site.flatMap((a, i) => site.slice(i + 1).map((b): [string, string] => [a, b]));
    world.only([...sites.flatMap(within), ['h0', other]]);
    for (const h of world.running()) h.router.start(() => h.router.core.options.addresses);
    for (const [first, ...rest] of sites) for (const name of rest) world.connect(name, first!);
    world.connect('h0', other);
    world.until('all see all', () => world.allSeeAll(), 10_000);
    for (let i = 0; i < 33; i++) {
      world.run(10_000);
      assert.ok(isConnected(world, 'h0', other), `parted after ${i * 10} s`);
    }
    assert.ok(world.allSeeAll());
  });
});
