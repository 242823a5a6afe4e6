// Ways over relays between whole routers.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { snapshotRouter } from '../../router/snapshot.js';
import type { PathReport } from '../../router/types.js';
import type { World } from './world.js';
import { inWorld } from './world/in-world.js';
import { seededRandom } from '../support/virtual-time.js';
import { relaysBetween, walkRelays, wantRelay } from './world/sleeves.js';

const SLEEVE = { sleeve: true };
type Pair = readonly [string, string];

/** All of them running, each dialling those before it; only the given pairs reach each other, or all but the given ones. */
function mesh(
  m: World,
  names: readonly string[],
  reach: { pairs: readonly Pair[] } | { without: readonly Pair[] },
): void {
  for (const [n, name] of names.entries()) m.start(name, names.slice(0, n), SLEEVE);
  const all = names.flatMap((a, n) => names.slice(n + 1).map((b): Pair => [a, b]));
  const isCut = ([a, b]: Pair): boolean =>
    'without' in reach && reach.without.some((p) => p.includes(a) && p.includes(b));
  m.only('pairs' in reach ? reach.pairs : all.filter((pair) => !isCut(pair)));
  m.run(15_000);
}

const drops = (m: World): readonly string[] =>
  m.running().flatMap((h) => [...h.router.core.drops.keys()].filter((reason) => reason.startsWith('relay')));

const path = (m: World, peer: string, overlay: PathReport['overlay']): PathReport => ({
  peer: m.host(peer).id,
  overlay,
  state: 'up',
  reason: '',
  remedy: '',
  rttMs: 1,
  mtu: 1_376,
  txBytes: 0,
  rxBytes: 0,
});

/** Data between the two goes by the overlay, and both say so. */
function carry(m: World, a: string, b: string, overlay: PathReport['overlay']): void {
  for (const [x, y] of [
    [a, b],
    [b, a],
  ] as const)
    // prettier-ignore
    m.host(x).router.dispatch({ kind: 'report', report: { kind: 'path', path: path(m, y, overlay) } });
}

/** No router holds anything for anybody. */
function assertNothingHeld(m: World): void {
  for (const h of m.running()) {
    assert.deepEqual(h.router.core.planes.relaysHeld, { transits: 0, labels: 0, seats: 0, peers: 0 }, h.name);
    assert.deepEqual([h.relays.rules.size, h.relays.ways.size], [0, 0], h.name);
  }
}

test('the ends of a line of four have a way to each other 20 ms after one of them wants it, and not before', () => {
  inWorld(21, (m) => {
    const line = ['a', 'b', 'c', 'd'];
    mesh(m, line, { pairs: line.slice(1).map((name, i) => [line[i]!, name] as const) });
    assertNothingHeld(m);
    wantRelay(m, 'a', 'd');
    m.until('a way', () => relaysBetween(m, 'a', 'd')?.join() === 'b,c', 20, 1);
    const relayed = m.running().map((h) => snapshotRouter(h.router.core, h.router.now).counters['relayedWays']);
    assert.deepEqual(relayed, [0, 1, 1, 0]);
    m.run(10 * 60_000);
    assert.deepEqual(relaysBetween(m, 'a', 'd'), ['b', 'c']);
    wantRelay(m, 'a', 'd', false);
    m.run(31_000);
    assertNothingHeld(m);
    assert.deepEqual(drops(m), []);
  });
});

test('a connection that is dead and not yet known to be is not tried, and both ends that want a way use the same', () => {
  inWorld(22, (m) => {
    const names = ['a', 'b', 'r1', 'r2', 'r3'];
    mesh(m, names, { without: [] });
    m.only(names.flatMap((x, n) => names.slice(n + 1).flatMap((y): Pair[] => (x + y === 'ab' ? [] : [[x, y]]))));
    wantRelay(m, 'a', 'b');
    wantRelay(m, 'b', 'a');
    m.until('a way', () => relaysBetween(m, 'a', 'b')?.length === 1, 20, 1);
    m.run(60_000);
    assert.equal(m.running().reduce((sum, h) => sum + h.router.core.planes.relaysHeld!.transits, 0), 1); // prettier-ignore
    assert.equal(relaysBetween(m, 'a', 'b')?.length, 1);
  });
});

test('a relay that is killed is replaced within 50 ms by another, and comes back without harm', () => {
  inWorld(23, (m) => {
    mesh(m, ['a', 'b', 'r1', 'r2'], { without: [['a', 'b']] });
    wantRelay(m, 'a', 'b');
    wantRelay(m, 'b', 'a');
    m.run(100);
    const [relay] = relaysBetween(m, 'a', 'b')!;
    const disk = m.kill(relay!);
    m.until('another way', () => relaysBetween(m, 'a', 'b') !== undefined, 50, 1);
    assert.notDeepEqual(relaysBetween(m, 'a', 'b'), [relay]);
    m.run(1_000);
    m.start(relay!, [], { ...SLEEVE, disk, founds: false });
    m.run(120_000);
    assert.ok(relaysBetween(m, 'a', 'b'));
  });
});

test('the only relay is killed and launched again: the way is there soon after its connections', () => {
  inWorld(24, (m) => {
    mesh(m, ['hub', 's1', 's2'], { pairs: [['hub', 's1'], ['hub', 's2']] }); // prettier-ignore
    wantRelay(m, 's1', 's2');
    wantRelay(m, 's2', 's1');
    m.run(100);
    assert.deepEqual(relaysBetween(m, 's1', 's2'), ['hub']);
    const disk = m.kill('hub');
    m.run(5_000);
    assert.equal(walkRelays(m, 's1', 's2'), undefined, 'the sleeve was told that there is no way');
    m.start('hub', [], { ...SLEEVE, disk, founds: false });
    m.until('a way', () => relaysBetween(m, 's1', 's2') !== undefined, 10_000);
  });
});

test('an end that is killed and comes back has a way again when it wants one, whichever of the two it is', () => {
  for (const victim of ['s1', 's2'])
    inWorld(25, (m) => {
      mesh(m, ['hub', 's1', 's2'], { pairs: [['hub', 's1'], ['hub', 's2']] }); // prettier-ignore
      wantRelay(m, 's1', 's2');
      wantRelay(m, 's2', 's1');
      m.run(5_000);
      const disk = m.kill(victim);
      m.run(2_000);
      m.start(victim, ['hub'], { ...SLEEVE, disk, founds: false });
      wantRelay(m, victim, victim === 's1' ? 's2' : 's1');
      m.until('a way', () => relaysBetween(m, 's1', 's2') !== undefined, 5_000);
      m.run(100_000);
      assert.ok(relaysBetween(m, 's1', 's2'));
      assert.equal(m.host('hub').router.core.planes.relaysHeld!.transits, 1);
    });
});

test('a router without a sleeve is no relay, and another takes its place at once', () => {
  for (const seed of [26, 27, 28])
    inWorld(seed, (m) => {
      m.start('a', [], SLEEVE);
      for (const name of ['b', 'r1']) m.start(name, ['a'], SLEEVE);
      m.start('r2', ['a']);
      m.run(10_000);
      wantRelay(m, 'a', 'b');
      m.until('a way', () => relaysBetween(m, 'a', 'b')?.join() === 'r1', 50, 1);
    });
});

test('connections that data does not go over are no part of a way while there is a longer one without them', () => {
  inWorld(29, (m) => {
    const names = ['a', 'b', 'gate-a', 'gate-b'];
    mesh(m, names, { without: [] });
    for (const [x, y] of [['a', 'gate-a'], ['gate-a', 'gate-b'], ['gate-b', 'b']] as const) carry(m, x, y, 'vxlan'); // prettier-ignore
    m.run(2_000);
    wantRelay(m, 'a', 'b');
    m.until('a way', () => relaysBetween(m, 'a', 'b')?.join() === 'gate-a,gate-b', 50, 1);
    carry(m, 'a', 'gate-b', 'sleeve');
    carry(m, 'a', 'gate-a', 'relay');
    m.run(2_000);
    m.host('a').router.dispatch({ kind: 'relayFailed', peer: m.host('b').id, via: m.host('gate-a').id });
    m.until('another way', () => relaysBetween(m, 'a', 'b')?.join() === 'gate-b', 50, 1);
  });
});

test('a peer that leaves takes its ways along', () => {
  inWorld(30, (m) => {
    mesh(m, ['hub', 's1', 's2'], { pairs: [['hub', 's1'], ['hub', 's2']] }); // prettier-ignore
    wantRelay(m, 's1', 's2');
    m.run(5_000);
    m.host('s2').router.dispatch({ kind: 'ending', state: 'left' });
    m.run(2_000);
    assert.equal(m.host('s1').relays.ways.size, 0);
    assert.equal(m.host('hub').relays.rules.size, 0);
  });
});

test('in meshes that are cut and heal at random no way leads astray, and all that want one and can have one come to have it', () => {
  for (const seed of [41, 42])
    inWorld(seed, (m) => {
      const [names, random] = [['a', 'b', 'c', 'd', 'e', 'f', 'g'], seededRandom(seed)];
      const all = names.flatMap((x, n) => names.slice(n + 1).map((y): Pair => [x, y]));
      const ring = names.map((x, n): Pair => [x, names[(n + 1) % names.length]!]);
      mesh(m, names, { without: [] });
      const wanted = all.filter(() => random() < 0.3);
      for (const [x, y] of wanted) wantRelay(m, x, y);
      for (let round = 0; round < 8; round++) {
        m.only(all.filter(() => random() < 0.35));
        for (let s = 0; s < 10; s++) {
          m.run(1_000);
          for (const [x, y] of all) relaysBetween(m, x, y); // throws when a way leads to somebody else, or in a circle
        }
      }
      m.only(ring);
      m.run(120_000);
      for (const [x, y] of wanted) assert.ok(relaysBetween(m, x, y), `${x} has no way to ${y}`);
      for (const [x, y] of wanted) wantRelay(m, x, y, false);
      m.run(125_000);
      assertNothingHeld(m);
    });
});
