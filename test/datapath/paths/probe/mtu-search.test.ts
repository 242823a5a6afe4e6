import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  SEARCH_TRIES,
  sizeLost,
  sizePassed,
  startSearch,
  type MtuSearch,
} from '../../../../datapath/paths/probe/mtu-search.js';

/** Runs a search on a path that passes `mtu`. @returns the answer and how many packets it took */
function search(start: MtuSearch, mtu: number): { found: number; packets: number } {
  let s = start;
  let packets = 0;
  for (; s.size !== undefined; packets++) {
    assert.ok(packets < 200, 'the search does not end');
    s = s.size <= mtu ? sizePassed(s, s.size) : sizeLost(s, s.size);
  }
  return { found: s.lo, packets };
}

test('the search finds the MTU to the byte, wherever it is and whatever was known before', () => {
  const anyLast = fc.option(fc.integer({ min: 526, max: 9000 }), { nil: undefined });
  fc.assert(
    fc.property(
      fc.integer({ min: 526, max: 9000 }),
      fc.integer({ min: 526, max: 9000 }),
      anyLast,
      (ceiling, mtu, last) => {
        const { found, packets } = search(startSearch(526, ceiling, last), mtu);
        assert.equal(found, Math.min(ceiling, mtu));
        assert.ok(packets <= SEARCH_TRIES * 17, `${packets} packets`);
      },
    ),
  );
});

test('a path that takes the full size costs one packet', () => {
  assert.deepEqual(search(startSearch(526, 1376, undefined), 1450), { found: 1376, packets: 1 });
});

test('a narrow path that stayed as it was costs the tries of two sizes and one packet', () => {
  assert.deepEqual(search(startSearch(526, 1376, 1350), 1350), { found: 1350, packets: 2 * SEARCH_TRIES + 1 });
});

test('a size counts as too large after its last try and not before', () => {
  let s = startSearch(526, 1376, undefined);
  for (let i = 1; i < SEARCH_TRIES; i++) s = sizeLost(s, 1376);
  assert.equal(s.size, 1376);
  assert.notEqual(sizeLost(s, 1376).size, 1376);
});

test('a network smaller than the floor is searched no further', () => {
  assert.deepEqual(search(startSearch(526, 500, undefined), 1450), { found: 500, packets: 0 });
});
