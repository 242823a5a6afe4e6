import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Publisher } from '../../router/publisher.js';
import type { Millis, PathReport, PeerId } from '../../router/types.js';
import { connKey, decodeConn } from '../../router/wire/records.js';

const at = (ms: number): Millis => ms as Millis;
const PEER = 'a'.repeat(32) as PeerId;

const path = (rttMs: number, mtu = 1376, state: PathReport['state'] = 'up'): PathReport => ({
  peer: PEER,
  overlay: 'vxlan',
  state,
  reason: '',
  remedy: '',
  rttMs,
  mtu,
  txBytes: 0,
  rxBytes: 0,
});

/** What was put, decoded, newest last; undefined is a withdrawal. */
function publisher(): { publisher: Publisher; puts: unknown[] } {
  const puts: unknown[] = [];
  const identity = { name: 'a', vxlanPort: 6785, softwareVersion: '0.1.0', launch: new Uint8Array(16) };
  const made = new Publisher(identity, (topic, key, value) => {
    assert.equal(topic, 'core');
    assert.equal(key, connKey(PEER));
    puts.push(value && decodeConn(value));
  });
  return { publisher: made, puts };
}

test('an edge is published with the connection and withdrawn with it', () => {
  const { publisher: p, puts } = publisher();
  p.connection(PEER, true);
  p.connection(PEER, false);
  p.connection(PEER, false);
  assert.deepEqual(puts, [{ overlay: 'none' }, undefined]);
});

test('a path that was there before the connection, or outlived it, is told with it', () => {
  const { publisher: p, puts } = publisher();
  p.path(path(1), at(0)); // no connection yet: nothing to say
  assert.deepEqual(puts, []);
  p.connection(PEER, true);
  p.connection(PEER, false);
  p.connection(PEER, true);
  const edge = { overlay: 'vxlan', rttMs: 1, mtu: 1376 };
  assert.deepEqual(puts, [edge, undefined, edge]);
});

test('overlay and MTU are told at once', () => {
  const { publisher: p, puts } = publisher();
  p.connection(PEER, true);
  p.path(path(1), at(1));
  p.path(path(1, 1276), at(2));
  p.path(path(1, 1276, 'down'), at(3));
  assert.deepEqual(puts.slice(1), [
    { overlay: 'vxlan', rttMs: 1, mtu: 1376 },
    { overlay: 'vxlan', rttMs: 1, mtu: 1276 },
    { overlay: 'none' },
  ]);
});

test('a round trip that changes by half is told within five minutes, a smaller change never', () => {
  const { publisher: p, puts } = publisher();
  p.connection(PEER, true);
  p.path(path(10), at(0));
  p.path(path(14), at(100));
  p.path(path(8.5), at(150));
  assert.equal(p.nextDeadline(), undefined);
  p.path(path(16), at(200));
  p.path(path(40), at(5_000));
  assert.equal(p.nextDeadline(), 300_200);
  p.tick(at(300_199));
  assert.equal(puts.length, 2);
  p.tick(at(300_200));
  assert.deepEqual(puts[2], { overlay: 'vxlan', rttMs: 40, mtu: 1376 });
  assert.equal(p.nextDeadline(), undefined);
});

test('a round trip that is as it was when the time is over is not told again', () => {
  const { publisher: p, puts } = publisher();
  p.connection(PEER, true);
  p.path(path(10), at(0));
  p.path(path(90), at(100));
  p.path(path(11), at(200));
  p.tick(at(300_100));
  assert.equal(puts.length, 2);
  assert.equal(p.nextDeadline(), undefined);
});

test('a change of a millisecond is no news, however large a part it is', () => {
  const { publisher: p } = publisher();
  p.connection(PEER, true);
  p.path(path(0.1), at(0));
  p.path(path(1.9), at(100));
  assert.equal(p.nextDeadline(), undefined);
  p.path(path(2.2), at(200));
  assert.equal(p.nextDeadline(), 300_200);
});
