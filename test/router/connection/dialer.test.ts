import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Dialer, type DialFx } from '../../../router/connection/dialer.js';
import type { Ip, Millis, PeerId } from '../../../router/types.js';

const at = (ms: number): Millis => ms as Millis;
const PEER = 'a'.repeat(32) as PeerId;
const nobody = (): boolean => false;
const everybody = (): boolean => true;
const target = (text: string): { text: string; host: string; port: number } => ({ text, host: text, port: 6783 });
const address = (ip: string): { ip: Ip; port: number } => ({ ip: ip as Ip, port: 6783 });
const middling = (): number => 0.5; // the spread of the back-off at its middle: factor 1

const hosts = (fx: readonly DialFx[]): string[] => fx.map((f) => f.host);

test('a target is dialled at once, and again after a pause that grows to 2 s', () => {
  const d = new Dialer(middling);
  d.addTarget(target('web'), at(0));
  const pauses: number[] = [];
  for (let now = 0, tries = 0; tries < 8; tries++) {
    const [dial] = d.tick(at(now), nobody);
    assert.equal(dial?.host, 'web');
    d.failed(dial.conn, 'refused', 'soon', at(now));
    const due = d.nextDeadline(nobody)!;
    pauses.push(due - now);
    now = due;
  }
  assert.deepEqual(pauses, [300, 600, 1_000, 1_500, 2_000, 2_000, 2_000, 2_000]);
});

test('a peer with several addresses is tried at all of them before a pause', () => {
  const d = new Dialer(middling);
  d.addPeer(PEER, [address('172.17.0.1'), address('10.0.0.2')], at(0));
  const [first] = d.tick(at(0), nobody);
  assert.equal(first?.host, '172.17.0.1');
  d.failed(first.conn, 'that is this router itself', 'never', at(5));
  const [second] = d.tick(at(5), nobody);
  assert.equal(second?.host, '10.0.0.2');
  d.failed(second.conn, 'timeout', 'soon', at(10));
  assert.deepEqual(d.tick(at(10), nobody), []);
  assert.deepEqual(hosts(d.tick(at(310), nobody)), ['172.17.0.1']);
});

test('who is connected is not dialled, and is again when the connection is gone', () => {
  const d = new Dialer(middling);
  d.addTarget(target('web'), at(0));
  const [dial] = d.tick(at(0), nobody);
  d.succeeded(dial!.conn, PEER);
  assert.deepEqual(d.tick(at(1_000), everybody), []);
  assert.equal(d.nextDeadline(everybody), undefined);
  d.ended(PEER, at(0), at(20_000));
  assert.deepEqual(hosts(d.tick(at(20_000), nobody)), ['web']);
});

test('a peer that parts from us for good is dialled again after a minute, and soon once it has not', () => {
  const d = new Dialer(() => 0);
  d.addTarget(target('web'), at(0));
  const [dial] = d.tick(at(0), nobody);
  d.succeeded(dial!.conn, PEER);
  d.turnedAway(PEER, 'this router was evicted from the mesh');
  d.ended(PEER, at(0), at(20_000));
  assert.deepEqual(d.tick(at(79_999), nobody), []);
  const [again] = d.tick(at(80_000), nobody);
  d.succeeded(again!.conn, PEER);
  d.ended(PEER, at(80_000), at(100_000));
  assert.equal(d.nextDeadline(nobody), 100_000);
});

test('our own address and what is no router are not dialled again, until an operator says so', () => {
  const d = new Dialer(middling);
  d.addTarget(target('self'), at(0));
  const [dial] = d.tick(at(0), nobody);
  d.failed(dial!.conn, 'that is this router itself', 'never', at(1));
  assert.equal(d.nextDeadline(nobody), undefined);
  assert.equal(d.targets()[0]?.state, 'refused');
  d.addTarget(target('self'), at(2));
  assert.deepEqual(hosts(d.tick(at(2), nobody)), ['self']);
});

test('the end of a stream that was not dialled here changes nothing', () => {
  const d = new Dialer(middling);
  d.addTarget(target('web'), at(0));
  d.tick(at(0), nobody);
  d.failed(-3, 'reset', 'soon', at(1));
  d.succeeded(-3, PEER);
  assert.deepEqual(d.targets(), [{ text: 'web', peer: undefined, state: 'dialling', reason: '' }]);
});

test('a forgotten target is dialled no more, even if its dial still runs', () => {
  const d = new Dialer(middling);
  d.addTarget(target('web'), at(0));
  const [dial] = d.tick(at(0), nobody);
  assert.equal(d.removeTarget('web'), true);
  d.failed(dial!.conn, 'timeout', 'soon', at(9));
  assert.equal(d.nextDeadline(nobody), undefined);
  assert.equal(d.removeTarget('web'), false);
});

test('at most 32 dials run at once, and the others follow', () => {
  const d = new Dialer(middling);
  for (let i = 0; i < 100; i++) d.addTarget(target(`h${i}`), at(0));
  const first = d.tick(at(0), nobody);
  assert.equal(first.length, 32);
  assert.equal(d.nextDeadline(nobody), undefined);
  d.failed(first[0]!.conn, 'timeout', 'soon', at(1));
  assert.deepEqual(hosts(d.tick(at(1), nobody)), ['h32']);
});

test('a connection that lasted is dialled again at once, one that did not after a pause that grows', () => {
  const d = new Dialer(middling);
  d.addPeer(PEER, [address('10.0.0.2')], at(0));
  const pauses: number[] = [];
  for (let now = 0, tries = 0; tries < 7; tries++) {
    const [dial] = d.tick(at(now), nobody);
    d.succeeded(dial!.conn, PEER);
    const livedMs = tries === 5 ? 10_000 : 3;
    d.ended(PEER, at(now), at(now + livedMs));
    pauses.push(d.nextDeadline(nobody)! - now - livedMs);
    now = d.nextDeadline(nobody)!;
  }
  assert.deepEqual(pauses, [300, 600, 1_000, 1_500, 2_000, 0, 300]);
});

test('however often it is told to hurry, 300 ms are between two dials', () => {
  const d = new Dialer(middling);
  d.addPeer(PEER, [address('10.0.0.2')], at(0));
  const dialledAt: number[] = [];
  for (let now = 0; now < 1_000; now += 10) {
    d.hurry(PEER, at(now));
    for (const { conn } of d.tick(at(now), nobody)) {
      dialledAt.push(now);
      d.failed(conn, 'refused', 'soon', at(now));
    }
  }
  assert.deepEqual(dialledAt, [0, 300, 600, 900]);
});
