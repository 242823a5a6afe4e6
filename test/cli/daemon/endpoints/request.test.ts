import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Refused } from '../../../../cli/daemon/control.js';
import {
  idOfAttachment,
  parseContainerCidr,
  parseEndpoint,
  parseId,
  parseIfname,
  parseNetwork,
} from '../../../../cli/daemon/endpoints/request.js';
import type { EndpointId, PeerId } from '../../../../router/types.js';

const [A, B] = ['aa'.repeat(16) as PeerId, 'bb'.repeat(16) as PeerId];
const ID = 'web-1' as EndpointId;

const refused = (work: () => unknown): string => {
  try {
    work();
  } catch (e) {
    assert.ok(e instanceof Refused, String(e));
    return `${e.status} ${e.message}`;
  }
  assert.fail('it was taken');
};

test('an endpoint is complete with its addresses alone: network and MAC have defaults', () => {
  const e = parseEndpoint(ID, { ips: ['10.32.0.1/12', 'FD32::1/64', '10.32.0.1/12'] }, A);
  assert.deepEqual([e.network, e.ips], ['mesh', ['10.32.0.1/12', 'fd32::1/64']]);
  assert.match(e.mac, /^[0-9a-f][26ae](:[0-9a-f]{2}){5}$/, 'a locally administered unicast address');
});

test('a MAC of our own is the same after every restart, and another one for each id and each host', () => {
  const mac = (id: string, self: PeerId): string =>
    parseEndpoint(id as EndpointId, { ips: ['10.32.0.1/12'] }, self).mac;
  assert.equal(mac('a', A), mac('a', A));
  assert.equal(new Set([mac('a', A), mac('b', A), mac('a', B), mac('b', B)]).size, 4);
});

test('what is malformed is refused with 400 and says which word', () => {
  const ips = ['10.32.0.1/12'];
  assert.equal(refused(() => parseEndpoint(ID, { ips, mac: '01:00:00:00:00:01' }, A)), '400 MAC "01:00:00:00:00:01" is malformed, or a group address');
  assert.equal(refused(() => parseEndpoint(ID, { ips, network: 'Blue' }, A)), '400 network "Blue" is malformed');
  assert.match(refused(() => parseEndpoint(ID, {}, A)), /^409 no address is given/);
  assert.match(refused(() => parseEndpoint(ID, { ips: Array(33).fill('10.32.0.1/12') as string[] }, A)), /^400 33 addresses are given/);
  assert.equal(refused(() => parseId('a/b')), '400 endpoint id "a/b" is malformed');
  assert.equal(refused(() => parseNetwork('')), '400 network "" is malformed');
  for (const name of ['', '.', '..', 'a b', 'a/b', 'a:b', 'sixteen-bytes-xx', 'a\n']) assert.match(refused(() => parseIfname(name)), /^400 interface name/);
}); // prettier-ignore

test('an address that no container can have is refused', () => {
  for (const [text, why] of [
    ['10.32.0.1', 'address "10.32.0.1" is malformed, it is ADDRESS/LENGTH'],
    ['127.0.0.1/8', '127.0.0.1 is not an address that a container can have'],
    ['::1/64', '::1 is not an address that a container can have'],
    ['ff02::1/64', 'ff02::1 is not an address that a container can have'],
    ['169.254.0.1/16', '169.254.0.1 is not an address that a container can have'],
    ['10.32.0.0/12', '10.32.0.0 is the network address of 10.32.0.0/12'],
    ['10.47.255.255/12', '10.47.255.255 is the broadcast address of 10.47.255.255/12'],
  ] as const)
    assert.equal(refused(() => parseContainerCidr(text)), `400 ${why}`);
  for (const text of ['10.32.0.0/31', '10.32.0.1/32', 'fd32::/64', '10.32.1.0/12'])
    assert.equal(parseContainerCidr(text), text);
}); // prettier-ignore

test('whatever is asked for, the answer is an endpoint or a refusal', () => {
  const word = fc.oneof(fc.string(), fc.constantFrom('10.32.0.1/12', 'fd00::1/64', '02:00:00:00:00:01', 'mesh'));
  const anyRequest = fc.record({ network: word, mac: word, ips: fc.array(word) }, { requiredKeys: [] });
  fc.assert(
    fc.property(anyRequest, (request) => {
      try {
        assert.ok(parseEndpoint(ID, request, A).ips.length > 0);
      } catch (e) {
        assert.ok(e instanceof Refused, String(e));
      }
    }),
  );
});

test('attaching the same thing twice is one id, and anything else another', () => {
  const ids = [['a', 'mesh', 'mesh0'], ['a', 'mesh', 'mesh1'], ['a', 'blue', 'mesh0'], ['b', 'mesh', 'mesh0'], ['a', 'mesh', 'mesh0']].map(([k, n, i]) => idOfAttachment(k!, n!, i!)); // prettier-ignore
  assert.equal(new Set(ids).size, 4);
  for (const id of ids) assert.equal(parseId(id), id);
});
