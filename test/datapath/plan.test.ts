import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { applyLinks } from '../../datapath/apply.js';
import type { Link, LinkSpec, Row, RowOp } from '../../datapath/kernel.js';
import { planLink, planLinks, planRows, slotOf, type LinkWant } from '../../datapath/plan.js';
import type { Ip, LinkIndex, Vni } from '../../router/types.js';
import { macOf, vtep } from '../support/datapath-lab.js';
import { FakeKernel } from '../support/fake-kernel.js';

const anyMac = fc.integer({ min: 1, max: 6 }).map(macOf);
const anyLink = fc.integer({ min: 1, max: 3 }).map((n) => n as LinkIndex);
const anyDst = fc.integer({ min: 1, max: 3 }).map(vtep);
const anyPort = fc.constantFrom(0, 7000);
const PLAIN = { noNullPrototype: true };
const anyRow: fc.Arbitrary<Row> = fc.oneof(
  fc.record({ kind: fc.constant('self' as const), link: anyLink, mac: anyMac, dst: anyDst, port: anyPort }, PLAIN),
  fc.record({ kind: fc.constant('flood' as const), link: anyLink, dst: anyDst, port: anyPort }, PLAIN),
  fc.record({ kind: fc.constant('master' as const), link: anyLink, mac: anyMac }, PLAIN),
  fc.record({ kind: fc.constant('neigh' as const), link: anyLink, ip: anyDst, mac: anyMac }, PLAIN),
);
const anyRows = fc.array(anyRow, { maxLength: 20 });

const byslot = (rows: readonly Row[]): Map<string, Row> => new Map(rows.map((row) => [slotOf(row), row]));

function performed(have: readonly Row[], ops: readonly RowOp[]): Map<string, Row> {
  const table = byslot(have);
  for (const { op, row } of ops)
    if (op === 'put') table.set(slotOf(row), row);
    else table.delete(slotOf(row));
  return table;
}

const sorted = (table: ReadonlyMap<string, Row>): [string, Row][] => [...table].sort(([a], [b]) => (a < b ? -1 : 1));

test('doing what is planned turns any table into any other', () => {
  fc.assert(
    fc.property(anyRows, anyRows, (want, have) => {
      const distinct = [...byslot(have).values()];
      assert.deepEqual(sorted(performed(distinct, planRows(want, distinct))), sorted(byslot(want)));
    }),
  );
});

test('a table that is as wanted needs nothing', () => {
  fc.assert(
    fc.property(anyRows, (rows) => {
      assert.deepEqual(planRows(rows, [...byslot(rows).values()]), []);
    }),
  );
});

test('a MAC is never behind an uplink that does not know its vtep', () => {
  const [link, mac, ip] = [2 as LinkIndex, macOf(1), '10.32.0.1' as Ip];
  const rows: Row[] = [
    { kind: 'master', link, mac },
    { kind: 'neigh', link, ip, mac },
    { kind: 'self', link, mac, dst: vtep(1), port: 0 },
  ];
  assert.deepEqual(
    planRows(rows, []).map(({ row }) => row.kind),
    ['self', 'neigh', 'master'],
  );
  assert.deepEqual(
    planRows([], rows).map(({ row }) => row.kind),
    ['master', 'neigh', 'self'],
  );
});

const ALIAS = `mesh:${'aa'.repeat(16)}:web`;
const bridge: LinkSpec = { kind: 'bridge', name: 'mb-web', mac: macOf(1), mtu: 1376, alias: ALIAS };
const vxlan: LinkSpec = {
  kind: 'vxlan',
  name: 'mv-web',
  vni: 5 as Vni,
  local: vtep(0),
  port: 6785,
  mtu: 1376,
  df: false,
  alias: ALIAS,
};
const WANT: LinkWant[] = [
  { name: 'mb-web', kind: 'bridge', mtu: 1376, alias: ALIAS, mac: macOf(1), spec: bridge },
  {
    name: 'mv-web',
    kind: 'vxlan',
    mtu: 1376,
    alias: ALIAS,
    master: { name: 'mb-web', port: { learning: false, isolated: true } },
    spec: vxlan,
  },
];

async function brought(kernel: FakeKernel, want: readonly LinkWant[], tidy = true): Promise<readonly Link[]> {
  const have = await kernel.links();
  const { links, refused } = await applyLinks(kernel, have, planLinks(want, have, tidy));
  assert.deepEqual(refused, []);
  assert.deepEqual(planLinks(want, links, tidy), [], 'a second plan finds nothing to do');
  return links;
}

const disturbances: readonly ((kernel: FakeKernel) => void)[] = [
  (k) => k.pokeLinkDel('mv-web'),
  (k) => k.pokeLinkDel('mb-web'),
  (k) => k.pokeUp('mv-web', false),
  (k) => k.pokeUp('mb-web', false),
  (k) => k.pokeMaster('mv-web', undefined),
  (k) => k.pokePort('mv-web', { learning: true, isolated: false }),
  (k) => k.pokeMac('mb-web', macOf(66)),
  (k) => k.pokeMtu('mv-web', 900),
];

test('links that anything was done to are as wanted after one plan', async () => {
  const anySteps = fc.array(fc.constantFrom(...disturbances), { maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(anySteps, async (steps) => {
      const kernel = new FakeKernel();
      await brought(kernel, WANT);
      for (const step of steps) step(kernel);
      const [links, uplink] = [await brought(kernel, WANT), kernel.link('mv-web')!];
      assert.equal(links.length, 3);
      assert.equal(uplink.master, kernel.link('mb-web')!.index);
      assert.ok(uplink.port!.isolated && !uplink.port!.learning && uplink.up && uplink.mtu === 1376);
      assert.equal(kernel.link('mb-web')!.mac, macOf(1));
    }),
    { numRuns: 50 },
  );
});

test('a vxlan with another VNI, source or port is made anew', async () => {
  for (const change of [{ vni: 6 as Vni }, { local: vtep(9) }, { port: 7000 }]) {
    const kernel = new FakeKernel();
    await kernel.linkAdd({ ...vxlan, ...change });
    await brought(kernel, WANT);
    assert.deepEqual(kernel.link('mv-web')!.vxlan, { vni: 5, local: vtep(0), port: 6785, df: false, learning: false });
  }
});

test('our vxlan under another name makes room, even before the table is complete', async () => {
  const kernel = new FakeKernel();
  await kernel.linkAdd({ ...vxlan, name: 'renamed' });
  await brought(kernel, WANT, false);
  assert.equal(kernel.link('renamed'), undefined);
});

test("somebody else's link of our name is left alone", async () => {
  const kernel = new FakeKernel();
  const { alias: _alias, ...foreign } = bridge;
  await kernel.linkAdd({ ...foreign, mac: macOf(2) });
  assert.deepEqual(planLink(WANT[0]!, kernel.link('mb-web'), undefined), [{ op: 'blocked', name: 'mb-web' }]);
});

test('links that nobody wants stay until the table is complete', async () => {
  const kernel = new FakeKernel();
  await brought(kernel, WANT);
  assert.deepEqual(planLinks([], await kernel.links(), false), []);
  await brought(kernel, []);
  assert.deepEqual(
    kernel.linkTable().map((link) => link.name),
    ['lo'],
  );
});
