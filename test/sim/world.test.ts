// What a world's network, processes and disks do to the routers in it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { World } from './world.js';
import { inWorld } from './world/in-world.js';
import { names } from './world/shapes.js';

const MAC = '02:00:00:00:00:0a';

/** `n` routers that have met. */
function grow(world: World, n: number): void {
  for (const [i, name] of names(n).entries()) world.start(name, i === 0 ? [] : ['h0']);
  world.until('all see all', () => world.allSeeAll(), 10_000);
  world.run(3_000);
}

const scenario = (sentence: string, run: (world: World) => void, options = {}): void => {
  test(sentence, () => inWorld(1, run, options));
};

const knows = (world: World, name: string, ip: string): boolean => world.host(name).table.neighs.get(ip) === MAC;
const downs = (world: World, name: string): number =>
  world.host(name).log.filter((line) => line.startsWith('connection-down')).length;

scenario('routers meet and agree over wires that lose, delay, double, damage and hold up', (world) => {
  world.wires({ loss: 0.2, latencyMs: 20, jitterMs: 30, duplicates: 0.1, corrupts: 0.02, bitsPerS: 1e6, mtu: 1_500 });
  grow(world, 4);
  world.attach('h3', '10.32.0.3', MAC);
  world.until('known', () => names(3).every((h) => knows(world, h, '10.32.0.3')), 10_000);
});

scenario('a cut of one direction stops streams both ways, and datagrams one', (world) => {
  grow(world, 2);
  world.wire('h0', 'h1', { cut: true });
  world.run(200);
  world.attach('h1', '10.32.0.1', MAC);
  world.run(1_000);
  assert.ok(!knows(world, 'h0', '10.32.0.1'), 'the stream stalls, though its data could pass');
  assert.ok(world.links.reaches(world.host('h1').ip, world.host('h0').ip));
  world.heal();
  world.until('known', () => knows(world, 'h0', '10.32.0.1'), 5_000);
});

scenario('a stream that was cut for a while comes back with the next retransmission, and loses nothing', (world) => {
  grow(world, 2);
  world.partition(['h0'], ['h1']);
  world.attach('h1', '10.32.0.1', MAC);
  world.run(2_000);
  world.heal();
  const ms = world.until('known', () => knows(world, 'h0', '10.32.0.1'), 5_000, 1);
  assert.ok(ms > 500, `after ${ms} ms: TCP tries at 0.2, 0.6, 1.4 and 3 s`);
  assert.equal(downs(world, 'h0') + downs(world, 'h1'), 0);
});

scenario('a killed router’s streams break at once, one without power is missed only later', (world) => {
  grow(world, 3);
  world.kill('h1');
  world.run(50);
  assert.equal(downs(world, 'h0'), 1);
  world.powerOff('h2');
  world.run(1_000);
  assert.equal(downs(world, 'h0'), 1);
  world.until('missed', () => world.seen('h2').join() === 'faulty', 30_000);
  world.restart('h1');
  world.restart('h2');
  world.until('all are back', () => world.allSeeAll(), 10_000);
});

scenario(
  'a router behind a NAT is seen at its outside address, which nobody can call, and survives another mapping',
  (world) => {
    world.nat('h1');
    world.start('h0');
    world.start('h1', [], { founds: false });
    world.connect('h0', 'h1');
    world.run(10_000);
    assert.deepEqual(world.seen('h1'), ['unknown']);
    world.connect('h1', 'h0');
    const remote = (): string | undefined =>
      world.host('h0').router.core.connections.of(world.host('h1').id)?.remote.ip;
    world.until('it came in', () => remote() === '203.0.0.1' && world.allSeeAll(), 2_000);
    world.nat('h1');
    world.until('it came in again', () => remote() === '203.0.0.2', 60_000);
    world.run(60_000);
    assert.ok(world.allSeeAll(), 'also where the NAT gives its datagrams another port');
    world.unNat('h1');
    world.until('it is where it says that it is', () => remote() === world.host('h1').ip, 60_000);
    world.run(60_000);
    assert.ok(world.allSeeAll());
  },
);

scenario('a router that stands still for two seconds loses nothing, and hears what it missed in order', (world) => {
  grow(world, 3);
  world.freeze('h1', 2_000);
  world.attach('h0', '10.32.0.1', MAC);
  world.run(1_999);
  assert.ok(knows(world, 'h2', '10.32.0.1') && !knows(world, 'h1', '10.32.0.1'));
  world.until('it knows', () => knows(world, 'h1', '10.32.0.1'), 50, 1);
});

scenario('a slow router comes to everything late', (world) => {
  grow(world, 3);
  world.slow('h1', 700);
  world.run(1_000);
  world.attach('h0', '10.32.0.1', MAC);
  world.run(690);
  assert.ok(knows(world, 'h2', '10.32.0.1') && !knows(world, 'h1', '10.32.0.1'));
  world.until('it knows', () => knows(world, 'h1', '10.32.0.1'), 50, 1);
});

scenario('a clock that jumps an hour ahead ends no peer, and what was due is done', (world) => {
  grow(world, 5);
  const before = world.host('h1').router.now;
  world.jumpClock('h1', 3_600_000);
  assert.equal(world.host('h1').router.now - before, 3_600_000);
  world.run(30_000);
  assert.ok(world.allSeeAll());
});

scenario('an address that is moved is the new host’s', (world) => {
  grow(world, 3);
  world.attach('h0', '10.32.0.7', MAC, 'e');
  world.run(1_000);
  world.move('e', 'h0', 'h1');
  world.run(1_000);
  assert.equal(world.host('h2').table.macs.get(MAC), world.host('h1').id);
  assert.equal(world.host('h0').table.macs.get(MAC), world.host('h1').id);
});

scenario('stopped and left are seen as such, and who has left is another when it comes back', (world) => {
  grow(world, 4);
  world.attach('h1', '10.32.0.1', MAC);
  world.run(500);
  const { id } = world.host('h2');
  world.stop('h1');
  world.leave('h2');
  world.run(5_000);
  assert.deepEqual([world.seen('h1'), world.seen('h2')], [['stopped', 'stopped'], ['left', 'left']]); // prettier-ignore
  assert.deepEqual(world.running().map((h) => h.name), ['h0', 'h3']); // prettier-ignore
  world.restart('h1');
  world.restart('h2', { dial: ['h0'] });
  world.until('all are back', () => world.allSeeAll(), 5_000);
  assert.notEqual(world.host('h2').id, id);
  assert.equal(world.nameOf(id), 'h2');
  assert.equal(world.host('h0').table.macs.get(MAC), world.host('h1').id);
});

const SLOW_DISKS = { slowDisks: true };

scenario(
  'a crash costs what was written last: a target a quarter of a second, the cache a second and a half',
  (world) => {
    world.start('h0');
    world.start('h1', ['h0']);
    world.run(200);
    world.kill('h1');
    assert.deepEqual(world.host('h1').machine.disk.content.targets, []);
    world.restart('h1', { dial: ['h0'] });
    world.run(1_400);
    world.kill('h1');
    assert.deepEqual(world.host('h1').machine.disk.content.targets, [world.host('h0').ip]);
    assert.equal(world.host('h1').machine.disk.content.cache, undefined);
    world.restart('h1');
    world.run(2_000);
    assert.notEqual(world.host('h1').machine.disk.content.cache, undefined);
    assert.equal(world.host('h1').incarnation, 3);
  },
  SLOW_DISKS,
);

for (const [disk, attached] of [
  ['kept', ['10.32.0.1', '10.32.0.2']],
  ['old', ['10.32.0.1']],
  ['none', []],
] as const)
  scenario(
    `a router that comes back with its disk ${disk} has what is on it, and all agree`,
    (world) => {
      grow(world, 3);
      world.attach('h1', '10.32.0.1', '02:00:00:00:00:01');
      world.run(5_000);
      world.backUp('h1');
      world.attach('h1', '10.32.0.2', '02:00:00:00:00:02');
      world.run(5_000);
      const { id } = world.host('h1');
      world.restart('h1', { disk, dial: ['h0'] });
      world.run(20_000);
      assert.equal(world.host('h1').id === id, disk !== 'none');
      const held = [...world.host('h2').table.macs]
        .filter(([, peer]) => peer === world.host('h1').id)
        .map(([mac]) => mac);
      assert.deepEqual(held.sort(), attached.map((ip) => `02:00:00:00:00:0${ip.at(-1)}`)); // prettier-ignore
    },
    SLOW_DISKS,
  );
