import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import ipaddr from 'ipaddr.js';
import { linkLocalOf, macFromBytes, parseIp } from '../../router/address.js';

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

test('octal, hexadecimal, short and padded IPv4 addresses are none', () => {
  for (const text of ['010.0.0.1', '0x7f.0.0.1', '10.1', '10.0.0.256', '1.2.3.4.', ' 1.2.3.4', '1.2.3.4\n', '1.2.3'])
    assert.equal(parseIp(text), undefined, text);
});
