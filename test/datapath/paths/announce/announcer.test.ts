import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Announcer, MAX_WAITING } from '../../../../datapath/paths/announce/announcer.js';
import { macFromBytes } from '../../../../router/address.js';
import type { Ip, LinkIndex, Mac } from '../../../../router/types.js';

const BRIDGE = 3 as LinkIndex;
const MAC = '02:00:00:00:00:01' as Mac;
const MOVED = '02:00:00:00:00:02' as Mac;
const ip = (n: number): Ip => `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}` as Ip;

function announcer(refuse?: string) {
  const sent: { link: LinkIndex; frame: Uint8Array }[] = [];
  const counters = new Map<string, number>();
  const a = new Announcer(
    (link, frame) => {
      sent.push({ link, frame });
      return refuse;
    },
    (name) => counters.set(name, (counters.get(name) ?? 0) + 1),
  );
  return { a, sent, counters };
}

test('a batch is bounded, and what is left waits for the next', () => {
  const { a, sent, counters } = announcer();
  a.add(
    BRIDGE,
    Array.from({ length: 250 }, (_, n) => ({ ip: ip(n), mac: MAC })),
  );
  assert.equal(a.flush(), true);
  assert.equal(sent.length, 100);
  assert.equal(a.flush(), true);
  assert.equal(a.flush(), false);
  assert.equal(counters.get('announce-sent'), 250);
});

test('the last word on an address is the one that is sent', () => {
  const { a, sent } = announcer();
  a.add(BRIDGE, [{ ip: ip(1), mac: MAC }]);
  a.add(BRIDGE, [{ ip: ip(1), mac: MOVED }]);
  a.flush();
  assert.deepEqual(
    sent.map((s) => macFromBytes(s.frame, 6)),
    [MOVED],
  );
});

test('a full queue drops what is new and counts it, and still takes the last word on what waits', () => {
  const { a, counters } = announcer();
  a.add(
    BRIDGE,
    Array.from({ length: MAX_WAITING + 5 }, (_, n) => ({ ip: ip(n), mac: MAC })),
  );
  a.add(BRIDGE, [{ ip: ip(1), mac: MOVED }]);
  assert.equal(counters.get('announce-overflow'), 5);
});

test('a frame that is refused is counted by its reason', () => {
  const { a, counters } = announcer('ENETDOWN');
  a.add(BRIDGE, [{ ip: ip(1), mac: MAC }]);
  a.flush();
  assert.equal(counters.get('announce-ENETDOWN'), 1);
});
