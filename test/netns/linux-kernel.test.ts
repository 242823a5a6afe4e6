// What LinuxKernel does beyond the contract: large tables, learnt MACs, lost notifications, and the same as the fake.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Ip, LinkIndex, Mac } from '../../router/types.js';
import type { Kernel, KernelEvent, Row, RowOp } from '../../datapath/kernel.js';
import { LinuxKernel } from '../../datapath/netlink/linux-kernel.js';
import { closeFd, openNetns, openPacketSocket, packetSend, withNetns } from '../../datapath/syscalls.js';
import { canonical, del, MAC_A, network, put, turnsUntil, veth } from '../support/kernel-host.js';
import { FakeKernel } from '../support/fake-kernel.js';

assert.equal(
  process.env.MESH_SANDBOX,
  '1',
  'this test makes links and namespaces, so it runs only inside a sandbox of namespaces: use `make test`',
);

let count = 0;

/** Runs `body` with a kernel in a new namespace, which is not the one that the process is in. */
async function inNewNetns(body: (kernel: LinuxKernel, netns: number, name: string) => Promise<void>): Promise<void> {
  const name = `lk-${process.pid}-${++count}`;
  execFileSync('ip', ['netns', 'add', name]);
  const netns = openNetns(`/run/netns/${name}`);
  const kernel = new LinuxKernel(netns);
  try {
    await body(kernel, netns, name);
  } finally {
    kernel.close();
    closeFd(netns);
    execFileSync('ip', ['netns', 'del', name]);
  }
}

const mac = (i: number): Mac => `02:01:00:00:${hex(i >> 8)}:${hex(i & 255)}` as Mac;
const hex = (n: number): string => n.toString(16).padStart(2, '0');
const openFds = (): number => readdirSync('/proc/self/fd').length;

/** Three rows for each of `n` MACs. */
const rowsFor = (n: number, br: LinkIndex, vx: LinkIndex): Row[] =>
  Array.from({ length: n }, (_, i): Row[] => [
    { kind: 'self', link: vx, mac: mac(i), dst: `192.0.2.${i % 250}` as Ip, port: 0 },
    { kind: 'neigh', link: br, ip: `10.32.${i >> 8}.${i & 255}` as Ip, mac: mac(i) },
    { kind: 'master', link: vx, mac: mac(i) },
  ]).flat();

test('a table too large for the event loop is read back whole, from the namespace of its kernel', async () => {
  await inNewNetns(async (kernel) => {
    const { br, vx } = await network(kernel);
    const rows = rowsFor(4000, br, vx);
    assert.deepEqual(await kernel.rows(rows.map(put)), []);
    const fdsBefore = openFds();
    assert.deepEqual(canonical(await kernel.dumpRows([br, vx])), canonical(rows));
    assert.deepEqual(await kernel.learntMacs(br), []);
    assert.equal(openFds(), fdsBefore, 'the worker leaves no descriptor behind');
  });
});

test('many rows are written in the order of the calls, and each that is refused is named', async () => {
  await inNewNetns(async (kernel) => {
    const { br, vx } = await network(kernel);
    const rows = rowsFor(1000, br, vx);
    const wrong: Row = { kind: 'master', link: 99_999 as LinkIndex, mac: '02:00:00:00:77:77' as Mac };
    const all = [...rows.slice(0, 1234), wrong, ...rows.slice(1234)];
    // The second call is too small for the thread, and must not overtake it.
    const [refused] = await Promise.all([kernel.rows(all.map(put)), kernel.rows([{ op: 'del', row: rows.at(-1)! }])]);
    assert.deepEqual(
      refused.map(({ op, error }) => [op.row, error.op]),
      [[wrong, `bridge fdb replace 02:00:00:00:77:77 dev if99999 master static`]],
    );
    assert.deepEqual(canonical(await kernel.dumpRows([br, vx])), canonical(rows.slice(0, -1)));
  });
});

test('the thread that writes many rows ends with its kernel and leaves no descriptor', async () => {
  await inNewNetns(async (kernel, netns) => {
    const { br, vx } = await network(kernel);
    const fdsBefore = openFds();
    const other = new LinuxKernel(netns);
    assert.deepEqual(await other.rows(rowsFor(1000, br, vx).map(put)), []);
    other.close();
    await turnsUntil('end of the thread', () => openFds() <= fdsBefore);
    await assert.rejects(other.rows(rowsFor(1000, br, vx).map(put)), { errno: 'EBADF' });
  });
});

test('thousands of our own writes are neither events nor an overrun', async () => {
  await inNewNetns(async (kernel) => {
    const { br, vx } = await network(kernel);
    const seen: KernelEvent[] = [];
    kernel.watch((ev) => seen.push(ev));
    const rows = rowsFor(4000, br, vx);
    await kernel.rows(rows.map(put));
    await kernel.rows(rows.map((row): RowOp => ({ op: 'del', row })).reverse());
    await kernel.linkAdd({ kind: 'bridge', name: 'br-u', mac: MAC_A, mtu: 1400 });
    await turnsUntil('turn', settled(20));
    assert.deepEqual(seen, []);
  });
});

/** True after `n` turns of the event loop: time for what must not come. */
const settled =
  (n: number): (() => boolean) =>
  () =>
    n-- <= 0;

test("more of others' changes than the buffer holds are one overrun, and later ones are heard again", async () => {
  await inNewNetns(async (kernel, netns) => {
    const { br, vx, vx2 } = await network(kernel);
    const others = new LinuxKernel(netns);
    const seen: KernelEvent[] = [];
    kernel.watch((ev) => seen.push(ev));
    // Without a turn of the event loop in between nobody reads the notifications.
    const rows = rowsFor(10_000, br, vx);
    for (const op of [put, del])
      for (let i = 0; i < rows.length; i += 100) void others.rows(rows.slice(i, i + 100).map(op));
    await turnsUntil('overrun', () => seen.some((ev) => ev.kind === 'overrun'));
    await others.linkDel(vx2);
    await turnsUntil('linkGone', () => seen.some((ev) => ev.kind === 'linkGone' && ev.index === vx2));
    others.close();
  });
});

test('a MAC that the bridge learns on a port is told and listed, and told again when it is forgotten', async () => {
  await inNewNetns(async (kernel, netns, name) => {
    const { br } = await network(kernel);
    const near = await kernel.linkAdd(veth('ve-t'));
    const far = (await kernel.links()).find((l) => l.name === 've-t-p')!.index;
    await kernel.linkSet(near, { master: br, up: true });
    await kernel.linkSet(far, { up: true });
    const seen: KernelEvent[] = [];
    kernel.watch((ev) => seen.push(ev));
    const frame = Uint8Array.of(255, 255, 255, 255, 255, 255, 2, 9, 9, 9, 9, 9, 0x88, 0xb5, ...new Uint8Array(46));
    const fd = withNetns(netns, () => openPacketSocket(far, 0));
    const entry = { link: near, mac: '02:09:09:09:09:09' };
    const heard = (present: boolean) => () =>
      seen.some((ev) => ev.kind === 'learnt' && ev.entry.mac === entry.mac && ev.present === present);
    await turnsUntil('learnt', () => packetSend(fd, frame) === undefined && heard(true)());
    closeFd(fd);
    assert.ok((await kernel.learntMacs(br)).some((e) => e.link === near && e.mac === entry.mac));
    execFileSync('bridge', ['-n', name, 'fdb', 'del', entry.mac, 'dev', 've-t', 'master']);
    await turnsUntil('end of it', heard(false));
  });
});

test('any row operations leave the same rows, and the same refusals, on the fake and on Linux', async () => {
  await inNewNetns(async (kernel) => {
    const fake = new FakeKernel();
    const here = await network(kernel);
    const there = await network(fake);
    const names = ['br', 'vx', 'vx2'] as const;
    const run = async (k: Kernel, at: Record<(typeof names)[number], LinkIndex>, ops: readonly SymbolicOp[]) => {
      const named = new Map(names.map((name) => [at[name], name] as const));
      const symbolic = (row: Row) => ({ ...row, link: named.get(row.link) });
      const real = ops.map(
        ({ op, row: { on, ...row } }) => ({ op, row: { ...row, link: at[on] } }) as unknown as RowOp,
      );
      const refused = await k.rows(real);
      const left = await k.dumpRows(names.map((name) => at[name]));
      await k.rows(left.map((row) => ({ op: 'del', row })));
      assert.deepEqual(await k.dumpRows(names.map((name) => at[name])), [], 'what was read back can be deleted');
      return {
        refused: refused.map(({ op, error }) => [op.op, symbolic(op.row), error.errno]),
        left: canonical(left.map((row) => symbolic(row) as unknown as Row)),
      };
    };
    await fc.assert(
      fc.asyncProperty(fc.array(anyOp, { maxLength: 40 }), async (ops) => {
        assert.deepEqual(await run(kernel, here, ops), await run(fake, there, ops));
      }),
      { numRuns: 200 },
    );
  });
});

/** A row without its link, which has another index on each kernel. */
type SymbolicOp = { readonly op: 'put' | 'del'; readonly row: { readonly on: 'br' | 'vx' | 'vx2' } };

const anyPort = fc.constantFrom('vx' as const, 'vx2' as const);
const anyMac = fc.constantFrom(mac(1), mac(2));
const anyVtep = fc.constantFrom('192.0.2.1', '192.0.2.2');
const anyUdpPort = fc.constantFrom(0, 7000);
const anyOp: fc.Arbitrary<SymbolicOp> = fc.record({
  op: fc.constantFrom('put' as const, 'del' as const),
  row: fc.oneof(
    fc.record({ kind: fc.constant('self'), on: anyPort, mac: anyMac, dst: anyVtep, port: anyUdpPort }),
    fc.record({ kind: fc.constant('flood'), on: anyPort, dst: anyVtep, port: anyUdpPort }),
    fc.record({
      kind: fc.constant('master'),
      on: fc.constantFrom('br' as const, 'vx' as const, 'vx2' as const),
      mac: anyMac,
    }),
    fc.record({
      kind: fc.constant('neigh'),
      on: fc.constant('br' as const),
      ip: fc.constantFrom('10.32.0.1', 'fd32::1'),
      mac: anyMac,
    }),
  ),
});
