import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RecordChange } from '../../router/gossip/chain.js';
import type { RecordStore } from '../../router/gossip/store.js';
import { Ledger } from '../../router/ledger.js';
import { openStore } from '../../router/open-store.js';
import type { EndpointId, ForwardingDelta, Millis, PeerId, Vni } from '../../router/types.js';
import {
  encodeEvicted,
  encodeGone,
  encodePeer,
  evictedKey,
  goneKey,
  macKey,
  PEER_KEY,
} from '../../router/wire/records.js';
import { peerOf } from '../support/peers.js';
import { blue, bytes, ip, mac, newStore, pull, vectorOf, trusting } from '../support/stores.js';

const [A, B] = [peerOf(1), peerOf(2)];
const NOW = 0 as Millis;
const IDENTITY = { name: 'b', vxlanPort: 6785, softwareVersion: '1', launch: new Uint8Array(16) };
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
      launched: nothing,
      stateChanged: nothing,
      secretPublished: () => undefined,
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

/** As when a peer is purged. */
const everythingGone = (store: RecordStore): readonly RecordChange[] =>
  [...store.everything()].map((c) => ({ ...c, value: undefined, deleted: true, gone: true }));

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

/** Somebody says that A is evicted. @param seq as a hostile peer might write it */
function evictedWord(author: number, seq = 1): RecordStore {
  const store = newStore(author);
  store.put('core', evictedKey(A), encodeEvicted({ name: 'a' }), seq);
  store.flush();
  return store;
}

test('of an evicted peer nothing is kept and nothing is taken, of whatever launch; its word is kept under our name', () => {
  const { ledger, store, hear, purged } = ledgerOfB();
  hear(launchOfA(1, { core: true, claims: [1] }));
  hear(evictedWord(3));
  assert.deepEqual([holder(ledger, 1), ledger.book.has(A), purged], [undefined, false, [A]]);
  hear(launchOfA(2 ** 21 - 1, { core: true, claims: [1] }));
  assert.deepEqual([holder(ledger, 1), ledger.book.has(A), store.topics(A)], [undefined, false, []]);
  assert.deepEqual(store.get(B, 'core', evictedKey(A))?.value, encodeEvicted({ name: 'a' }));
});

test('no tombstone takes an eviction back, whoever writes it, when, and with what sequence', () => {
  const withdrawn = evictedWord(4, 2 ** 48);
  withdrawn.put('core', evictedKey(A), undefined);
  withdrawn.flush();
  for (const words of [[withdrawn, evictedWord(3)], [evictedWord(3), withdrawn], [evictedWord(3, 0)]]) {
    const { ledger, hear } = ledgerOfB();
    words.forEach(hear);
    assert.ok(ledger.isEvicted(A));
    ledger.learn(words.flatMap(everythingGone), NOW);
    assert.ok(ledger.isEvicted(A), 'also when who said it is gone');
  }
});

test('what the disk says of the evicted comes to nothing, and the eviction outlives the disk’s writer', () => {
  const disk = newStore(2);
  pull(disk, launchOfA(1, { core: true, claims: [1] }));
  disk.put('core', evictedKey(A), encodeEvicted({ name: 'a' }), 1);
  disk.flush();
  const { ledger } = ledgerOfB(disk.save());
  assert.deepEqual([ledger.isEvicted(A), holder(ledger, 1), ledger.book.has(A)], [true, undefined, false]);
});

test('a router that is told that it is evicted keeps what it has', () => {
  const { ledger, hear, purged } = ledgerOfB();
  const word = newStore(3);
  word.put('core', evictedKey(B), encodeEvicted({ name: 'b' }), 1);
  word.flush();
  hear(word);
  assert.deepEqual([ledger.isEvicted(B), purged], [true, []]);
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
