import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Cidr, Ip, Vni } from '../../../router/types.js';
import { encodeMsgpack } from '../../../router/wire/msgpack.js';
import {
  connKey,
  decodeConn,
  decodeGone,
  decodeIp,
  decodeMac,
  decodeNet,
  decodePeer,
  encodeConn,
  encodeGone,
  encodeIp,
  encodeMac,
  encodeNet,
  encodePeer,
  goneKey,
  ipKey,
  macKey,
  netKey,
  parseKey,
  PEER_KEY,
  type PeerRecord,
} from '../../../router/wire/records.js';
import { peerOf } from '../../support/peers.js';
import { anyMutations, anyPeer, blue, ip, mac, mutated } from '../../support/stores.js';

const web: PeerRecord = {
  name: 'web-1',
  addresses: [
    { ip: ip(1), port: 6783 },
    { ip: 'fd00::1' as Ip, port: 6783 },
  ],
  vxlanPort: 6785,
  state: 'running',
  version: '0.1.0',
};
const peerMap = { n: 'web', a: ['10.0.0.1:6783'], p: 6785, s: 0, v: '0.1.0' };

test('each kind of record is read back as it was written', () => {
  assert.deepEqual(decodePeer(encodePeer(web)), web);
  assert.deepEqual(decodePeer(encodePeer({ ...web, addresses: [], state: 'left' })), {
    ...web,
    addresses: [],
    state: 'left',
  });
  assert.deepEqual(decodeConn(encodeConn({ overlay: 'vxlan', rttMs: 0.25, mtu: 1_376 })), {
    overlay: 'vxlan',
    rttMs: 0.25,
    mtu: 1_376,
  });
  assert.deepEqual(decodeConn(encodeConn({ overlay: 'none' })), { overlay: 'none' });
  assert.deepEqual(decodeConn(encodeConn({ overlay: 'relay' })), { overlay: 'relay' });
  assert.deepEqual(decodeNet(encodeNet({ vni: 7 as Vni, mtu: 1_376 })), { vni: 7, mtu: 1_376 });
  const net = { vni: 7 as Vni, mtu: 1_376, range: '10.32.0.0/12' as Cidr };
  assert.deepEqual(decodeNet(encodeNet(net)), net);
  assert.deepEqual(decodeGone(encodeGone({ incarnation: 3, why: 'forgotten' })), { incarnation: 3, why: 'forgotten' });
  assert.deepEqual(decodeIp(encodeIp({ mac: mac(5) })), { mac: mac(5) });
  assert.deepEqual(decodeMac(encodeMac()), {});
});

test('what a later version adds to a record is ignored', () => {
  assert.equal(typeof decodePeer(encodeMsgpack({ ...peerMap, z: ['new'] })), 'object');
  assert.deepEqual(decodeIp(encodeMsgpack({ m: mac(1), zone: 4 })), { mac: mac(1) });
  assert.deepEqual(decodeMac(encodeMsgpack({ zone: 4 })), {});
});

test('a peer record with a field missing or out of range is refused', () => {
  assert.equal(typeof decodePeer(encodeMsgpack(peerMap)), 'object');
  const bad = [
    { n: '' },
    { n: 'x'.repeat(65) },
    { n: 'a\u001b[2Jb' },
    { n: 'a\u202eb' },
    { a: 'x' },
    { a: ['10.0.0.1'] },
    { a: ['010.0.0.1:6783'] },
    { a: ['[FD00::1]:6783'] },
    { a: ['host:6783'] },
    { a: new Array<string>(17).fill('10.0.0.1:6783') },
    { p: 0 },
    { p: 65_536 },
    { p: 1.5 },
    { s: 3 },
    { s: undefined },
    { v: 1 },
  ];
  for (const over of bad)
    assert.equal(decodePeer(encodeMsgpack({ ...peerMap, ...over })), 'field', JSON.stringify(over));
});

test('other records with a field missing or out of range are refused', () => {
  assert.equal(decodeConn(encodeMsgpack({})), 'field');
  assert.equal(decodeConn(encodeMsgpack({ o: 1, r: -1 })), 'field');
  assert.equal(decodeConn(encodeMsgpack({ o: 1, m: 67 })), 'field');
  assert.equal(decodeNet(encodeMsgpack({ i: 0, m: 1_376 })), 'field');
  assert.equal(decodeNet(encodeMsgpack({ i: 2 ** 24, m: 1_376 })), 'field');
  assert.equal(decodeNet(encodeMsgpack({ i: 7, m: 1_376, r: '10.0.0.0' })), 'field');
  assert.equal(decodeIp(encodeMsgpack({ m: '02:00:00:00:00:0A' })), 'field');
  assert.equal(decodeIp(encodeMsgpack({ m: '01:00:00:00:00:01' })), 'field');
  assert.equal(decodeIp(encodeMsgpack([1])), 'type');
});

test('a value with bytes changed, and any bytes, decode to a record or a reason', () => {
  const all = [decodePeer, decodeConn, decodeNet, decodeGone, decodeIp, decodeMac];
  const values = [encodePeer(web), encodeConn({ overlay: 'vxlan', rttMs: 1, mtu: 1_376 }), encodeIp({ mac: mac(1) })];
  fc.assert(
    fc.property(fc.constantFrom(...values), anyMutations, fc.uint8Array({ maxLength: 1_100 }), (v, m, noise) => {
      for (const decode of all) {
        decode(mutated(v, m));
        decode(noise);
      }
    }),
    { numRuns: 2_000 },
  );
});

test('each key is parsed as it was built', () => {
  fc.assert(
    fc.property(anyPeer, fc.ipV4(), fc.nat(255), (id, v4, n) => {
      assert.deepEqual(parseKey(connKey(id)), { kind: 'conn', peer: id });
      assert.deepEqual(parseKey(goneKey(id)), { kind: 'gone', peer: id });
      assert.deepEqual(parseKey(ipKey(v4 as Ip)), { kind: 'ip', ip: v4 });
      assert.deepEqual(parseKey(macKey(mac(n))), { kind: 'mac', mac: mac(n) });
    }),
  );
  assert.deepEqual(parseKey(PEER_KEY), { kind: 'peer' });
  assert.deepEqual(parseKey(netKey(blue)), { kind: 'net', name: 'blue' });
  assert.deepEqual(parseKey(ipKey('fd00::1' as Ip)), { kind: 'ip', ip: 'fd00::1' });
});

test('an unknown key, or one that is not canonical, is not a key of ours', () => {
  const keys = [
    '',
    'peer/',
    'peers',
    'svc/web',
    `conn/${peerOf(1)}0`,
    'net/core',
    'net/Blue',
    'mac/02:00:00:00:00:0A',
    'ip/fd00:0::1',
    'ip/10.1',
    'mac',
    'ip/',
  ];
  for (const key of keys) assert.equal(parseKey(key), undefined, key);
});
