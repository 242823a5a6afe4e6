import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { announcement, gratuitousArp, unsolicitedNa } from '../../../../datapath/paths/announce/frame.js';
import { ipFromBytes, localMac } from '../../../../router/address.js';
import type { Ip, Mac } from '../../../../router/types.js';

const MAC = '02:6d:0a:20:00:07' as Mac;
const hex = (b: Uint8Array): string => Buffer.from(b).toString('hex');

test('a gratuitous ARP has the layout of RFC 826 with sender and target the same address', () => {
  assert.equal(
    hex(gratuitousArp('10.32.0.7' as Ip, MAC)),
    ['ffffffffffff', '026d0a200007', '0806', '0001', '0800', '06', '04', '0001'].join('') +
      ['026d0a200007', '0a200007', '000000000000', '0a200007'].join(''),
  );
});

test('an unsolicited advertisement has the layout of RFC 4861 §4.4', () => {
  assert.equal(
    hex(unsolicitedNa('fd32::7' as Ip, MAC)),
    ['333300000001', '026d0a200007', '86dd', '60000000', '0020', '3a', 'ff'].join('') +
      ['fd320000000000000000000000000007', 'ff020000000000000000000000000001'].join('') +
      // tcpdump 4.99 -vv prints of these bytes: [icmp6 sum ok] ... Flags [override].
      ['88', '00', '4f98', '20000000', 'fd320000000000000000000000000007', '02', '01', '026d0a200007'].join(''),
  );
});

test('the checksum makes the sum over pseudo-header and message all ones, whatever the address', () => {
  const bytes = (n: number) => fc.uint8Array({ minLength: n, maxLength: n });
  fc.assert(
    fc.property(bytes(16), bytes(6), (ip, mac) => {
      const b = unsolicitedNa(ipFromBytes(ip)!, localMac(mac));
      let sum = 32 + 58;
      for (let i = 22; i < 86; i += 2) sum += b[i]! * 256 + b[i + 1]!;
      assert.equal(sum % 0xffff, 0);
    }),
  );
});

test('the family of the address chooses the frame', () => {
  assert.equal(announcement('10.32.0.7' as Ip, MAC).length, 42);
  assert.equal(announcement('fd32::7' as Ip, MAC).length, 86);
});
