import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Holdings } from '../../../../cli/daemon/endpoints/holdings.js';
import { Turns } from '../../../../cli/daemon/endpoints/turns.js';
import type { Cidr, EndpointId, Mac, NetworkName } from '../../../../router/types.js';

test('operations on one key run in the order they were given, one at a time, and those on others meanwhile', async () => {
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), fc.array(fc.nat(2), { maxLength: 12 }), async (s, keys) => {
      const [turns, running, seen] = [new Turns<number>(), new Set<number>(), [] as [number, number][]];
      const all = keys.map((key, i) =>
        turns.take(key, async () => {
          assert.ok(!running.has(key), 'two at a time');
          running.add(key);
          await s.schedule(Promise.resolve());
          running.delete(key);
          seen.push([key, i]);
          if (i % 3 === 0) throw new Error('failed');
        }),
      );
      const outcomes = Promise.allSettled(all);
      await s.waitFor(outcomes);
      assert.deepEqual((await outcomes).map((o) => o.status), keys.map((_, i) => (i % 3 === 0 ? 'rejected' : 'fulfilled')));
      for (const key of keys) {
        const order = seen.filter(([k]) => k === key).map(([, i]) => i);
        assert.deepEqual(order, order.toSorted((a, b) => a - b));
      }
    }),
  );
}); // prettier-ignore

const net = (name: string): NetworkName => name as NetworkName;
const announced = (id: string, network: string, mac: string, ...ips: string[]) => ({
  id: id as EndpointId,
  network: net(network),
  mac: mac as Mac,
  ips: ips as Cidr[],
});

const nobody = () => ({ who: '', remedy: '' });

test('an address has one holder in a network, whatever its prefix length', () => {
  const h = new Holdings();
  h.take(announced('a', 'mesh', '02:00:00:00:00:01', '10.0.0.1/12', 'fd00::1/64'), () => ({
    who: 'web on this host',
    remedy: 'mesh detach web',
  }));
  const clash = { message: '10.0.0.1 is in use by web on this host', remedy: 'mesh detach web' };
  assert.throws(() => h.take(announced('b', 'mesh', '02:00:00:00:00:02', '10.0.0.9/8', '10.0.0.1/8'), nobody), clash);
  assert.throws(() => h.take(announced('b', 'mesh', '02:00:00:00:00:01', '10.0.0.9/8'), nobody), /02:.* is in use/);
  h.take(announced('b', 'blue', '02:00:00:00:00:01', '10.0.0.1/12'), nobody);
  h.take(announced('c', 'mesh', '02:00:00:00:00:03', '10.0.0.9/8'), nobody); // the refused ones took nothing
});

test('taking again replaces what was held, and dropping frees all of it', () => {
  const h = new Holdings();
  h.take(announced('a', 'mesh', '02:00:00:00:00:01', '10.0.0.1/12'), nobody);
  h.take(announced('a', 'mesh', '02:00:00:00:00:01', '10.0.0.2/12'), nobody);
  h.take(announced('b', 'mesh', '02:00:00:00:00:02', '10.0.0.1/12'), nobody);
  h.drop('a' as EndpointId);
  h.drop('a' as EndpointId);
  h.take(announced('c', 'mesh', '02:00:00:00:00:01', '10.0.0.2/12'), nobody);
});
