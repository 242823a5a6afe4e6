import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import ipaddr from 'ipaddr.js';
import { ipFromBytes, linkLocalOf, macFromBytes, macOfLinkLocal, parseIp } from '../../router/address.js';
import type { Ip, Mac } from '../../router/types.js';

/** As ipaddr.js says it, without looking at the text first. */
function parsedByTheLibrary(text: string): string | undefined {
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) return ipaddr.IPv4.parse(text).toString();
  return text.includes(':') && !text.includes('%') && ipaddr.IPv6.isValid(text)
    ? ipaddr.IPv6.parse(text).toRFC5952String()
    : undefined;
}

/** Addresses, and what is nearly one. */
const anyText = fc.oneof(
  fc.ipV4(),
  fc.ipV4Extended(),
  fc.ipV6(),
  fc.array(fc.integer({ min: 0, max: 300 }), { minLength: 3, maxLength: 5 }).map((parts) => parts.join('.')),
  fc
    .array(fc.constantFrom('0', '00', '1', '01', 'a', 'A', 'ffff', '12345', ''), { minLength: 3, maxLength: 8 })
    .map((groups) => `fe80::${groups.slice(0, 4).join(':')}`),
  fc.stringMatching(/^[0-9a-f:.]{0,20}$/),
);

test('an address that is known by its looks is the one that ipaddr.js parses', () => {
  fc.assert(
    fc.property(anyText, (text) => {
      assert.equal(parseIp(text), parsedByTheLibrary(text));
    }),
    { numRuns: 2000 },
  );
});

test('the link-local address of any MAC is in its canonical form', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 6, maxLength: 6 }), (bytes) => {
      const ip = linkLocalOf(macFromBytes(bytes));
      assert.equal(parseIp(ip), ip);
      assert.equal(parsedByTheLibrary(ip), ip);
    }),
  );
});

test('the link-local address of a MAC is the one of RFC 2464, and leads back to it', () => {
  assert.equal(linkLocalOf('34:56:78:9a:bc:de' as Mac), 'fe80::3656:78ff:fe9a:bcde');
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 6, maxLength: 6 }), (bytes) => {
      const mac = macFromBytes(bytes);
      const interfaceId = [bytes[0]! ^ 2, bytes[1]!, bytes[2]!, 0xff, 0xfe, bytes[3]!, bytes[4]!, bytes[5]!];
      assert.equal(linkLocalOf(mac), ipFromBytes(Uint8Array.of(0xfe, 0x80, 0, 0, 0, 0, 0, 0, ...interfaceId)));
      assert.equal(macOfLinkLocal(linkLocalOf(mac)), mac);
    }),
  );
});

test('an address that no MAC gives leads to none', () => {
  for (const text of [
    '10.0.0.1',
    'fe80::1',
    'fe80::1:ff:fe00',
    'fd00::3656:78ff:fe9a:bcde',
    'fe80::1:3656:78ff:fe9a:bcde',
  ])
    assert.equal(macOfLinkLocal(text as Ip), undefined, text);
  fc.assert(
    fc.property(fc.ipV6(), (text) => {
      const ip = parseIp(text)!;
      const mac = macOfLinkLocal(ip);
      assert.ok(mac === undefined || linkLocalOf(mac) === ip);
    }),
  );
});

test('octal, hexadecimal, short and padded IPv4 addresses are none', () => {
  for (const text of ['010.0.0.1', '0x7f.0.0.1', '10.1', '10.0.0.256', '1.2.3.4.', ' 1.2.3.4', '1.2.3.4\n', '1.2.3'])
    assert.equal(parseIp(text), undefined, text);
});
