import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RecordStore } from '../../router/gossip/store.js';
import { Ledger } from '../../router/ledger.js';
import { openStore } from '../../router/open-store.js';
import type { ForwardingDelta, Millis, PeerId, Vni } from '../../router/types.js';
import { encodeGone, encodePeer, goneKey, macKey, PEER_KEY } from '../../router/wire/records.js';
import { peerOf } from '../support/peers.js';
import { blue, bytes, ip, mac, newStore, vectorOf } from '../support/stores.js';

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
  const { store, claims } = openStore({ self: B, incarnation: 1 }, saved);
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

/** C says that A is gone since a launch. */
function wordOfC(incarnation: number): RecordStore {
  const store = newStore(3);
  store.put('core', goneKey(A), encodeGone({ incarnation, why: 'forgotten' }), incarnation);
  store.flush();
  return store;
}

const holder = (ledger: Ledger, n: number): PeerId | undefined => ledger.claims.holderOf(blue, macKey(mac(n)))?.owner;

test('of a peer that is gone nothing is kept', () => {
  const { ledger, hear, purged } = ledgerOfB();
  hear(launchOfA(1, { core: true, claims: [1] }));
  assert.equal(holder(ledger, 1), A);
  hear(wordOfC(1));
  assert.deepEqual([holder(ledger, 1), ledger.book.get(A)?.record, purged], [undefined, undefined, [A]]);
});

test('a peer that is back already outlives the word that it is gone', () => {
  const { ledger, hear, purged } = ledgerOfB();
  hear(launchOfA(2, { core: true, claims: [1] }));
  hear(wordOfC(1));
  assert.deepEqual([holder(ledger, 1), ledger.book.name(A), purged], [A, 'a', []]);
});

test('what a peer wrote in its next launch stays, though `core` of that has not come yet', () => {
  const { ledger, hear } = ledgerOfB();
  hear(launchOfA(1, { core: true, claims: [1] }));
  hear(launchOfA(2, { core: false, claims: [2] }));
  hear(wordOfC(1));
  assert.deepEqual([holder(ledger, 1), holder(ledger, 2), ledger.incarnationOf(A)], [undefined, A, 0]);
  hear(launchOfA(2, { core: true, claims: [2] }));
  assert.deepEqual([ledger.incarnationOf(A), ledger.book.name(A), holder(ledger, 2)], [2, 'a', A]);
});
