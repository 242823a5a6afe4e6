import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keepBlock, recordsByKey, type KeptBlock } from '../../../router/gossip/kept-block.js';
import type { BlockDrop } from '../../../router/wire/block.js';
import { peerOf } from '../../support/peers.js';
import { block, bytes, contents, increment, newStore, record } from '../../support/stores.js';

/** As if all that came were known already: one map of records for all stores. */
function sharing(): (b: Uint8Array) => KeptBlock | BlockDrop {
  const known = new Map<string, KeptBlock>();
  return (b) => {
    const key = Buffer.from(b).toString('hex');
    const kept = known.get(key) ?? keepBlock(b);
    if (typeof kept === 'string') return kept;
    const whole = { ...kept, byKey: kept.byKey ?? recordsByKey(kept.block.records) };
    known.set(key, whole);
    return whole;
  };
}

test('what a store does with a block that it shares is seen by no other', () => {
  const keep = sharing();
  const [a, b, alone] = [newStore(1, { keep }), newStore(2, { keep }), newStore(3)];
  const base = block({ version: 7, records: [record('x', 0, 1), record('y', 0, 1)] });
  const next = increment(7, record('y', 0, 2), record('z', 0, 1));
  for (const store of [a, b]) store.receive(base);
  a.receive(next);
  for (const bytes of [base, next]) alone.receive(bytes);
  assert.deepEqual(contents(a), contents(alone));
  assert.deepEqual(b.get(peerOf(9), 'core', 'y')?.value, bytes(1));
  assert.equal(b.get(peerOf(9), 'core', 'z'), undefined);
  b.receive(next);
  assert.deepEqual(contents(b), contents(alone));
});

test('what waited for a base is handed on once, behind it', () => {
  const store = newStore(1);
  const base = block({ version: 7, records: [record('x', 0, 1)] });
  const next = increment(7, record('y', 0, 2));
  for (const bytes of [block({ version: 3 }), next, base]) store.receive(bytes);
  assert.deepEqual([...store.missingFor([])], [base, next]);
});
