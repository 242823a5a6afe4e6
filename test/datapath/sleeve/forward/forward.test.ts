import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { macNumber } from '../../../../datapath/address-map.js';
import { isGroup, macAt, MacTable } from '../../../../datapath/sleeve/forward/mac-table.js';
import { StormLimiter } from '../../../../datapath/sleeve/forward/storm.js';
import { macFromBytes } from '../../../../router/address.js';
import type { Mac } from '../../../../router/types.js';

const anyMacBytes = fc.uint8Array({ minLength: 6, maxLength: 6 });

test('a MAC has the same number as text and in a frame', () => {
  fc.assert(
    fc.property(anyMacBytes, (b) => {
      assert.equal(macNumber(macFromBytes(b)), macAt(new DataView(b.buffer), 0));
    }),
  );
});

test('the table says what a map would, whatever was asked before', () => {
  const anyMac = fc.nat(3).map((n) => `02:00:00:00:00:0${n}` as Mac);
  const anySteps = fc.array(
    fc.record({ mac: anyMac, owner: fc.option(fc.nat(9), { nil: undefined }), asks: fc.boolean() }),
  );
  fc.assert(
    fc.property(anySteps, (steps) => {
      const [table, model] = [new MacTable<number>(), new Map<Mac, number | undefined>()];
      for (const { mac, owner, asks } of steps) {
        if (asks) assert.equal(table.find(macNumber(mac)), model.get(mac));
        else {
          table.set(mac, owner);
          model.set(mac, owner);
        }
      }
    }),
  );
});

test('broadcast and multicast are groups', () => {
  assert.ok(isGroup(Uint8Array.of(0xff, 0xff), 0) && isGroup(Uint8Array.of(0x33, 0x33), 0));
  assert.ok(!isGroup(Uint8Array.of(0x02), 0));
});

test('a source has its rate and no more, over any stretch of time', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(20), { minLength: 1, maxLength: 500 }), (gaps) => {
      const limiter = new StormLimiter(100);
      let now = 0;
      let admitted = 0;
      for (const gap of gaps) {
        now += gap;
        if (limiter.admits(7, now)) admitted++;
      }
      assert.ok(admitted <= 100 + (now * 100) / 1_000 + 1e-6);
    }),
  );
});

test('a source within its rate loses nothing, and is not held back by another', () => {
  const limiter = new StormLimiter(100);
  for (let now = 0; now < 5_000; now += 10) {
    for (let i = 0; i < 50; i++) limiter.admits(1, now);
    assert.ok(limiter.admits(2, now));
  }
});

test('a container that invents sources takes the allowance of the unknown, not that of the known', () => {
  const limiter = new StormLimiter(100);
  assert.ok(limiter.admits(1, 0));
  let admitted = 0;
  for (let source = 2; source < 50_000; source++) if (limiter.admits(source, 1)) admitted++;
  assert.ok(admitted < 1_024 + 101, `${admitted}`);
  assert.ok(limiter.admits(1, 2));
});
