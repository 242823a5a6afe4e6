import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMemory } from '../../../../datapath/sleeve/native/memory.js';
import { Sealing } from '../../../../datapath/sleeve/native/sealing.js';
import { REJECT_AFTER, REKEY_AFTER, SendPeers, type SendPeer } from '../../../../datapath/sleeve/worker/peers.js';
import { perCall, Sender } from '../../../../datapath/sleeve/worker/sender.js';
import {
  createPeerBuffer,
  createSessionBuffer,
  sessionState,
  TOTAL,
  Totals,
} from '../../../../datapath/sleeve/worker/shared.js';
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
  peers.add(PEER, createPeerBuffer());
  const peer = peers.find(PEER)!;
  const key = new Uint8Array(32);
  const keys = { cipher: 'aes-256-gcm', sendKey: key, receiveKey: key, sendIndex: 1, receiveIndex: 2, state } as const;
  peers.setSession(peer, keys, { family: 'v4', sockaddr: new Uint8Array(16) });
  const asked: SendPeer[] = [];
  const sender = new Sender(memory, totals, 0, (p) => asked.push(p));
  return { memory, peer, sender, asked, sent: () => sessionState(state).sent[0]!, totals, at: memory.take(2_048) };
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
  assert.ok(TOTAL['key-worn-out'] > 0);
});

test('a call holds as many datagrams as the kernel takes', () => {
  assert.equal(perCall(100), 64);
  assert.equal(perCall(1_438), 45);
  assert.equal(perCall(65_507), 1);
});
