// Sessions between whole routers, over connections and relays.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Session } from '../../router/session/side.js';
import type { World, WorldHost } from './world.js';
import { inWorld } from './world/in-world.js';
import { wantSession } from './world/sleeves.js';

const SLEEVE = { sleeve: true };

/** The last session that the host may send with. */
function lastSession(host: WorldHost, peer: WorldHost): Session | undefined {
  const confirmed = new Set(host.sessions.flatMap((fx) => (fx.kind === 'sessionConfirmed' ? [fx.receiveIndex] : [])));
  const mine = host.sessions.flatMap((fx) => (fx.kind === 'session' && fx.peer === peer.id ? [fx] : []));
  return mine.findLast((s) => s.confirmed || confirmed.has(s.receiveIndex));
}

function isCrossed(mesh: World, a: string, b: string): boolean {
  const [x, y] = [lastSession(mesh.host(a), mesh.host(b)), lastSession(mesh.host(b), mesh.host(a))];
  if (x === undefined || y === undefined || x.sendIndex !== y.receiveIndex || x.receiveIndex !== y.sendIndex)
    return false;
  assert.deepEqual([x.sendKey, x.receiveKey], [y.receiveKey, y.sendKey]);
  return true;
}

const drops = (host: WorldHost): string[] =>
  [...host.router.core.drops.keys()].filter((reason) => reason.startsWith('session'));

test('two routers have a session within 50 ms of wanting one, and none before', () => {
  inWorld(1, (mesh) => {
    mesh.start('a', [], SLEEVE);
    mesh.start('b', ['a'], SLEEVE);
    mesh.run(5_000);
    assert.equal(mesh.host('a').sessions.length, 0);
    wantSession(mesh, 'a', 'b');
    mesh.until('a session', () => isCrossed(mesh, 'a', 'b'), 50, 1);
    assert.deepEqual([...drops(mesh.host('a')), ...drops(mesh.host('b'))], []);
  });
});

test('sessions wanted before the routers have met are there when they do', () => {
  inWorld(2, (mesh) => {
    mesh.start('a', [], SLEEVE);
    mesh.start('b', [], { ...SLEEVE, founds: false });
    wantSession(mesh, 'a', 'b');
    mesh.run(20_000);
    mesh.connect('b', 'a');
    mesh.until('a session', () => isCrossed(mesh, 'a', 'b'), 1_000);
  });
});

test('a router that was killed and comes back has a session again when it wants one, whichever of the two it is', () => {
  for (const victim of ['a', 'b'])
    inWorld(3, (mesh) => {
      const other = victim === 'a' ? 'b' : 'a';
      mesh.start('a', [], SLEEVE);
      mesh.start('b', ['a'], SLEEVE);
      wantSession(mesh, 'a', 'b');
      mesh.run(5_000);
      const disk = mesh.kill(victim);
      mesh.run(10_000);
      mesh.start(victim, [other], { ...SLEEVE, disk, founds: false });
      wantSession(mesh, 'a', 'b');
      mesh.until('a new session', () => isCrossed(mesh, 'a', 'b'), 3_000);
    });
});

test('spokes that cannot reach each other agree through the hub, which reads nothing of it, and renew what they have', () => {
  inWorld(4, (mesh) => {
    mesh.start('hub');
    mesh.start('s1', ['hub'], SLEEVE);
    mesh.start('s2', ['hub'], SLEEVE);
    mesh.only([
      ['hub', 's1'],
      ['hub', 's2'],
    ]);
    mesh.run(5_000);
    wantSession(mesh, 's1', 's2');
    mesh.until('a session', () => isCrossed(mesh, 's1', 's2'), 50, 1);
    assert.equal(mesh.host('hub').sessions.length, 0);
    mesh.run(10 * 60_000);
    assert.ok(isCrossed(mesh, 's1', 's2'));
    const made = mesh.host('s1').sessions.filter((fx) => fx.kind === 'session').length;
    assert.ok(made >= 5 && made <= 6, `${made} sessions in ten minutes`);
    assert.deepEqual(drops(mesh.host('hub')), []);
  });
});

test('at the ends of a line of five hosts a session comes through three relays', () => {
  inWorld(5, (mesh) => {
    const line = ['a', 'b', 'c', 'd', 'e'];
    for (const [i, name] of line.entries()) mesh.start(name, i === 0 ? [] : [line[i - 1]!], SLEEVE);
    mesh.only(line.slice(1).map((name, i) => [line[i]!, name] as const));
    mesh.run(10_000);
    wantSession(mesh, 'a', 'e');
    mesh.until('a session', () => isCrossed(mesh, 'a', 'e'), 100, 1);
  });
});

test('a session outlives the loss of every way to the peer, and is renewed when there is one again', () => {
  inWorld(6, (mesh) => {
    mesh.start('a', [], SLEEVE);
    mesh.start('b', ['a'], SLEEVE);
    wantSession(mesh, 'a', 'b');
    mesh.run(5_000);
    mesh.partition(['a'], ['b']);
    mesh.run(5 * 60_000);
    assert.ok(isCrossed(mesh, 'a', 'b'));
    assert.ok(!mesh.host('a').sessions.some((fx) => fx.kind === 'sessionLost'));
    const before = lastSession(mesh.host('a'), mesh.host('b'))!.receiveIndex;
    mesh.heal();
    mesh.until(
      'a new session',
      () => isCrossed(mesh, 'a', 'b') && lastSession(mesh.host('a'), mesh.host('b'))!.receiveIndex !== before,
      5_000,
    );
  });
});

test('a peer that leaves loses its session everywhere', () => {
  inWorld(7, (mesh) => {
    mesh.start('a', [], SLEEVE);
    mesh.start('b', ['a'], SLEEVE);
    wantSession(mesh, 'a', 'b');
    mesh.run(5_000);
    mesh.host('b').router.dispatch({ kind: 'ending', state: 'left' });
    mesh.run(2_000);
    assert.deepEqual(mesh.host('a').sessions.at(-1), { kind: 'sessionLost', peer: mesh.host('b').id, reason: 'left' });
  });
});

test('who has no sleeve makes no session, and the other asks ever more seldom', () => {
  inWorld(8, (mesh) => {
    mesh.start('a', [], SLEEVE);
    mesh.start('b', ['a']);
    mesh.run(2_000);
    wantSession(mesh, 'a', 'b');
    mesh.run(120_000);
    assert.equal(mesh.host('a').sessions.length + mesh.host('b').sessions.length, 0);
    const asked = mesh.host('b').router.core.drops.get('session-unwanted')!;
    assert.ok(asked >= 5 && asked <= 9, `${asked} frames in two minutes`);
  });
});
