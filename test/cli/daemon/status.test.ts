import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectionStatus } from '../../../cli/daemon/status.js';
import type { PeerView } from '../../../router/index.js';
import type { PeerTraffic, WayTraffic } from '../../../datapath/index.js';
import type { Millis, PathReport, PeerId } from '../../../router/types.js';

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
  isOnDemand: false,
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
  const reason = (p: Partial<PeerView>): string => connectionStatus({ ...PEER, ...p }, LOST, undefined).reason;
  assert.match(reason({ state: 'stopped' }), /^its router was stopped/);
  assert.match(reason({ state: 'faulty' }), /^it does not answer/);
  assert.equal(reason({ state: 'faulty', remote: '10.0.0.2:6783' }), LOST.reason);
  assert.equal(reason({}), LOST.reason);
});

const WAY: WayTraffic = {
  ...{ txFrames: 1, txBytes: 2, txDatagrams: 3, rxFrames: 4, rxBytes: 5, rxDatagrams: 6, txSplit: 7 },
  ...{ txSizes: [1], rxSizes: [4], drops: { replay: 8 } },
};
const NOTHING: WayTraffic = {
  ...{ txFrames: 0, txBytes: 0, txDatagrams: 0, rxFrames: 0, rxBytes: 0, rxDatagrams: 0, txSplit: 0 },
  ...{ txSizes: [0], rxSizes: [0], drops: {} },
};

test('what each overlay carried stands apart, and one that carried nothing is left out', () => {
  const traffic: PeerTraffic = {
    ...{ peer: PEER.id, now: 1_000.4 as Millis, vxlan: { tx: { frames: 1, bytes: 9 }, rx: { frames: 2, bytes: 10 } } },
    sleeve: { direct: WAY, relay: NOTHING, rekeys: 2 },
    changes: { count: 3, last: { at: 400 as Millis, why: 'lost' } },
  };
  const { overlays, ...more } = connectionStatus(PEER, LOST, traffic);
  const { txSizes: tx, rxSizes: rx, ...counters } = WAY;
  assert.deepEqual(overlays, {
    vxlan: { txFrames: 1, txBytes: 9, rxFrames: 2, rxBytes: 10 },
    sleeve: { ...counters, superFrames: { tx, rx } },
    relay: null,
  });
  assert.deepEqual([more.rekeys, more.changes, more.changedMs, more.changeReason], [2, 3, 600, 'lost']);
  const none = connectionStatus(PEER, LOST, undefined);
  assert.deepEqual(none.overlays, { vxlan: null, sleeve: null, relay: null });
  assert.deepEqual([none.rekeys, none.changes, none.changedMs, none.changeReason], [0, 0, null, '']);
});

test('drops alone are enough to tell of an overlay', () => {
  const sleeve = { direct: NOTHING, relay: { ...NOTHING, drops: { 'no-session': 1 } }, rekeys: 0 };
  const traffic = {
    ...{ peer: PEER.id, now: 0 as Millis, vxlan: undefined },
    sleeve,
    changes: { count: 0, last: undefined },
  };
  const { overlays } = connectionStatus(PEER, LOST, traffic);
  assert.deepEqual([overlays.vxlan, overlays.sleeve, overlays.relay?.drops], [null, null, { 'no-session': 1 }]);
});

test('durations are whole milliseconds', () => {
  assert.equal(connectionStatus(PEER, LOST, undefined).sinceMs, 13);
  assert.equal(connectionStatus({ ...PEER, remote: '10.0.0.2:6783' }, undefined, undefined).sinceMs, 4);
});

test('a path that is down is dated from its fall, not from the control connection', () => {
  const connected = { ...PEER, remote: '10.0.0.2:6783', connectedMs: 60_000, pathMs: 2_000.4 };
  assert.equal(connectionStatus(connected, LOST, undefined).sinceMs, 2_000);
  assert.equal(connectionStatus(connected, { ...LOST, overlay: 'vxlan', state: 'up' }, undefined).sinceMs, 60_000);
});
