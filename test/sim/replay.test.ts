// A whole conversation between routers, recorded and told again: to each of them, from where it came and from elsewhere, whole, in part
// and in any order. Noise, records and datagrams are the real ones here.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Ip, SocketAddress } from '../../router/types.js';
import { realSealing } from '../support/real-trust.js';
import { NETWORK, type World, type WorldHost } from './world.js';
import { inWorld } from './world/in-world.js';
import { wantSession } from './world/sleeves.js';
import { Tap, type Recorded } from './world/tap.js';

const NAMES = ['a', 'b', 'c'];
const SEALED = { sleeve: true, trust: realSealing };
const ELSEWHERE: SocketAddress = { ip: '203.0.113.9' as Ip, port: 40_000 };

/** Three routers that meet, attach, detach, want keys, and one of which starts anew. */
function conversation(world: World): Tap {
  const tap = new Tap(world);
  NAMES.forEach((name, i) => {
    world.start(name, i === 0 ? [] : ['a'], SEALED);
    world.attach(name, `10.32.0.${i + 1}`, `02:00:00:00:00:0${i + 1}`);
  });
  world.until('they meet', () => world.allSeeAll(), 5_000);
  wantSession(world, 'a', 'b');
  wantSession(world, 'b', 'c');
  world.attach('c', '10.32.0.9', '02:00:00:00:00:09');
  world.run(10_000);
  world.restart('c');
  world.detach('c', '10.32.0.9');
  world.run(30_000);
  tap.isRecording = false;
  return tap;
}

/** All that a router believes, and whom it speaks to. */
function stateOf({ router, table, sessions, incarnation }: WorldHost): unknown {
  const { ledger, options, connections, contacts, trust } = router.core;
  return {
    incarnation,
    secret: trust.keys.id,
    records: Buffer.from(options.store.digest()).toString('hex'),
    claims: [...ledger.claims.holders(NETWORK)].map(([key, { owner, seq }]) => `${key} ${owner} ${seq}`).sort(),
    peers: ledger.book.ids().map((id) => [id, ledger.book.get(id)]),
    tables: [table.macs, table.neighs, table.peers, table.members, table.mtu],
    connections: connections.peers.map((peer) => [peer, connections.of(peer)?.conn]),
    targets: contacts.dialer.targets().map(({ text }) => text),
    sessions: [...new Set(sessions.map(({ peer }) => peer))], // they are renewed meanwhile
  };
}

const statesOf = (world: World): unknown => NAMES.map((name) => stateOf(world.host(name)));

/** How often, in all routers, for a reason that begins so. */
const drops = (world: World, what: RegExp): number =>
  NAMES.flatMap((name) => [...world.host(name).router.core.drops])
    .filter(([reason]) => what.test(reason))
    .reduce((sum, [, n]) => sum + n, 0);

/** One thing told again. `chunks`: which parts of a stream, in this order, by their number; undefined: all as they came. */
interface Replay {
  readonly what: number;
  readonly to: number;
  readonly isElsewhere: boolean;
  readonly chunks: readonly number[] | undefined;
}

const anyReplays = fc.array(
  fc.record({
    what: fc.nat(),
    to: fc.nat(NAMES.length - 1),
    isElsewhere: fc.boolean(),
    chunks: fc.option(fc.array(fc.nat(63), { maxLength: 20 }), { nil: undefined }),
  }),
  { minLength: 1, maxLength: 60 },
);

function tell(world: World, tap: Tap, r: Replay): Recorded {
  const what = tap.recorded[r.what % tap.recorded.length]!;
  const all = what.kind === 'stream' ? what.chunks : [];
  const chunks = r.chunks === undefined ? all : r.chunks.map((n) => all[n % Math.max(1, all.length)]!);
  const to = world.host(NAMES[r.to]!).ip;
  tap.replay(what, to, r.isElsewhere ? ELSEWHERE : what.from, all.length === 0 ? [] : chunks);
  return what;
}

/** Tells it all again, in each order and place that comes up, and asserts that nothing comes of it but counted drops. */
function assertNothingComesOf(world: World, tap: Tap, numRuns: number): void {
  const before = statesOf(world);
  const [datagrams, ups] = [/^datagram-(replay|own|stranger|destination)$/, /connection-up/];
  const connected = (): number => NAMES.flatMap((name) => world.host(name).log.filter((l) => ups.test(l))).length;
  const wereUp = connected();
  fc.assert(
    fc.property(anyReplays, (replays) => {
      const counted = drops(world, datagrams);
      const told = replays.map((r) => tell(world, tap, r));
      world.run(100); // what was passed on arrives
      assert.equal(drops(world, datagrams) - counted, told.filter(({ kind }) => kind === 'datagram').length);
      assert.equal(connected(), wereUp);
      assert.deepEqual(statesOf(world), before);
    }),
    { numRuns },
  );
  world.run(20_000); // nor later
  assert.deepEqual(statesOf(world), before);
  assert.equal(drops(world, /^swim-/), 0);
}

/** In the order in which it was, each thing where it came and from where: as often as there are routers, for each it may be new. */
function assertWholeIsRefused(world: World, tap: Tap, from: SocketAddress | undefined): void {
  const before = statesOf(world);
  const counted = drops(world, /^datagram-/);
  for (const to of NAMES)
    for (const what of tap.recorded) {
      tap.replay(what, world.host(to).ip, from ?? what.from, what.kind === 'stream' ? what.chunks : []);
      world.run(20);
    }
  assert.deepEqual(statesOf(world), before);
  const sent = tap.recorded.filter(({ kind }) => kind === 'datagram').length;
  assert.equal(drops(world, /^datagram-/) - counted, NAMES.length * sent);
  assert.ok(drops(world, /^handshake-(forged|stamp)/) > 0, 'no recorded handshake was told again');
}

test('a recorded conversation told again in whole, from where it came and from elsewhere, changes nothing', () =>
  inWorld(11, (world) => {
    const tap = conversation(world);
    assert.ok(tap.recorded.length > 200, `${tap.recorded.length} things were recorded`);
    assertWholeIsRefused(world, tap, undefined);
    assertWholeIsRefused(world, tap, ELSEWHERE);
  }));

test('nor in part and in any order, to any router', () =>
  inWorld(12, (world) => assertNothingComesOf(world, conversation(world), 60)));

test('nor to routers that started anew meanwhile, the destination or the source', () => {
  for (const name of NAMES)
    inWorld(13, (world) => {
      const tap = conversation(world);
      world.restart(name);
      world.run(40_000);
      assertWholeIsRefused(world, tap, undefined);
      assertNothingComesOf(world, tap, 20);
    });
});

test('whoever answers a call of a router with what the right one said once is not connected to', () =>
  inWorld(14, (world) => {
    const tap = conversation(world);
    world.powerOff('b');
    world.run(30_000);
    const dialled = tap.recorded.filter((r) => r.kind === 'stream' && r.outbound);
    let calls = 0;
    tap.answers = () => {
      const stream = dialled[calls++ % dialled.length]!;
      return stream.kind === 'stream' ? stream.chunks : [];
    };
    const a = world.host('a');
    const [before, counted] = [a.router.core.connections.peers.length, drops(world, /^handshake-(forged|stamp)/)];
    world.run(10 * 60_000);
    assert.ok(calls >= 8, `${calls} calls`);
    assert.equal(a.router.core.connections.peers.length, before);
    assert.ok(drops(world, /^handshake-(forged|stamp)/) - counted >= calls / 2, 'they were not taken for an answer');
  }));
