import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { OwnTable, type Wanted } from '../../../datapath/guard/own-table.js';
import type { TableText } from '../../../datapath/guard/table-text.js';
import { FakeNft } from '../../support/fake-nft.js';

const TEXT: TableText = {
  table: { family: 'bridge', name: 't' },
  sets: { a: 'type mark;', b: 'type mark;', seen: 'type mark; counter;' },
  chains: [{ name: 'c', hook: 'type filter hook prerouting priority 0;', rules: ['meta mark @a drop', 'accept'] }],
};
const keyOf = (n: number): Uint8Array => Uint8Array.of(0, 0, n >> 8, n & 255);
const hexOf = (n: number): string => Buffer.from(keyOf(n)).toString('hex');

/** A table and what is wanted in it. */
function bench(text = TEXT) {
  const nft = new FakeNft('t', 'bridge');
  const wanted = new Set<string>();
  let repairs = 0;
  const parse = (element: string): Wanted => [element[0]!, keyOf(Number(element.slice(1)))];
  const newTable = (): OwnTable =>
    new OwnTable(
      text,
      nft,
      () => [...wanted].map(parse),
      () => repairs++,
      () => 0,
    );
  const table = newTable();
  const change = (op: 'add' | 'delete', element: string): void => {
    if (wanted.has(element) === (op === 'add')) return;
    if (op === 'add') wanted.add(element);
    else wanted.delete(element);
    table.change(op, ...parse(element));
  };
  const have = (): string[] =>
    ['a', 'b']
      .flatMap((set) => [...(nft.sets?.get(set)?.keys() ?? [])].map((key) => `${set}${parseInt(key, 16)}`))
      .sort();
  return { nft, table, newTable, wanted, change, have, repairs: () => repairs };
}

test('whatever is wanted, in whatever order, and whatever others do, is in the kernel after the next look', async () => {
  const element = fc.tuple(fc.constantFrom('a', 'b'), fc.nat(20)).map(([set, n]) => `${set}${n}`);
  const doing = fc.oneof(
    { weight: 6, arbitrary: fc.record({ kind: fc.constantFrom('add' as const, 'delete' as const), element }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('look' as const) }) },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constantFrom('flush' as const, 'remove' as const, 'rules' as const) }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('put' as const, 'take' as const), element }) },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(doing, { maxLength: 40 }), async (doings) => {
      const { nft, table, wanted, change, have } = bench();
      table.settled();
      for (const d of doings) {
        if (d.kind === 'add' || d.kind === 'delete') change(d.kind, d.element);
        else if (d.kind === 'look') await table.ensure();
        else
          nft.disturb(() => {
            if (d.kind === 'flush') nft.sets?.forEach((set) => set.clear());
            else if (d.kind === 'remove') nft.sets = undefined;
            else if (d.kind === 'rules') nft.ruleCount = 0;
            else if ('element' in d) {
              const [set, key] = [nft.sets?.get(d.element[0]!), hexOf(Number(d.element.slice(1)))];
              if (d.kind === 'take') set?.delete(key);
              else set?.set(key, { frames: 0, bytes: 0 });
            }
          });
      }
      await table.ensure();
      assert.deepEqual(have(), [...wanted].sort());
      assert.equal(nft.ruleCount, 2);
      assert.equal(table.refusal, undefined);
    }),
  );
});

test('nothing is read or written while nobody changes anything', async () => {
  const { nft, table, change } = bench();
  change('add', 'a1');
  await table.ensure();
  const [before, calls] = [nft.generation(), nft.calls.length];
  await table.ensure();
  change('add', 'b2');
  await table.ensure();
  await table.ensure();
  assert.equal(nft.generation(), before! + 1);
  assert.equal(nft.calls.length, calls, 'the nft program is not asked');
});

test('what an earlier router left is kept until all is known, and an older table is replaced', async () => {
  const { nft, table, newTable, wanted, change, have, repairs } = bench();
  change('add', 'a1');
  change('add', 'a2');
  await table.ensure();
  const calls = nft.calls.length;
  wanted.delete('a2');
  const next = newTable();
  await next.ensure();
  assert.deepEqual([have(), nft.calls.length], [['a1', 'a2'], calls]);
  next.settled();
  await next.ensure();
  assert.deepEqual([have(), repairs()], [['a1'], 0]);
  const other = new OwnTable(
    { ...TEXT, sets: { ...TEXT.sets, c: 'type mark;' } },
    nft,
    () => [['c', keyOf(9)]],
    () => 0,
  );
  await other.ensure();
  assert.deepEqual(have(), []);
  assert.deepEqual([...nft.sets!.get('c')!.keys()], [hexOf(9)]);
});

test('a repair is counted once, and not when it was our own first load', async () => {
  const { nft, table, repairs } = bench();
  await table.ensure();
  nft.disturb(() => (nft.sets = undefined));
  await table.ensure();
  await table.ensure();
  assert.equal(repairs(), 1);
});

test('without nf_tables or the nft program it says so, and goes on when there is one', async () => {
  const { nft, table, change, have } = bench();
  nft.absent = true;
  await table.ensure();
  assert.deepEqual(table.refusal, { missing: false, reason: 'no nf_tables in this kernel' });
  nft.absent = false;
  nft.missing = true;
  change('add', 'a1');
  await table.ensure();
  assert.deepEqual(table.refusal?.missing, true);
  nft.missing = false;
  for (let looks = 0; looks < 21; looks++) await table.ensure();
  assert.equal(table.refusal, undefined);
  assert.deepEqual(have(), ['a1']);
});

test('to compare is not done for more than a fiftieth of the time, and what another deleted comes back when it is', async () => {
  const nft = new FakeNft('t', 'bridge');
  let now = 0;
  const wanted = function* (): Iterable<Wanted> {
    now += 100; // so long it takes
    yield ['a', keyOf(1)];
  };
  const table = new OwnTable(
    TEXT,
    nft,
    wanted,
    () => undefined,
    () => now,
  );
  await table.ensure();
  nft.disturb(() => nft.sets!.get('a')!.clear());
  now += 4_900;
  await table.ensure();
  assert.equal(nft.sets!.get('a')!.size, 0);
  now += 200;
  await table.ensure();
  assert.equal(nft.sets!.get('a')!.size, 1);
  nft.disturb(() => (nft.sets = undefined));
  await table.ensure();
  assert.equal(nft.sets!.get('a')!.size, 1, 'a table that is gone does not wait');
});
