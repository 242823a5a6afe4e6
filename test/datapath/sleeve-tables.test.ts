// What the sleeve is told follows what the networks want: new MACs before the bridge sends there, old ones out after it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Link } from '../../datapath/kernel.js';
import type { NetworkWant } from '../../datapath/network-want.js';
import { SleeveTables } from '../../datapath/sleeve-tables.js';
import { Want } from '../../datapath/want.js';
import type { LinkIndex, Vni } from '../../router/types.js';
import { mac, macOf, member, NET, network, peerV4, SELF, vtep } from '../support/datapath-lab.js';
import { FakeSleeve } from '../support/fake-sleeve.js';
import { peerOf } from '../support/peers.js';

const VNI = 100 as Vni;

class Bench {
  readonly want = new Want({ self: SELF, vxlanPort: 6785, local: { v4: vtep(0) } });
  readonly sleeve = new FakeSleeve(() => undefined);
  readonly tables = new SleeveTables(this.sleeve);

  constructor() {
    this.want.useSleeve('here');
    for (const delta of [network(), peerV4(1), peerV4(2), member(1), member(2)]) this.want.apply(delta);
  }

  get network(): NetworkWant {
    return this.want.networks.get(NET)!;
  }

  /** The kernel has the TAP under this number. */
  tapAt(index: number | undefined): void {
    const wants = this.want.linkWants();
    const links = wants.flatMap(({ name, alias }, i): Link[] => {
      const at = name.startsWith('ms-') ? index : i + 1;
      return at === undefined ? [] : [{ name, alias, index: at as LinkIndex } as Link];
    });
    this.want.bindLinks(links);
    this.tables.bind([...this.want.networks.values()]);
  }
}

test('a network is bound to its TAP once there is one, and let go of when it is not wanted', () => {
  const bench = new Bench();
  bench.tapAt(undefined);
  assert.deepEqual(bench.sleeve.told, []);
  bench.tapAt(7);
  assert.deepEqual(bench.sleeve.told, ['network 100 ms-web']);
  bench.want.apply({ kind: 'network', network: NET, value: undefined });
  bench.tapAt(7);
  assert.equal(bench.sleeve.networks.size, 0);
});

test('a MAC and a broadcast target are told when the peer goes to the sleeve, and taken back only after', () => {
  const bench = new Bench();
  bench.want.apply(mac(1, 1));
  bench.want.apply(mac(2, 2));
  bench.tapAt(7);
  bench.want.setSleeved(peerOf(1), true);
  bench.tables.add(bench.network);
  assert.deepEqual(bench.sleeve.told.slice(1), [`mac ${macOf(1)} 0001`, 'flood 0001']);
  bench.want.setSleeved(peerOf(1), false);
  bench.tables.add(bench.network);
  assert.equal(bench.sleeve.networks.get(VNI)!.macs.size, 1, 'frames that are under way still find their peer');
  bench.tables.sync(bench.network);
  assert.equal(bench.sleeve.networks.get(VNI)!.macs.size, 0);
  assert.deepEqual(bench.sleeve.networks.get(VNI)!.flood, []);
});

test('nothing is told twice', () => {
  const bench = new Bench();
  bench.want.apply(mac(1, 1));
  bench.want.setSleeved(peerOf(1), true);
  bench.tapAt(7);
  const told = bench.sleeve.told.length;
  bench.tables.sync(bench.network);
  bench.tables.add(bench.network);
  assert.equal(bench.sleeve.told.length, told);
});

test('a TAP that was made anew is bound again, with all that it carried', () => {
  const bench = new Bench();
  bench.want.apply(mac(1, 1));
  bench.want.setSleeved(peerOf(1), true);
  bench.tapAt(7);
  bench.want.apply(mac(2, 1));
  bench.tapAt(8);
  assert.deepEqual([...bench.sleeve.networks.get(VNI)!.macs.keys()], [macOf(1), macOf(2)]);
  assert.deepEqual(bench.sleeve.networks.get(VNI)!.flood, [peerOf(1)]);
});

const step = fc.oneof(
  fc.record({ mac: fc.integer({ min: 1, max: 4 }), peer: fc.option(fc.integer({ min: 1, max: 2 })) }),
  fc.record({ peer: fc.integer({ min: 1, max: 2 }), sleeved: fc.boolean() }),
  fc.record({ tap: fc.integer({ min: 7, max: 9 }) }),
);

test('after any changes the sleeve carries the MACs of those that it is to carry, and no others', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const bench = new Bench();
      bench.tapAt(7);
      const [owners, sleeved] = [new Map<number, number>(), new Set<number>()];
      for (const s of steps) {
        if ('mac' in s) {
          bench.want.apply(mac(s.mac, s.peer ?? undefined));
          if (s.peer === null) owners.delete(s.mac);
          else owners.set(s.mac, s.peer);
        } else if ('sleeved' in s) {
          bench.want.setSleeved(peerOf(s.peer), s.sleeved);
          if (s.sleeved) sleeved.add(s.peer);
          else sleeved.delete(s.peer);
        } else bench.tapAt(s.tap);
        bench.tables.sync(bench.network);
      }
      const expected = [...owners].filter(([, peer]) => sleeved.has(peer));
      const { macs, flood } = bench.sleeve.networks.get(VNI)!;
      assert.deepEqual(new Map(macs), new Map(expected.map(([m, peer]) => [macOf(m), peerOf(peer)])));
      assert.deepEqual(flood, [...sleeved].sort().map(peerOf));
    }),
  );
});
