import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RecordStore } from '../../router/gossip/store.js';
import { Ledger } from '../../router/ledger.js';
import { openStore } from '../../router/open-store.js';
import type { EndpointId, ForwardingDelta, Millis, PeerId, Vni } from '../../router/types.js';
import { encodeGone, encodePeer, goneKey, macKey, PEER_KEY } from '../../router/wire/records.js';
import { peerOf } from '../support/peers.js';
import { blue, bytes, ip, mac, newStore, pull, vectorOf, trusting } from '../support/stores.js';

const [A, B] = [peerOf(1), peerOf(2)];
const NOW = 0 as Millis;
const IDENTITY = { name: 'b', vxlanPort: 6785, softwareVersion: '1' };
const RECALLED = {
  remotes: new Map(),
  addresses: [{ ip: ip(2), port: 6783 }],
  network: { name: blue, definition: { vni: 1 as Vni, mtu: 1_376 } },
  founds: false,
};

/** B's ledger, and what followed from what it was told. @param saved what its disk remembers */
function ledgerOfB(saved?: Uint8Array) {
  const { store, claims } = openStore({ self: B, incarnation: 1, signatures: trusting }, saved);
  const [purged, deltas]: [PeerId[], ForwardingDelta[]] = [[], []];
  const nothing = (): void => undefined;
  const ledger = new Ledger(
    { ...IDENTITY, self: B, store, claims },
    {
      emit: nothing,
      forward: (delta) => void deltas.push(delta),
      isConnected: () => false,
      peerChanged: nothing,
      stateChanged: nothing,
      purged: (who) => void purged.push(who),
      drop: nothing,
    },
    NOW,
  );
  ledger.recall(RECALLED, NOW);
  const hear = (from: RecordStore): void => {
    for (const block of [...from.missingFor(vectorOf(store))]) {
      const got = store.receive(block);
      if (got.kind === 'news') ledger.learn(got.changes, NOW);
    }
  };
  return { ledger, store, hear, purged, deltas };
}

/** What A wrote in one launch. */
function launchOfA(incarnation: number, { core, claims }: { core: boolean; claims: readonly number[] }): RecordStore {
  const store = newStore(1, { incarnation });
  const record = { name: 'a', addresses: [{ ip: ip(1), port: 6783 }], vxlanPort: 6785, version: '1' };
  if (core) store.put('core', PEER_KEY, encodePeer({ ...record, state: 'running' }), 0);
  for (const n of claims) store.put(blue, macKey(mac(n)), bytes(), 1);
  store.flush();
  return store;
}

/** Somebody says that A is gone since a launch. */
function goneWord(author: number, incarnation: number): RecordStore {
  const store = newStore(author);
  store.put('core', goneKey(A), encodeGone({ incarnation, why: 'forgotten' }), incarnation);
  store.flush();
  return store;
}

const holder = (ledger: Ledger, n: number): PeerId | undefined => ledger.claims.holderOf(blue, macKey(mac(n)))?.owner;

test('of a peer that is gone nothing is kept', () => {
  const { ledger, hear, purged } = ledgerOfB();
  hear(launchOfA(1, { core: true, claims: [1] }));
  assert.equal(holder(ledger, 1), A);
  hear(goneWord(3, 1));
  assert.deepEqual([holder(ledger, 1), ledger.book.get(A)?.record, purged], [undefined, undefined, [A]]);
});

test('a peer that is back already outlives the word that it is gone', () => {
  const { ledger, hear, purged } = ledgerOfB();
  hear(launchOfA(2, { core: true, claims: [1] }));
  hear(goneWord(3, 1));
  assert.deepEqual([holder(ledger, 1), ledger.book.name(A), purged], [A, 'a', []]);
});

test('what a peer wrote in its next launch stays, though `core` of that has not come yet', () => {
  const { ledger, hear } = ledgerOfB();
  hear(launchOfA(1, { core: true, claims: [1] }));
  hear(launchOfA(2, { core: false, claims: [2] }));
  hear(goneWord(3, 1));
  assert.deepEqual([holder(ledger, 1), holder(ledger, 2), ledger.incarnationOf(A)], [undefined, A, 0]);
  hear(launchOfA(2, { core: true, claims: [2] }));
  assert.deepEqual([ledger.incarnationOf(A), ledger.book.name(A), holder(ledger, 2)], [2, 'a', A]);
});

test('of a peer that the disk says is gone the disk brings nothing, whichever it tells first', () => {
  for (const author of [0, 3]) {
    const disk = newStore(2);
    pull(disk, launchOfA(1, { core: true, claims: [1] }));
    pull(disk, goneWord(author, 1));
    const { ledger } = ledgerOfB(disk.save());
    assert.deepEqual([holder(ledger, 1), ledger.book.get(A)?.record], [undefined, undefined]);
  }
});

test('an endpoint whose claim a tombstone outranks is claimed again once the others are known', () => {
  const { ledger, hear } = ledgerOfB();
  const c = newStore(3);
  for (const value of [bytes(), undefined]) {
    c.put(blue, macKey(mac(1)), value, 1);
    c.flush();
  }
  hear(c);
  const restored = { id: 'web' as EndpointId, network: blue, mac: mac(1), ips: [] };
  ledger.announce(restored, false, true);
  assert.equal(holder(ledger, 1), undefined);
  ledger.reclaim();
  assert.equal(holder(ledger, 1), B);
});
