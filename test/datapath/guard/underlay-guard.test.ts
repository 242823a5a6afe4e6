import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { macNumber } from '../../../datapath/address-map.js';
import { UnderlayGuard } from '../../../datapath/guard/underlay-guard.js';
import type { Ip, Mac, PeerId, Vni } from '../../../router/types.js';
import { FakeNft } from '../../support/fake-nft.js';
import { macOf } from '../../support/datapath-lab.js';
import { peerOf } from '../../support/peers.js';

const ADDRESSES = ['10.0.0.1', '10.0.0.2', 'fd00::1'] as Ip[];
const KEYS: Readonly<Record<string, string>> = {
  '10.0.0.1': '0a000001',
  '10.0.0.2': '0a000002',
  'fd00::1': 'fd000000000000000000000000000001',
  '192.0.2.1': 'c0000201',
};

/** Two networks, and what is true of them. */
class Truth {
  readonly vnis = new Map<number, Vni>();
  readonly macs: readonly Map<Mac, PeerId>[] = [new Map(), new Map()];
  readonly peers = new Map<PeerId, { from: readonly Ip[]; isPlain: boolean; heard?: Ip | undefined }>();

  *remoteMacs(): Iterable<readonly [Vni, number, PeerId]> {
    for (const [n, vni] of this.vnis) for (const [mac, owner] of this.macs[n]!) yield [vni, macNumber(mac), owner];
  }

  owned(): string[] {
    return [...this.vnis].flatMap(([n, vni]) =>
      [...this.macs[n]!].flatMap(([mac, owner]) => {
        const peer = this.peers.get(owner);
        const key = `${vni.toString(16).padStart(6, '0')}00${mac.replaceAll(':', '')}0000`;
        return peer?.isPlain === true ? peer.from.map((ip) => KEYS[ip]! + key) : [];
      }),
    );
  }

  known(): string[] {
    const all = [...this.peers.values()].flatMap(({ from, heard }) => [...from, ...(heard ? [heard] : [])]);
    return [...new Set(all.map((ip) => KEYS[ip]!))];
  }

  members(): string[] {
    const plain = [...this.peers.values()].filter(({ isPlain }) => isPlain);
    return [...new Set(plain.flatMap(({ from }) => from.map((ip) => KEYS[ip]!)))];
  }
}

const anyAddress = fc.constantFrom(...ADDRESSES, '192.0.2.1' as Ip);

const anyPeer = fc.nat(2).map((n) => peerOf(n));
const anyEvent = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('mac' as const), network: fc.nat(1), mac: fc.nat(5), owner: fc.option(anyPeer) }) }, // prettier-ignore
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('peer' as const), peer: anyPeer, from: fc.subarray(ADDRESSES), isPlain: fc.boolean() }) }, // prettier-ignore
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('heard' as const), peer: anyPeer, ip: anyAddress }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('gone' as const), peer: anyPeer }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('vni' as const), network: fc.nat(1), vni: fc.option(fc.constantFrom(100, 200)) }) }, // prettier-ignore
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('look' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('flush' as const) }) },
);

test('VXLAN is taken from members at their addresses, with the MACs that they own, whatever changed in whatever order', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyEvent, { maxLength: 40 }), async (events) => {
      const truth = new Truth();
      const nft = new FakeNft('mesh_6785_underlay');
      const guard = new UnderlayGuard(
        6785,
        nft,
        () => undefined,
        () => 0,
      );
      guard.start(() => truth.remoteMacs());
      guard.table.settled();
      const look = async (): Promise<void> => {
        guard.spread();
        await guard.table.ensure();
      };
      for (const ev of events)
        switch (ev.kind) {
          case 'mac': {
            const [macs, mac, vni] = [truth.macs[ev.network]!, macOf(ev.mac), truth.vnis.get(ev.network)];
            const before = macs.get(mac);
            const after = ev.owner ?? undefined;
            if (vni !== undefined && before !== after) guard.setMac(vni, mac, before, after);
            if (after === undefined) macs.delete(mac);
            else macs.set(mac, after);
            break;
          }
          case 'peer':
            truth.peers.set(ev.peer, { ...ev, heard: truth.peers.get(ev.peer)?.heard });
            guard.setPeer(ev.peer, { from: ev.from, plain: ev.isPlain ? ev.from : [], vxlanPort: 6785 });
            break;
          case 'heard':
            if (truth.peers.has(ev.peer)) truth.peers.get(ev.peer)!.heard = ev.ip;
            guard.heardAt(ev.peer, ev.ip);
            break;
          case 'gone':
            truth.peers.delete(ev.peer);
            guard.setPeer(ev.peer, undefined);
            break;
          case 'vni': {
            const [before, after] = [truth.vnis.get(ev.network), (ev.vni ?? undefined) as Vni | undefined];
            if ([...truth.vnis].some(([n, vni]) => n !== ev.network && vni === after) || before === after) break;
            if (after === undefined) truth.vnis.delete(ev.network);
            else truth.vnis.set(ev.network, after);
            guard.setVni(
              before,
              after,
              [...truth.macs[ev.network]!].map(([mac, owner]) => [macNumber(mac), owner]),
            );
            break;
          }
          case 'look':
            await look();
            break;
          case 'flush':
            nft.disturb(() => nft.sets?.forEach((set) => set.clear()));
        }
      const loads = nft.calls.length;
      await look();
      const have = (...sets: string[]): string[] => sets.flatMap((set) => [...nft.sets!.get(set)!.keys()]).sort();
      assert.deepEqual(have('owned4', 'owned6'), truth.owned().sort());
      assert.deepEqual(have('member4', 'member6'), truth.members().sort());
      assert.deepEqual(have('known4', 'known6'), truth.known().sort());
      assert.ok(nft.calls.length <= loads + 1, 'a change that fails is compared anew, not loaded');
    }),
    { numRuns: 300 },
  );
});
