import assert from 'node:assert/strict';
import { test } from 'node:test';
import { usableAddresses } from '../../../router/runtime/local-addresses.js';

const on = (...addresses: string[]): { address: string; internal: boolean }[] =>
  addresses.map((address) => ({ address, internal: address.startsWith('127.') || address === '::1' }));

test('what another host can reach comes first, IPv4 before IPv6', () => {
  const found = usableAddresses({
    lo: on('127.0.0.1', '::1'),
    docker0: on('172.17.0.1', 'fd17::1'),
    eth0: on('fd00::2', '192.0.2.2', 'fe80::1'),
    'br-0123456789ab': on('172.18.0.1'),
    eth1: on('198.51.100.4', '169.254.3.3'),
  });
  assert.deepEqual(found, ['192.0.2.2', '198.51.100.4', 'fd00::2', '172.17.0.1', '172.18.0.1', 'fd17::1']);
});

test('what is on our own links is left out', () => {
  const found = usableAddresses({
    'mb-default': on('10.32.0.1'),
    'mv-default': on('10.9.9.9'),
    mp0123456789: on('10.9.9.8'),
    'mesh-probe4': on('10.9.9.7'),
    mgmt0: on('10.1.0.1'),
  });
  assert.deepEqual(found, ['10.1.0.1']);
});

test('a host bridge that carries the uplink is like any link, and an address on two links is given once', () => {
  assert.deepEqual(usableAddresses({ br0: on('10.1.0.1'), bond0: on('10.1.0.1') }), ['10.1.0.1']);
});
