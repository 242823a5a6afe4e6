import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Roster } from '../../../router/swim/roster.js';
import { Turns } from '../../../router/swim/turns.js';
import type { PeerId } from '../../../router/types.js';
import { peerNumber } from '../../support/datagram-network.js';
import { seededRandom } from '../../support/virtual-time.js';

const nobody = (): boolean => false;

/** The turns of host `self` among hosts 0 .. n-1. */
function turnsOf(self: number, n: number): Turns {
  const members = new Roster();
  for (let host = 0; host < n; host++) if (host !== self) members.add(peerNumber(host));
  return new Turns(peerNumber(self), members, seededRandom(self + 1));
}

const take = (turns: Turns, n: number, isDoubted: (peer: PeerId) => boolean = nobody): (PeerId | undefined)[] =>
  Array.from({ length: n }, () => turns.next(isDoubted, nobody));

test('every second turn is for the successor, so that each member has exactly one who asks it', () => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 12 }), (n) => {
      const askedBy = Array.from({ length: n }, (_, self) => {
        const [, a, , b] = take(turnsOf(self, n), 4);
        assert.equal(a, b);
        return a;
      });
      assert.equal(new Set(askedBy).size, n);
    }),
  );
});

test('the other turns go round all, each once', () => {
  const all = take(turnsOf(3, 9), 2 * 8 * 3).filter((_, i) => i % 2 === 0);
  for (let round = 0; round < 3; round++) assert.equal(new Set(all.slice(8 * round, 8 * (round + 1))).size, 8);
});

test('beyond a doubted successor the next is asked, and beyond the last the first', () => {
  const doubted = new Set([peerNumber(4), peerNumber(5)]);
  const isDoubted = (peer: PeerId): boolean => doubted.has(peer);
  assert.equal(take(turnsOf(3, 9), 2, isDoubted)[1], peerNumber(6));
  assert.equal(take(turnsOf(3, 6), 2, isDoubted)[1], peerNumber(0));
});

test('who is asked already loses no turn to it, and alone nobody is asked', () => {
  const turns = turnsOf(0, 3);
  const isProbed = (peer: PeerId): boolean => peer === peerNumber(1);
  for (let i = 0; i < 6; i++) {
    const peer = turns.next(nobody, isProbed);
    assert.ok(peer === peerNumber(2) || peer === undefined);
  }
  assert.deepEqual(take(turnsOf(0, 1), 3), [undefined, undefined, undefined]);
});
