// Whole routers in virtual time: joins, deaths, cuts, moves. The bounds are those that docs promise, in virtual time and
// so without noise; a failure prints its seed.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { World } from './world.js';
import { inWorld } from './world/in-world.js';
import { deathsIn, hub, names } from './world/shapes.js';

const SEEDS = [1, 2, 3];
const MAC_A = '02:00:00:00:00:0a';
const MAC_B = '02:00:00:00:00:0b';

/** Runs the scenario under each seed. */
function scenario(sentence: string, run: (mesh: World) => void, seeds: readonly number[] = SEEDS): void {
  test(sentence, () => {
    for (const seed of seeds) inWorld(seed, run);
  });
}

/** `n` routers, all but the first dialling the first. */
function fullMesh(mesh: World, n: number): void {
  const [first, ...rest] = names(n);
  mesh.start(first!);
  for (const name of rest) mesh.start(name, [first!]);
}

const connectedPairs = (mesh: World): number =>
  mesh.running().reduce((sum, h) => sum + h.router.core.connections.count, 0) / 2;

scenario('ten routers from one seed all see all within 2 s, by one connection a pair', (mesh) => {
  fullMesh(mesh, 10);
  mesh.until('all see all', () => mesh.allSeeAll() && connectedPairs(mesh) === 45, 2_000);
});

scenario('an attach is in every table within 50 ms', (mesh) => {
  fullMesh(mesh, 10);
  mesh.run(5_000);
  mesh.attach('h3', '10.32.0.3', MAC_A);
  const others = mesh.running().filter((h) => h.name !== 'h3');
  mesh.until('known to all', () => others.every((h) => h.table.neighs.get('10.32.0.3') === MAC_A), 50, 1);
  for (const h of others) assert.equal(h.table.macs.get(MAC_A), mesh.host('h3').id);
  for (const h of others) assert.deepEqual([...h.table.members], [mesh.host('h3').id]);
});

scenario('a killed router is faulty for all within 5 s, and what it announced stays in force', (mesh) => {
  fullMesh(mesh, 10);
  mesh.attach('h4', '10.32.0.4', MAC_A);
  mesh.run(10_000);
  mesh.kill('h4');
  mesh.until('faulty for all', () => mesh.seen('h4').every((s) => s === 'faulty'), 5_000);
  mesh.run(60_000);
  for (const h of mesh.running()) assert.equal(h.table.macs.get(MAC_A), mesh.host('h4').id);
  mesh.attach('h5', '10.32.0.5', MAC_B);
  mesh.run(1_000);
  for (const h of mesh.running()) if (h.name !== 'h5') assert.equal(h.table.neighs.get('10.32.0.5'), MAC_B);
});

scenario('an answer that was on its way while our clock jumped makes nobody wait for the dead', (mesh) => {
  fullMesh(mesh, 2);
  mesh.wires({ latencyMs: 300 });
  for (const waitMs of [0, 150, 300, 450, 600, 750]) {
    mesh.run(10_000 + waitMs);
    mesh.jumpClock('h0', 3_600_000);
    mesh.run(800);
    mesh.powerOff('h1');
    mesh.until('faulty', () => mesh.seen('h1').join() === 'faulty', 12_000);
    mesh.restart('h1');
    mesh.until('back', () => mesh.allSeeAll(), 20_000);
  }
});

scenario('a killed router that comes back is alive for all within 2 s', (mesh) => {
  fullMesh(mesh, 5);
  mesh.run(10_000);
  const disk = mesh.kill('h2');
  mesh.run(20_000);
  mesh.start('h2', [], { disk, founds: false });
  mesh.until('alive again', () => mesh.allSeeAll(), 2_000);
});

scenario('a restart never withdraws what is attached', (mesh) => {
  fullMesh(mesh, 3);
  mesh.attach('h1', '10.32.0.1', MAC_A);
  mesh.run(5_000);
  const disk = mesh.kill('h1');
  mesh.run(1_000);
  const h0 = mesh.host('h0');
  const back = mesh.launch('h1', { disk, founds: false });
  mesh.attachAgain('h1', '10.32.0.1', MAC_A);
  back.router.start(() => back.router.core.options.addresses);
  for (let ms = 0; ms < 5_000; ms++) {
    mesh.run(1);
    assert.equal(h0.table.macs.get(MAC_A), back.id, `withdrawn ${ms} ms after the restart`);
  }
  assert.ok(back.settled);
});

scenario('a 60 s partition heals within 5 s of the link, and each half goes on meanwhile', (mesh) => {
  fullMesh(mesh, 10);
  mesh.run(10_000);
  const [left, right] = [names(10).slice(0, 4), names(10).slice(4)];
  mesh.partition(left, right);
  mesh.run(30_000);
  assert.deepEqual(
    new Set(
      mesh
        .running()
        .filter((h) => left.includes(h.name))
        .map((h) => h.router.core.ledger.book.get(mesh.host('h9').id)?.state),
    ),
    new Set(['faulty']),
  );
  mesh.attach('h0', '10.32.0.1', MAC_A);
  mesh.attach('h9', '10.32.0.9', MAC_B);
  mesh.run(30_000);
  for (const h of left.slice(1)) assert.equal(mesh.host(h).table.neighs.get('10.32.0.1'), MAC_A);
  mesh.heal();
  const isWhole = (): boolean =>
    mesh.allSeeAll() && mesh.running().every((h) => h.table.neighs.size === 4 && connectedPairs(mesh) === 45);
  mesh.until('whole again', isWhole, 5_000);
});

scenario('`stop` is seen as stopped, not faulty, and `leave` takes everything along', (mesh) => {
  fullMesh(mesh, 4);
  mesh.attach('h1', '10.32.0.1', MAC_A);
  mesh.attach('h2', '10.32.0.2', MAC_B);
  mesh.run(5_000);
  mesh.host('h1').router.dispatch({ kind: 'ending', state: 'stopped' });
  mesh.run(50);
  mesh.kill('h1');
  mesh.run(20_000);
  assert.deepEqual(mesh.seen('h1'), ['stopped', 'stopped', 'stopped']);
  mesh.host('h2').router.dispatch({ kind: 'ending', state: 'left' });
  mesh.run(200);
  mesh.kill('h2');
  mesh.run(20_000);
  assert.deepEqual(mesh.seen('h2'), ['left', 'left']);
  for (const h of mesh.running()) {
    assert.equal(h.table.macs.get(MAC_A), mesh.host('h1').id);
    assert.equal(h.table.macs.get(MAC_B), undefined);
    assert.equal(h.table.neighs.get('10.32.0.2'), undefined);
  }
});

scenario(
  'a hub with 10 spokes joins within 5 s, without a false death in 10 minutes',
  (mesh) => {
    hub(mesh, 10);
    mesh.until('hub and spokes see all', () => mesh.allSeeAll(), 5_000);
    assert.deepEqual(deathsIn(mesh, 600_000), []);
  },
  [1],
);

scenario(
  'a line of 5 hosts joins within 5 s, without a false death in 10 minutes',
  (mesh) => {
    const line = names(5);
    line.forEach((name) => mesh.start(name));
    mesh.only(line.slice(1).map((name, i) => [line[i]!, name]));
    line.slice(1).forEach((name, i) => mesh.connect(name, line[i]!));
    mesh.until('the line sees all', () => mesh.allSeeAll(), 5_000);
    mesh.attach('h0', '10.32.0.1', MAC_A);
    assert.deepEqual(deathsIn(mesh, 600_000), []);
    assert.equal(mesh.host('h4').table.macs.get(MAC_A), mesh.host('h0').id);
  },
  [1],
);

scenario(
  'no false death at 5 % loss of datagrams in 10 minutes',
  (mesh) => {
    mesh.lose(0.05);
    fullMesh(mesh, 10);
    assert.deepEqual(deathsIn(mesh, 600_000), []);
  },
  [1],
);

scenario('an address that moves belongs to the new owner at once, and never again to the old one', (mesh) => {
  fullMesh(mesh, 4);
  mesh.attach('h1', '10.32.0.7', MAC_A, 'e');
  mesh.run(5_000);
  mesh.partition(['h0', 'h2', 'h3'], ['h1']); // the detach cannot be heard
  mesh.run(10_000);
  mesh.detach('h1', 'e');
  mesh.attach('h2', '10.32.0.7', MAC_B);
  mesh.run(100);
  const owner = (): (string | undefined)[] => ['h0', 'h3'].map((h) => mesh.host(h).table.neighs.get('10.32.0.7'));
  assert.deepEqual(owner(), [MAC_B, MAC_B]);
  mesh.heal();
  for (let i = 0; i < 500; i++) {
    mesh.run(20);
    assert.deepEqual(owner(), [MAC_B, MAC_B]);
  }
  mesh.detach('h2', '10.32.0.7');
  mesh.run(100);
  assert.deepEqual(owner(), [undefined, undefined]);
});

scenario('two claims made on both sides of a cut end with one owner, and the loser is told', (mesh) => {
  fullMesh(mesh, 4);
  mesh.run(5_000);
  mesh.partition(['h0', 'h1'], ['h2', 'h3']);
  mesh.run(10_000);
  mesh.attach('h1', '10.32.0.7', MAC_A);
  mesh.attach('h3', '10.32.0.7', MAC_B);
  mesh.run(1_000);
  mesh.heal();
  mesh.run(10_000);
  const owners = new Set(mesh.running().map((h) => h.table.neighs.get('10.32.0.7')));
  assert.equal(owners.size, 1);
  const lost = ['h1', 'h3'].filter((h) => mesh.host(h).log.some((line) => line.startsWith('claim-lost ip/10.32.0.7')));
  assert.equal(lost.length, 1);
  const winner = lost[0] === 'h1' ? 'h3' : 'h1';
  mesh.detach(winner, '10.32.0.7');
  mesh.run(1_000);
  const mac = lost[0] === 'h1' ? MAC_A : MAC_B; // the loser still has it: it is the loser's again
  for (const h of mesh.running()) assert.equal(h.table.neighs.get('10.32.0.7'), mac, h.name);
});

scenario('an empty founder takes over the definition of the network that is in use', (mesh) => {
  mesh.start('h0', [], { mtu: 1376 });
  mesh.attach('h0', '10.32.0.1', MAC_A);
  mesh.start('h1', [], { mtu: 8876, founds: true });
  mesh.start('h2', [], { mtu: 1276, founds: true });
  mesh.run(1_000);
  mesh.connect('h1', 'h0');
  mesh.connect('h2', 'h1');
  mesh.run(5_000);
  for (const h of mesh.running()) assert.equal(h.table.mtu, 1376, h.name);
});

scenario('a definition outlives the restart of every router, whatever they would found themselves', (mesh) => {
  mesh.start('h0', [], { mtu: 1276 });
  mesh.attach('h0', '10.32.0.1', MAC_A);
  mesh.start('h1', ['h0']);
  mesh.start('h2', ['h0']);
  mesh.run(5_000);
  const disks = ['h0', 'h1', 'h2'].map((h) => [h, mesh.kill(h)] as const);
  for (const [h, disk] of disks) mesh.start(h, [], { disk, mtu: 8876, founds: true });
  for (const h of mesh.running()) assert.equal(h.table.mtu, 1276, `${h.name} at once`);
  mesh.run(10_000);
  for (const h of mesh.running()) assert.equal(h.table.mtu, 1276, h.name);
});

scenario('a forgotten peer is gone everywhere and stays gone, until it is launched again', (mesh) => {
  fullMesh(mesh, 4);
  mesh.attach('h3', '10.32.0.3', MAC_A);
  mesh.run(5_000);
  const disk = mesh.kill('h3');
  mesh.run(20_000);
  mesh.host('h0').router.dispatch({ kind: 'forgetPeer', peer: mesh.host('h3').id });
  mesh.run(30_000);
  assert.deepEqual(mesh.seen('h3'), ['unknown', 'unknown', 'unknown']);
  for (const h of mesh.running()) assert.equal(h.table.macs.size, 0);
  mesh.start('h3', ['h1'], { disk, founds: false });
  mesh.until('welcome again', () => mesh.allSeeAll(), 5_000);
});

scenario('a peer that died while we were away is faulty within 15 s, not suspect for ever', (mesh) => {
  fullMesh(mesh, 2);
  mesh.run(5_000);
  const disk = mesh.kill('h0');
  mesh.kill('h1');
  mesh.start('h0', [], { disk, founds: false });
  mesh.run(15_000);
  assert.deepEqual(mesh.seen('h1'), ['faulty']);
});

scenario('a peer that was forgotten while it was only cut off comes back with all it has', (mesh) => {
  fullMesh(mesh, 4);
  mesh.attach('h3', '10.32.0.3', MAC_A);
  mesh.run(5_000);
  mesh.partition(['h0', 'h1', 'h2'], ['h3']);
  mesh.run(20_000);
  mesh.host('h0').router.dispatch({ kind: 'forgetPeer', peer: mesh.host('h3').id });
  mesh.run(5_000);
  for (const h of ['h0', 'h1', 'h2']) assert.equal(mesh.host(h).table.macs.size, 0);
  mesh.heal();
  mesh.run(15_000);
  assert.ok(mesh.allSeeAll());
  for (const h of ['h0', 'h1', 'h2']) assert.equal(mesh.host(h).table.macs.get(MAC_A), mesh.host('h3').id, h);
});

scenario('what a forgotten peer wrote does not come back through a router that was away', (mesh) => {
  fullMesh(mesh, 4);
  mesh.attach('h3', '10.32.0.3', MAC_A);
  mesh.run(5_000);
  const [high, low] = ['h0', 'h1'].sort((a, b) => (mesh.host(a).id < mesh.host(b).id ? 1 : -1)) as [string, string];
  mesh.partition([high, 'h2'], [low]);
  mesh.kill('h3');
  mesh.run(20_000);
  mesh.host(high).router.dispatch({ kind: 'forgetPeer', peer: mesh.host('h3').id });
  mesh.run(2_000);
  const disk = mesh.kill(high);
  mesh.kill('h2');
  mesh.start(high, [low], { disk, founds: false });
  mesh.heal();
  mesh.run(20_000);
  for (const h of [high, low]) assert.equal(mesh.host(h).table.macs.size, 0, h);
  assert.deepEqual(mesh.seen('h3'), ['unknown', 'unknown']);
});

scenario('a state directory set back to a backup ends in one truth for all', (mesh) => {
  fullMesh(mesh, 3);
  mesh.run(5_000);
  const backup = mesh.host('h1').router.core.options.store.save();
  mesh.attach('h1', '10.32.0.1', MAC_A);
  mesh.run(2_000);
  mesh.kill('h1');
  mesh.host('h1').incarnation--; // the backup has the incarnation file as well
  mesh.partition(['h0', 'h2'], ['h1']);
  mesh.start('h1', ['h0'], { disk: backup, founds: false });
  for (const n of [7, 8, 9]) mesh.attach('h1', `10.32.0.${n}`, `02:00:00:00:00:0${n}`);
  mesh.heal();
  mesh.run(20_000);
  for (const h of ['h0', 'h2']) {
    const ips = [...mesh.host(h).table.neighs.keys()].filter((ip) => ip.startsWith('10.')).sort();
    assert.deepEqual(ips, ['10.32.0.7', '10.32.0.8', '10.32.0.9'], h);
  }
});

scenario('after a heal every dial has had an outcome', (mesh) => {
  fullMesh(mesh, 10);
  for (let i = 0; i < 3; i++) {
    mesh.run(5_000);
    mesh.partition(names(10).slice(0, 5), names(10).slice(5));
    mesh.run(15_000);
    mesh.heal();
  }
  mesh.until('whole again', () => mesh.allSeeAll() && connectedPairs(mesh) === 45, 5_000);
  mesh.run(5_000);
  for (const h of mesh.running()) assert.equal(h.router.core.contacts.dialer.dialling, 0, h.name);
});

scenario(
  'the same seed gives the same run',
  (mesh) => {
    const run = (m: World): string => {
      m.lose(0.1);
      fullMesh(m, 6);
      m.run(20_000);
      m.kill('h3');
      m.run(20_000);
      return JSON.stringify([...m.hosts.values()].map((h) => h.log));
    };
    const first = run(mesh);
    mesh.close();
    const again = new World(1);
    const second = run(again);
    again.close();
    assert.equal(first, second);
  },
  [1],
);
