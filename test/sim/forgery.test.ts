// A member that passes on blocks in others' names.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseMac } from '../../router/address.js';
import { encodeBlock, type Block } from '../../router/wire/block.js';
import { encodeIp, encodeMac, ipKey, macKey } from '../../router/wire/records.js';
import { encodeFrame, FrameType } from '../../router/wire/stream.js';
import { NETWORK, type World, type WorldHost } from './world.js';
import { inWorld } from './world/in-world.js';

const MAC = parseMac('02:00:00:00:00:66')!;

/** What `of` would say if the address were its own, signed by the forger. */
function forgedIn(forger: WorldHost, of: WorldHost, kind: 'base' | 'increment'): Uint8Array {
  const { store } = forger.router.core.options;
  const prev = store.head(of.id, NETWORK);
  const records = [
    { key: ipKey('10.32.0.1' as never), seq: 99, value: encodeIp({ mac: MAC }) },
    { key: macKey(MAC), seq: 99, value: encodeMac() },
  ];
  const head = { owner: of.id, topic: NETWORK, version: prev + records.length, records };
  const { publicKey } = of.signatures;
  const block: Block = kind === 'base' ? { ...head, kind, part: 0, parts: 1, publicKey } : { ...head, kind, prev };
  return encodeBlock(block, forger.signatures.sign);
}

function sendToAll(from: WorldHost, block: Uint8Array): void {
  const { connections } = from.router.core;
  for (const peer of connections.peers)
    for (const fx of connections.send(peer, encodeFrame(FrameType.block, block)))
      if (fx.kind === 'send') from.router.network.send(fx.conn, fx.bytes);
}

/** `c` says in the name of `b` that b has a's address. @returns at whom the address is, as the others see it */
function afterForgery(world: World, kind: 'base' | 'increment'): readonly (string | undefined)[] {
  ['a', 'b', 'c', 'd'].forEach((name, i) => {
    world.start(name, name === 'a' ? [] : ['a']);
    world.attach(name, `10.32.0.${i + 1}`, `02:00:00:00:00:0${i + 1}`);
  });
  world.until('they meet', () => world.allSeeAll(), 5_000);
  world.run(5_000);
  world.kill('b'); // else it would take back at once what it never said
  sendToAll(world.host('c'), forgedIn(world.host('c'), world.host('b'), kind));
  world.run(1_000);
  return ['a', 'd']
    .map((name) => world.host(name))
    .map(({ router }) => {
      const holder = router.core.ledger.claims.holderOf(NETWORK, 'ip/10.32.0.1')?.owner;
      return holder && world.nameOf(holder);
    });
}

for (const kind of ['base', 'increment'] as const)
  test(`a member that forges ${kind === 'base' ? 'a base' : 'an increment'} of another changes nothing, and is named`, () =>
    inWorld(7, (world) => {
      assert.deepEqual(afterForgery(world, kind), ['a', 'a']);
      for (const name of ['a', 'd']) {
        const host = world.host(name);
        assert.equal(host.router.core.drops.get('block-signature'), 1);
        assert.deepEqual(host.log.filter((line) => line.startsWith('block-forged')), ['block-forged c']); // prettier-ignore
        const [offence] = host.router.core.offences.shown(host.router.now);
        assert.equal(world.nameOf(offence!.by), 'c');
      }
      world.restart('b');
      world.run(20_000);
      assert.ok(world.allSeeAll());
    }));

test('were forged blocks taken, this would show it', () =>
  inWorld(7, (world) => assert.notDeepEqual(afterForgery(world, 'increment'), ['a', 'a']), {
    believesAll: true,
  }));
