import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PeerBook } from '../../router/peer-book.js';
import type { Ip, Millis, PeerId } from '../../router/types.js';
import type { PeerRecord } from '../../router/wire/records.js';

const at = (ms: number): Millis => ms as Millis;
const PEER = 'a'.repeat(32) as PeerId;
const record = (state: PeerRecord['state'], ...ips: string[]): PeerRecord => ({
  name: 'web',
  addresses: ips.map((ip) => ({ ip: ip as Ip, port: 6783 })),
  vxlanPort: 6785,
  state,
  version: '0.1.0',
});

test('a peer that only gossip knows is suspect, until membership meets it', () => {
  const book = new PeerBook();
  assert.equal(book.record(PEER, record('running', '10.0.0.2'), at(1)), 'suspect');
  assert.equal(book.member(PEER, 'alive', at(2)), 'alive');
  assert.equal(book.member(PEER, 'alive', at(3)), undefined, 'no news is no change');
  assert.equal(book.get(PEER)?.since, 2);
});

test("its own word, stopped or left, outranks membership's", () => {
  const book = new PeerBook();
  book.record(PEER, record('running', '10.0.0.2'), at(0));
  book.member(PEER, 'alive', at(0));
  assert.equal(book.record(PEER, record('stopped', '10.0.0.2'), at(5)), 'stopped');
  assert.equal(book.member(PEER, 'faulty', at(6)), undefined);
  assert.equal(book.record(PEER, record('left', '10.0.0.2'), at(7)), 'left');
});

test('traffic goes where a connection proved that the peer is, not where it merely says so first', () => {
  const book = new PeerBook();
  book.record(PEER, record('running', '172.17.0.1', '10.0.0.2', 'fd00::2'), at(0));
  assert.equal(book.forward(PEER, false)?.v4?.ip, '172.17.0.1');
  assert.equal(book.reachedAt(PEER, '10.0.0.2' as Ip, at(1)), true);
  assert.equal(book.reachedAt(PEER, '10.0.0.2' as Ip, at(2)), false);
  assert.deepEqual(book.forward(PEER, true), {
    name: 'web',
    v4: { ip: '10.0.0.2', port: 6785 },
    v6: { ip: 'fd00::2', port: 6785 },
    from: ['172.17.0.1', '10.0.0.2', 'fd00::2'],
  });
  assert.equal(book.forward(PEER, false)?.v4?.ip, '10.0.0.2', 'and it stays so when the connection ends');
  assert.equal(book.controlAddresses(PEER)[0]?.ip, '10.0.0.2');
});

test('an address that the peer has no longer gives way, unless a connection says that it works', () => {
  const book = new PeerBook();
  book.record(PEER, record('running', '10.0.0.2'), at(0));
  book.reachedAt(PEER, '10.0.0.2' as Ip, at(0));
  book.record(PEER, record('running', '10.0.0.9'), at(1));
  assert.equal(book.forward(PEER, false)?.v4?.ip, '10.0.0.9');
  assert.equal(book.forward(PEER, true)?.v4?.ip, '10.0.0.2', 'behind a NAT it is reached at what it does not publish');
  assert.deepEqual(book.forward(PEER, true)?.from, ['10.0.0.9', '10.0.0.2'], 'and may be heard from');
});

test('an address is that of a member while it publishes it or was last reached there, until it leaves or is forgotten', () => {
  const book = new PeerBook();
  const are = (...ips: string[]): string[] => ips.filter((ip) => book.isAddress(ip as Ip));
  const all = ['10.0.0.2', '10.0.0.9', '192.0.2.1'];
  assert.deepEqual(are(...all), []);
  book.record(PEER, record('running', '10.0.0.2'), at(0));
  assert.deepEqual(are(...all), ['10.0.0.2']);
  book.reachedAt(PEER, '192.0.2.1' as Ip, at(1));
  book.record(PEER, record('running', '10.0.0.9'), at(2));
  assert.deepEqual(are(...all), ['10.0.0.9', '192.0.2.1']);
  book.member(PEER, 'left', at(3));
  assert.deepEqual(are(...all), []);
  book.member(PEER, 'alive', at(4));
  assert.deepEqual(are(...all), ['10.0.0.9', '192.0.2.1']);
  book.forget(PEER);
  assert.deepEqual(are(...all), []);
});

test('who left is forwarded to no more; who stopped or is faulty still is', () => {
  const book = new PeerBook();
  book.record(PEER, record('running', '10.0.0.2'), at(0));
  book.member(PEER, 'faulty', at(0));
  assert.ok(book.forward(PEER, false));
  book.record(PEER, record('stopped', '10.0.0.2'), at(0));
  assert.ok(book.forward(PEER, false));
  book.record(PEER, record('left', '10.0.0.2'), at(0));
  assert.equal(book.forward(PEER, false), undefined);
});

test('a peer that membership does not meet within 10 s of its first word is faulty, and alive once it does', () => {
  const book = new PeerBook();
  book.reachedAt(PEER, '10.0.0.2' as Ip, at(0)); // remembered from an earlier run: not yet a word of its own
  book.record(PEER, record('running', '10.0.0.2'), at(5_000));
  assert.equal(book.nextDeadline(), 15_000);
  assert.deepEqual(book.giveUp(at(14_999)), []);
  assert.deepEqual(book.giveUp(at(15_000)), [PEER]);
  assert.equal(book.get(PEER)?.state, 'faulty');
  assert.equal(book.nextDeadline(), undefined);
  assert.equal(book.member(PEER, 'alive', at(16_000)), 'alive');
});
