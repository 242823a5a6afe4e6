import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectionStatus } from '../../../cli/daemon/status.js';
import type { PeerView } from '../../../router/index.js';
import type { PathReport, PeerId } from '../../../router/types.js';

const PEER: PeerView = {
  id: 'bb'.repeat(16) as PeerId,
  name: 'b',
  state: 'alive',
  sinceMs: 12.75,
  endpoints: ['10.0.0.2:6783'],
  version: '1',
  remote: undefined,
  connectedMs: 3.5,
  pathMs: 1.25,
  via: undefined,
};
const LOST: PathReport = {
  peer: PEER.id,
  overlay: 'none',
  state: 'down',
  reason: 'vxlan: probes lost (is UDP 6785 open both ways?)',
  remedy: 'open UDP 6785',
  rttMs: undefined,
  mtu: undefined,
  txBytes: undefined,
  rxBytes: undefined,
};

test('a peer that was stopped, or does not answer, is the reason before its lost probes', () => {
  const reason = (p: Partial<PeerView>): string => connectionStatus({ ...PEER, ...p }, LOST).reason;
  assert.match(reason({ state: 'stopped' }), /^its router was stopped/);
  assert.match(reason({ state: 'faulty' }), /^it does not answer/);
  assert.equal(reason({ state: 'faulty', remote: '10.0.0.2:6783' }), LOST.reason);
  assert.equal(reason({}), LOST.reason);
});

test('durations are whole milliseconds', () => {
  assert.equal(connectionStatus(PEER, LOST).sinceMs, 13);
  assert.equal(connectionStatus({ ...PEER, remote: '10.0.0.2:6783' }, undefined).sinceMs, 4);
});

test('a path that is down is dated from its fall, not from the control connection', () => {
  const connected = { ...PEER, remote: '10.0.0.2:6783', connectedMs: 60_000, pathMs: 2_000.4 };
  assert.equal(connectionStatus(connected, LOST).sinceMs, 2_000);
  assert.equal(connectionStatus(connected, { ...LOST, overlay: 'vxlan', state: 'up' }).sinceMs, 60_000);
});
