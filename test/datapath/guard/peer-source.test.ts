import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { sealedBecause, sourceOf, withoutVxlan } from '../../../datapath/guard/peer-source.js';
import type { Cidr, Ip, PeerForward } from '../../../router/types.js';
import { peerOf } from '../../support/peers.js';

const at = (ip: string) => ({ ip: ip as Ip, port: 6785 });
const peer = (ip: string, trusted?: readonly string[], ...from: readonly string[]): PeerForward => ({
  name: 'b',
  ...(ip.includes(':') ? { v6: at(ip) } : { v4: at(ip) }),
  from: [ip, ...from] as Ip[],
  ...(trusted && { trusted: trusted as Cidr[] }),
});
const here = (ip: string, trusted?: readonly string[]) => ({
  local: ip.includes(':') ? { v6: ip as Ip } : { v4: ip as Ip },
  ...(trusted && { trusted: trusted as Cidr[] }),
});

test('VXLAN may go where both ends trust both addresses, and the reason names the first that is not trusted', () => {
  const cases = [
    [here('10.0.0.1'), peer('192.168.1.2'), undefined],
    [here('fe80::1'), peer('fd00::2'), undefined],
    [here('10.0.0.1'), peer('203.0.113.9'), 'sealed: 203.0.113.9 is not in --trusted-subnets'],
    [here('203.0.113.1'), peer('10.0.0.2'), 'sealed: 203.0.113.1 is not in --trusted-subnets'],
    [here('10.0.0.1', []), peer('10.0.0.2'), 'sealed: 10.0.0.2 is not in --trusted-subnets'],
    [here('10.0.0.1'), peer('10.0.0.2', []), 'sealed: 10.0.0.2 is not in --trusted-subnets of b'],
    [here('10.0.0.1'), peer('10.0.0.2', ['10.0.0.2/32']), 'sealed: 10.0.0.1 is not in --trusted-subnets of b'],
    [here('203.0.113.1', ['203.0.113.0/24']), peer('203.0.113.9', ['203.0.112.0/22']), undefined],
    [here('10.0.0.1'), peer('fd00::2'), undefined], // no address in common: that is said instead
  ] as const;
  for (const [config, value, because] of cases) assert.equal(sealedBecause(config, value), because);
});

test('both ends come to the same, whatever they trust', () => {
  const anyIp = fc.constantFrom('10.0.0.1', '10.1.0.1', '203.0.113.1', '198.51.100.1');
  const anyTrust = fc.option(fc.subarray(['10.0.0.0/16', '10.0.0.0/8', '203.0.113.0/24', '0.0.0.0/0']), {
    nil: undefined,
  });
  fc.assert(
    fc.property(anyIp, anyTrust, anyIp, anyTrust, (a, trustedByA, b, trustedByB) => {
      const seenByA = sealedBecause(here(a, trustedByA), peer(b, trustedByB));
      const seenByB = sealedBecause(here(b, trustedByB), peer(a, trustedByA));
      assert.equal(seenByA === undefined, seenByB === undefined);
    }),
  );
});

test('VXLAN is taken from those addresses of a peer that both trust, and from a sealed one not at all', () => {
  const source = sourceOf(here('10.0.0.1'), peer('10.0.0.2', undefined, '203.0.113.9', '192.168.0.2'), false);
  assert.deepEqual(source.plain, ['10.0.0.2', '192.168.0.2']);
  assert.equal(source.from.length, 3);
  assert.deepEqual(sourceOf(here('10.0.0.1'), peer('10.0.0.2'), true).plain, []);
  const delta = { kind: 'peer' as const, peer: peerOf(1), value: peer('10.0.0.2') };
  assert.deepEqual(withoutVxlan(delta), { ...delta, value: { name: 'b' } });
});

test('VXLAN is taken from addresses of the family alone by which it goes', () => {
  const both: PeerForward = { ...peer('10.0.0.2', undefined, 'fd00::2', '10.0.0.3'), v6: at('fd00::2') };
  const plainAt = (config: ReturnType<typeof here>) => sourceOf(config, both, false).plain;
  assert.deepEqual(plainAt(here('10.0.0.1')), ['10.0.0.2', '10.0.0.3']);
  assert.deepEqual(plainAt(here('fd00::1')), ['fd00::2']);
});
