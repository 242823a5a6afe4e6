import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Demand, QUIET_MS } from '../../datapath/demand.js';
import type { Millis } from '../../router/types.js';
import { peerOf } from '../support/peers.js';

const at = (ms: number): Millis => ms as Millis;
const [B, C] = [peerOf(1), peerOf(2)];
const wanted = (peer: typeof B, isWanted: boolean): object => ({ kind: 'peerWanted', peer, wanted: isWanted });

test('a peer is wanted from the first traffic to five minutes after the last', () => {
  const d = new Demand();
  assert.deepEqual(d.seen([B], at(0)), [wanted(B, true)]);
  assert.deepEqual(d.seen([B, C], at(1_000)), [wanted(C, true)]);
  assert.deepEqual(d.seen([B], at(2_000)), []);
  assert.deepEqual(d.seen([], at(1_000 + QUIET_MS)), [wanted(C, false)]);
  assert.deepEqual(d.seen([], at(1_999 + QUIET_MS)), []);
  assert.deepEqual(d.seen([], at(2_000 + QUIET_MS)), [wanted(B, false)]);
});

test('of a peer that is gone nothing more is said', () => {
  const d = new Demand();
  d.seen([B], at(0));
  d.forget(B);
  assert.deepEqual(d.seen([], at(QUIET_MS)), []);
});
