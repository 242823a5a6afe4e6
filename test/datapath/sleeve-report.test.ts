import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newPath, type Path } from '../../datapath/paths/probe/path-state.js';
import { sleeveReport, type SleeveFacts } from '../../datapath/sleeve-report.js';
import type { Millis, PathReport } from '../../router/types.js';
import { vtep } from '../support/datapath-lab.js';
import { peerOf } from '../support/peers.js';

const VXLAN: PathReport = {
  peer: peerOf(1),
  overlay: 'vxlan',
  state: 'down',
  reason: 'probes lost',
  remedy: 'is UDP 6785 open from 192.168.0.0 to 192.168.0.1 (b)?',
  rttMs: 3,
  mtu: 1_376,
  txBytes: 100,
  rxBytes: undefined,
};

const path = (over: Partial<Path> = {}): Path => ({
  ...newPath(true, 0 as Millis),
  kind: 'up',
  rttMs: 0.123456789,
  mtu: 1_376,
  ...over,
});

const report = (over: Partial<SleeveFacts> = {}, vxlan = VXLAN): PathReport =>
  sleeveReport(
    {
      name: 'b',
      way: { family: 'v4', local: vtep(0), vtep: { ip: vtep(1), port: 6785 } },
      to: { ip: vtep(1), port: 6784 },
      path: path(),
      forced: false,
      hasSession: true,
      counted: { txBytes: 11, rxBytes: 22 },
      ceiling: 1_376,
      refusal: undefined,
      ...over,
    },
    vxlan,
  );

const words = (r: PathReport): string => [r.overlay, r.state, r.reason, r.remedy].join(' | ');

test('a sleeve in place of a vxlan says what is wrong with the vxlan, and what is to be done', () => {
  assert.equal(words(report()), `sleeve | up | vxlan: probes lost | ${VXLAN.remedy}`);
});

test('a sleeve that was asked for has nothing to say while it works', () => {
  assert.equal(words(report({ forced: true })), 'sleeve | up |  | ');
  assert.equal(words(report({}, { ...VXLAN, reason: '' })), 'sleeve | up |  | ');
});

test('a sleeve over a narrow way says what is cut, unless the vxlan has said why it does not carry', () => {
  const narrow = path({ mtu: 1_202 });
  const parts = 'sleeve | up | sleeve: packets over 1202 bytes go in parts';
  const raise = 'raise the MTU between 192.168.0.0 and 192.168.0.1 to 1474';
  assert.equal(words(report({ forced: true, path: narrow })), `${parts} | ${raise}`);
  assert.match(words(report({ path: narrow })), /vxlan: probes lost/);
});

test('a sleeve that does not work says why, whatever the vxlan does', () => {
  assert.equal(
    words(report({ path: path({ kind: 'down' }) })),
    'sleeve | down | sleeve: probes lost | is UDP 6784 open from 192.168.0.0 to 192.168.0.1 (b) and back?',
  );
  assert.match(words(report({ hasSession: false })), /\| no keys yet \| does the router on b run/);
  assert.match(words(report({ refusal: 'bind: EADDRINUSE' })), /\| no sleeve: bind: EADDRINUSE \|/);
});

test('bytes are those of both overlays, the round trip is in whole microseconds', () => {
  const { txBytes, rxBytes, rttMs, mtu } = report();
  assert.deepEqual({ txBytes, rxBytes, rttMs, mtu }, { txBytes: 111, rxBytes: 22, rttMs: 0.123, mtu: 1_376 });
  assert.equal(report({ counted: undefined }).rxBytes, undefined);
});

test('a path that is not up has no round trip and no MTU', () => {
  const { rttMs, mtu, state } = report({ path: undefined });
  assert.deepEqual({ rttMs, mtu, state }, { rttMs: undefined, mtu: undefined, state: 'down' });
});
