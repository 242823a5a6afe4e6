import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { macNumber, macOfNumber, NeighMap } from '../../datapath/address-map.js';
import { linkLocalOf, parseIp } from '../../router/address.js';
import type { Ip, Mac } from '../../router/types.js';

const anyMac = fc.bigInt({ min: 0n, max: 2n ** 48n - 1n }).map((n) => {
  const hex = n.toString(16).padStart(12, '0');
  return hex.match(/../g)!.join(':') as Mac;
});

/** Link-local ones that follow from a MAC and such as nearly do, IPv4 and others; canonical, as every `Ip` is. */
const anyIp: fc.Arbitrary<Ip> = fc.oneof(
  anyMac.map(linkLocalOf),
  fc.ipV4().map((ip) => ip as Ip),
  fc.ipV6().map((ip) => parseIp(ip) ?? ('::1' as Ip)),
  fc
    .array(fc.constantFrom('0', '1', 'ff', '2ff', 'fe00', 'fe01', 'ffff'), { minLength: 1, maxLength: 4 })
    .map((groups) => parseIp(`fe80::${groups.join(':')}`)!),
);

test('a MAC is its number', () => {
  assert.equal(macNumber('02:6d:00:01:86:9f' as Mac), 0x026d_0001_869f);
  fc.assert(
    fc.property(anyMac, (mac) => {
      assert.equal(macNumber(mac), parseInt(mac.replaceAll(':', ''), 16));
      assert.equal(macOfNumber(macNumber(mac)), mac);
    }),
  );
});

test('neighbours are kept as a Map keeps them, whatever kind of address they have', () => {
  const step = fc.tuple(anyIp, fc.option(anyMac, { nil: undefined }));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const [map, model] = [new NeighMap(), new Map<Ip, Mac>()];
      for (const [ip, mac] of [...steps, ...steps.slice(0, 20).reverse()]) {
        assert.equal(map.has(ip), model.has(ip));
        if (mac === undefined) assert.equal(map.delete(ip), model.delete(ip));
        else assert.equal(map.set(ip, mac), !model.has(ip));
        if (mac !== undefined) model.set(ip, mac);
        assert.equal(map.get(ip), model.get(ip));
      }
      assert.equal(map.size, model.size);
      assert.deepEqual(new Set(map.keys()), new Set(model.keys()));
      for (const [ip, mac] of model) assert.equal(map.get(ip), mac);
    }),
  );
});
