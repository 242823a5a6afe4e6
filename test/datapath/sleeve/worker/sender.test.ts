import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMemory } from '../../../../datapath/sleeve/native/memory.js';
import { Sealing } from '../../../../datapath/sleeve/native/sealing.js';
import type { SleeveWay } from '../../../../datapath/sleeve/worker/messages.js';
import { REJECT_AFTER, REKEY_AFTER, SendPeers, type SendPeer } from '../../../../datapath/sleeve/worker/peers.js';
import { perCall, Sender } from '../../../../datapath/sleeve/worker/sender.js';
import { createPeerBuffer, PeerCounts, type WayTraffic } from '../../../../datapath/sleeve/worker/peer-counters.js';
import { createSessionBuffer, sessionState, TOTAL, Totals } from '../../../../datapath/sleeve/worker/shared.js';
import { counterAt, OUTER } from '../../../../datapath/sleeve/wire/datagram.js';
import type { PeerId } from '../../../../router/types.js';

const PEER = 'ab'.repeat(16) as PeerId;

/** A sender with one peer, whose key has sealed `used` datagrams in an earlier life of the worker. */
function world(used: number) {
  const memory = createMemory(16_384);
  const totals = new Totals(Totals.create());
  const state = createSessionBuffer();
  sessionState(state).sent[0] = used;
  const peers = new SendPeers(memory, new Sealing(memory), 0, {});
  const buffer = createPeerBuffer();
  peers.add(PEER, buffer);
  const peer = peers.find(PEER)!;
  const key = new Uint8Array(32);
  const keys = { cipher: 'aes-256-gcm', sendKey: key, receiveKey: key, sendIndex: 1, receiveIndex: 2, state } as const;
  peers.setSession(peer, keys, { family: 'v4', sockaddr: new Uint8Array(16) });
  const asked: SendPeer[] = [];
  const sender = new Sender(memory, totals, 0, (p) => asked.push(p));
  const counted = (way: SleeveWay): WayTraffic => new PeerCounts(buffer).way(way);
  const sent = (): number => sessionState(state).sent[0]!;
  return { memory, peer, peers, sender, asked, sent, counted, totals, at: memory.take(2_048) };
}

test('a worker that takes a session over seals with counters that were never used', () => {
  const { memory, peer, sender, sent, at } = world(1_000);
  assert.ok(sender.reserve(peer, 3));
  assert.equal(sent(), 1_003); // before the first is used: a death in between wastes them
  for (const counter of [1_000, 1_001, 1_002]) {
    sender.seal(peer, at, 20);
    assert.equal(counterAt(memory.view, at + OUTER.counter), counter);
  }
});

test('a key asks once to be replaced, and is refused when it is worn out', () => {
  const { peer, sender, asked } = world(REKEY_AFTER - 1);
  assert.ok(sender.reserve(peer, 1));
  assert.equal(asked.length, 0);
  for (let i = 0; i < 3; i++) assert.ok(sender.reserve(peer, 1));
  assert.deepEqual(asked, [peer]);
  const worn = world(REJECT_AFTER + 1);
  assert.ok(!worn.sender.reserve(worn.peer, 1));
  assert.equal(worn.totals.named()['key-worn-out'], 1);
  assert.deepEqual(worn.counted('direct').drops, { 'key-worn-out': 1 });
  assert.ok(TOTAL['key-worn-out'] > 0);
});

test('what is sent is counted with the way that it takes, and so is what could not be sent', () => {
  const { peer, peers, sender, counted, totals, at } = world(0);
  peers.setRelayWay(peer, { via: PEER, label: 7 });
  for (const way of ['direct', 'relay'] as const) {
    peers.carry(peer, way);
    assert.ok(sender.reserve(peer, way === 'relay' ? 2 : 5));
    assert.ok(!sender.send({ ...peer, fd: -1, hasGso: true }, at, 150, 100)); // there is no such socket
  }
  assert.deepEqual([counted('direct').txDatagrams, counted('relay').txDatagrams], [5, 2]);
  assert.deepEqual([counted('direct').drops, counted('relay').drops], [{ 'socket-error': 2 }, { 'socket-error': 2 }]);
  assert.equal(totals.named()['socket-error'], 4);
});

test('a call holds as many datagrams as the kernel takes', () => {
  assert.equal(perCall(100), 64);
  assert.equal(perCall(1_438), 45);
  assert.equal(perCall(65_507), 1);
});
