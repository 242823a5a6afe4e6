import assert from 'node:assert/strict';
import { test } from 'node:test';
import { incarnationOf } from '../../router/gossip/store.js';
import { NETWORK } from '../sim/world.js';
import { inWorld } from '../sim/world/in-world.js';

test('who begins anew tells at once who it is, with what it has', () => {
  inWorld(1, (world) => {
    const a = world.start('a');
    const b = world.start('b', ['a']);
    world.attach('a', '10.32.0.1', '02:00:00:00:00:01');
    world.run(5_000);
    a.router.dispatch({ kind: 'addresses', addresses: [{ ip: a.ip, port: 6784 }] }); // `core` goes out, and rests for 200 ms
    a.router.dispatch({ kind: 'raised', incarnation: 9 });
    world.run(5);
    const { store } = b.router.core.options;
    assert.deepEqual(
      [NETWORK, 'core' as const].map((topic) => incarnationOf(store.head(a.id, topic))),
      [9, 9],
    );
    assert.equal(a.router.core.incarnation, 9);
  });
});

test('a change of `core` waits for others of the same 200 ms', () => {
  inWorld(1, (world) => {
    const a = world.start('a');
    const b = world.start('b', ['a']);
    world.run(5_000);
    const portOfA = (): number | undefined => b.router.core.ledger.book.get(a.id)?.record?.addresses[0]?.port;
    for (const port of [6784, 6785, 6786]) {
      a.router.dispatch({ kind: 'addresses', addresses: [{ ip: a.ip, port }] });
      world.run(5);
      assert.equal(portOfA(), 6784);
    }
    world.run(200);
    assert.equal(portOfA(), 6786);
  });
});

test('who leaves does not begin anew when it hears from others that it is gone', () => {
  inWorld(1, (world) => {
    const hosts = [world.start('a'), world.start('b', ['a'])];
    const low = hosts.reduce((a, b) => (a.id < b.id ? a : b)); // so that the same word is the other's
    world.run(5_000);
    low.router.dispatch({ kind: 'ending', state: 'left' });
    world.run(1_000);
    assert.equal(low.router.core.incarnation, 1);
  });
});
