import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Datagrams } from '../../../router/trust/datagrams.js';
import { MAX_LAUNCHES_OF } from '../../../router/trust/limits.js';
import type { TrustCrypto } from '../../../router/trust/trust.js';
import { MAX_PAYLOAD_BYTES } from '../../../router/wire/datagram.js';
import { DatagramPeers, launchOf } from '../../support/datagram-peers.js';
import { peerOf, scatteredPeer } from '../../support/peers.js';
import { keysOf, realTrust } from '../../support/real-trust.js';

const [A, B, C] = [scatteredPeer(1), scatteredPeer(2), scatteredPeer(3)];
const nobody = (): boolean => false;
const { crypto } = await realTrust();

/** What it makes of datagrams, in their order: the payload's first byte, or the reason of the drop. */
const taken = (by: Datagrams, datagrams: readonly Uint8Array[]): readonly (number | string)[] =>
  datagrams.map((bytes) => {
    const opened = by.open(bytes, nobody);
    return typeof opened === 'string' ? opened : opened.payload[0]!;
  });

/** Datagrams of A to B, one for each payload. */
const said = (n: number, by = new DatagramPeers(A, B, C)): readonly Uint8Array[] =>
  Array.from({ length: n }, (_, i) => by.datagram(A, B, 8, Uint8Array.of(i)));

test('what one launch says to another is opened there, and by whoever passes it on', () => {
  const peers = new DatagramPeers(A, B, C);
  const bytes = peers.datagram(A, B, 5, Uint8Array.of(1, 2));
  for (const at of [B, C]) {
    const opened = peers.fresh(at).open(bytes, nobody);
    const expected = { kind: 'swim', src: A, dst: B, hops: 5, payload: Uint8Array.of(1, 2), isNewest: true };
    assert.deepEqual(opened, expected);
  }
});

test('a recorded conversation, in whatever order, whole or in part and as often as you like, counts once', () => {
  const peers = new DatagramPeers(A, B, C);
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 40 }), fc.array(fc.nat(39)), fc.array(fc.nat(39)), (n, first, again) => {
      const [datagrams, b] = [said(n), peers.fresh(B)];
      const order = first.map((i) => i % n);
      const heard = taken(b, order.map((i) => datagrams[i]!)); // prettier-ignore
      assert.deepEqual(heard, order.map((i, at) => (order.indexOf(i) === at ? i : 'replay'))); // prettier-ignore
      const recorded = again.map((i) => order[i % order.length]).filter((i) => i !== undefined);
      for (const i of recorded) assert.deepEqual(taken(b, [datagrams[i]!]), ['replay']);
    }),
  );
});

test('a destination that was launched anew takes nothing that its old launch was sent', () => {
  const [peers, datagrams] = [new DatagramPeers(A, B, C), said(5)];
  assert.deepEqual(new Set(taken(peers.fresh(B, 2), datagrams)), new Set(['destination']));
  const third = peers.fresh(C);
  third.learn(B, launchOf(B, 2), 2);
  assert.deepEqual(new Set(taken(third, datagrams)), new Set(['destination']), 'nor is it passed on');
});

test('of a sender that was launched anew the old launch counts no more, and does not come back', () => {
  const [peers, datagrams] = [new DatagramPeers(A, B, C), said(4)];
  const b = peers.fresh(B);
  assert.deepEqual(taken(b, datagrams.slice(0, 2)), [0, 1]);
  b.learn(A, launchOf(A, 2), 2);
  assert.deepEqual(taken(b, datagrams), Array(4).fill('stranger'));
  b.learn(A, launchOf(A, 1), 1); // an old record, over a slow neighbour
  assert.deepEqual(taken(b, datagrams), Array(4).fill('stranger'));
  const anew = peers.fresh(A, 2);
  assert.deepEqual(taken(b, [anew.seal('swim', B, Uint8Array.of(9))!]), [9]);
});

test('a peer that was forgotten and is met again in the same launch repeats nothing', () => {
  const [peers, datagrams] = [new DatagramPeers(A, B, C), said(3)];
  const b = peers.fresh(B);
  assert.deepEqual(taken(b, datagrams.slice(0, 2)), [0, 1]);
  b.forget(A);
  assert.deepEqual(taken(b, datagrams), Array(3).fill('stranger'));
  for (let n = 10; n < 10 + MAX_LAUNCHES_OF - 1; n++) {
    b.learn(peerOf(n), launchOf(peerOf(n)), 1);
    b.forget(peerOf(n));
  }
  b.learn(A, launchOf(A), 1);
  assert.deepEqual(taken(b, datagrams), ['replay', 'replay', 2]);
});

test('while a secret is replaced both are taken, then the new one alone; counters and windows go on', () => {
  const [old, current] = [keysOf(1), keysOf(2)];
  const peers = new DatagramPeers(A, B);
  const [a, b] = [peers.fresh(A, 1, old, crypto), peers.fresh(B, 1, old, crypto)];
  const say = (n: number): Uint8Array => a.seal('swim', B, Uint8Array.of(n))!;
  const [first, second] = [say(1), say(2)];
  assert.deepEqual(taken(b, [first]), [1]);
  b.accept({ keys: current, alsoAccepted: [old] });
  assert.deepEqual(taken(b, [first, second]), ['replay', 2]);
  a.accept({ keys: current, alsoAccepted: [old] });
  const third = say(3);
  const late = peers.fresh(B, 1, old, crypto);
  assert.deepEqual(taken(late, [third]), ['stranger'], 'it has not heard of the new one');
  assert.deepEqual(taken(b, [third, third]), [3, 'replay']);
  b.accept({ keys: current, alsoAccepted: [] });
  assert.deepEqual(taken(b, [first, second, third]), ['stranger', 'stranger', 'replay']);
});

test('a member that counts ahead in the name of another silences it until the secret is another, and no longer', () => {
  const [old, current] = [keysOf(1), keysOf(2)];
  const peers = new DatagramPeers(A, B);
  const [a, liar, b] = [A, A, B].map((id) => peers.fresh(id, 1, old)) as [Datagrams, Datagrams, Datagrams];
  const say = (by: Datagrams): Uint8Array => by.seal('swim', B, Uint8Array.of(1))!;
  for (let n = 0; n < 2_000; n++) say(liar);
  assert.deepEqual(taken(b, [say(liar), say(a)]), [1, 'replay']);
  for (const router of [a, b]) router.accept({ keys: current, alsoAccepted: [old] });
  assert.deepEqual(taken(b, [say(a), say(liar)]), [1, 1]);
});

test('who has not the secret is a stranger, costs no key, and is told nothing by what goes by', () => {
  const peers = new DatagramPeers(A, B);
  let opened = 0;
  const counting: TrustCrypto = {
    ...crypto,
    datagramKey: (...of) => {
      const key = crypto.datagramKey(...of);
      return { ...key, name: key.name, open: (b) => (opened++, key.open(b)) };
    },
  };
  const b = peers.fresh(B, 1, keysOf(1), counting);
  const stranger = peers.fresh(A, 1, keysOf(2), crypto).seal('swim', B, Uint8Array.of(1))!;
  assert.deepEqual(taken(b, [stranger]), ['stranger']);
  fc.assert(fc.property(fc.uint8Array({ maxLength: 1500 }), (any) => typeof b.open(any, nobody) === 'string'));
  assert.equal(opened, 0);
  const member = peers.fresh(A, 1, keysOf(1), crypto).seal('swim', B, Uint8Array.of(1))!;
  assert.deepEqual(taken(b, [member, member]), [1, 'replay']);
  assert.equal(opened, 1, 'what was taken is not opened again');
  const id = Buffer.from(A, 'hex');
  for (let at = 0; at < 16; at += 4) assert.ok(!Buffer.from(member).includes(id.subarray(at, at + 4)));
});

test('our own datagrams, those of the evicted and for them are dropped unopened', () => {
  const peers = new DatagramPeers(A, B, C);
  const a = peers.fresh(A);
  assert.equal(a.open(a.seal('swim', B, Uint8Array.of(1))!, nobody), 'own');
  for (const evicted of [A, B]) {
    const spoilt = peers.datagram(A, B).fill(0, 28);
    assert.equal(peers.fresh(C).open(spoilt, (peer) => peer === evicted), 'evicted'); // prettier-ignore
  }
});

test('a datagram that does not open leaves its counter to the one that does', () => {
  const peers = new DatagramPeers(A, B);
  const [b, bytes] = [peers.fresh(B), peers.datagram(A, B)];
  const forged = bytes.slice().fill(0, 28);
  assert.deepEqual(taken(b, [forged, forged, bytes]), ['forged', 'forged', 7]);
});

test('nothing is sealed for whom we have not heard of, and what is has room in a datagram', () => {
  const a = new DatagramPeers(A, B).fresh(A);
  assert.equal(a.seal('swim', C, Uint8Array.of(1)), undefined);
  assert.equal(a.seal('swim', B, new Uint8Array(MAX_PAYLOAD_BYTES))!.length, 1400);
});
