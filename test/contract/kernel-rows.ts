// The part of the kernel contract that is about forwarding and neighbour tables.
import assert from 'node:assert/strict';
import type { Ip } from '../../router/types.js';
import type { Row, RowOp } from '../../datapath/kernel.js';
import {
  bridge,
  canonical,
  del,
  MAC_A,
  MAC_B,
  network,
  put,
  refuses,
  VTEP_1,
  VTEP_2,
  vxlan,
  type On,
} from '../support/kernel-host.js';

export function rowContract(on: On): void {
  on('every kind of row is put, put again, and read back as it was put', async ({ kernel }) => {
    const { br, vx } = await network(kernel);
    const rows: Row[] = [
      { kind: 'self', link: vx, mac: MAC_A, dst: VTEP_1, port: 0 },
      { kind: 'self', link: vx, mac: MAC_B, dst: VTEP_2, port: 7000 },
      { kind: 'flood', link: vx, dst: VTEP_1, port: 0 },
      { kind: 'flood', link: vx, dst: VTEP_2, port: 7000 },
      { kind: 'neigh', link: br, ip: '10.32.0.5' as Ip, mac: MAC_A },
      { kind: 'neigh', link: br, ip: 'fd32::5' as Ip, mac: MAC_A },
      { kind: 'master', link: vx, mac: MAC_A },
    ];
    assert.deepEqual(await kernel.rows([...rows, ...rows].map(put)), []);
    assert.deepEqual(canonical(await kernel.dumpRows([br, vx])), canonical(rows));
    assert.deepEqual(canonical(await kernel.dumpRows([br])), canonical(rows.filter((r) => r.kind === 'neigh')));
    assert.deepEqual(await kernel.dumpRows([]), []);
    assert.deepEqual(await kernel.learntMacs(br), [], 'none of them is learnt');
  });

  on('an IPv6 vxlan takes IPv6 destinations', async ({ kernel }) => {
    const vx = await kernel.linkAdd(vxlan('vx-6', '::1' as Ip));
    const rows: Row[] = [
      { kind: 'self', link: vx, mac: MAC_A, dst: '2001:db8::1' as Ip, port: 7000 },
      { kind: 'flood', link: vx, dst: '2001:db8::1' as Ip, port: 0 },
    ];
    assert.deepEqual(await kernel.rows(rows.map(put)), []);
    assert.deepEqual(canonical(await kernel.dumpRows([vx])), canonical(rows));
  });

  on('a MAC has one destination, one port and an IP one MAC: the last put', async ({ kernel }) => {
    const { br, vx, vx2 } = await network(kernel);
    const last: Row[] = [
      { kind: 'self', link: vx, mac: MAC_A, dst: VTEP_2, port: 0 },
      { kind: 'master', link: vx2, mac: MAC_A },
      { kind: 'neigh', link: br, ip: '10.32.0.5' as Ip, mac: MAC_B },
    ];
    const first: Row[] = [
      { kind: 'self', link: vx, mac: MAC_A, dst: VTEP_1, port: 7000 },
      { kind: 'master', link: vx, mac: MAC_A },
      { kind: 'neigh', link: br, ip: '10.32.0.5' as Ip, mac: MAC_A },
    ];
    assert.deepEqual(await kernel.rows([...first, ...last].map(put)), []);
    assert.deepEqual(canonical(await kernel.dumpRows([br, vx, vx2])), canonical(last));
  });

  on('what is refused is named with its reason, and all the rest is done', async ({ kernel }) => {
    const { br, vx } = await network(kernel);
    const lone = await kernel.linkAdd(vxlan('vx-l', '127.0.0.1' as Ip, 102));
    const gone = await kernel.linkAdd(bridge('br-g'));
    await kernel.linkDel(gone);
    const good: Row[] = [
      { kind: 'self', link: vx, mac: MAC_A, dst: VTEP_1, port: 0 },
      { kind: 'master', link: vx, mac: MAC_A },
    ];
    const bad: [Row, string][] = [
      [{ kind: 'self', link: vx, mac: MAC_B, dst: '2001:db8::1' as Ip, port: 0 }, 'EAFNOSUPPORT'],
      [{ kind: 'master', link: lone, mac: MAC_B }, 'EOPNOTSUPP'],
      [{ kind: 'neigh', link: gone, ip: '10.32.0.9' as Ip, mac: MAC_B }, 'ENODEV'],
      [{ kind: 'self', link: gone, mac: MAC_B, dst: VTEP_1, port: 0 }, 'ENODEV'],
    ];
    const refused = await kernel.rows([...bad.map(([row]) => row), ...good].map(put));
    assert.deepEqual(
      refused.map(({ op, error }) => [op, error.errno]),
      bad.map(([row, errno]) => [put(row), errno]),
    );
    for (const { error } of refused) assert.ok(refuses(error.errno)(error));
    assert.deepEqual(canonical(await kernel.dumpRows([br, vx, lone])), canonical(good));
  });

  on('hundreds of operations are done in their order', async ({ kernel }) => {
    const { vx } = await network(kernel);
    const row = (i: number): Row => ({ kind: 'self', link: vx, mac: MAC_A, dst: `192.0.2.${i}` as Ip, port: 0 });
    const ops = Array.from({ length: 250 }, (_, i) => [put(row(i + 1)), del(row(i + 1)), put(row(i + 2))]).flat();
    assert.deepEqual(await kernel.rows(ops), []);
    assert.deepEqual(canonical(await kernel.dumpRows([vx])), canonical([row(251)]));
  });

  on(
    'a bridge that goes down, or whose MAC changes, loses its neighbours and keeps its entries',
    async ({ kernel }) => {
      const { br, vx } = await network(kernel);
      const neigh: Row = { kind: 'neigh', link: br, ip: '10.32.0.5' as Ip, mac: MAC_A };
      const master: Row = { kind: 'master', link: vx, mac: MAC_A };
      for (const change of [{ up: false }, { mac: MAC_B, up: true }]) {
        await kernel.linkSet(br, { up: true });
        await kernel.rows([put(neigh), put(master)]);
        await kernel.linkSet(br, change);
        assert.deepEqual(canonical(await kernel.dumpRows([br, vx])), canonical([master]));
      }
    },
  );

  on('a port that leaves its bridge loses the bridge entries and keeps the vxlan ones', async ({ kernel }) => {
    const { vx } = await network(kernel);
    const self: Row = { kind: 'self', link: vx, mac: MAC_A, dst: VTEP_1, port: 0 };
    await kernel.rows([put(self), put({ kind: 'master', link: vx, mac: MAC_A })]);
    await kernel.linkSet(vx, { master: null });
    assert.deepEqual(canonical(await kernel.dumpRows([vx])), canonical([self]));
  });
}

export function deleteContract(on: On): void {
  on('deleting what is not there is success, on a link that is gone as well', async ({ kernel }) => {
    const { br, vx } = await network(kernel);
    const gone = await kernel.linkAdd(bridge('br-g'));
    await kernel.linkDel(gone);
    const lone = await kernel.linkAdd(vxlan('vx-l', '127.0.0.1' as Ip, 102));
    const ops: RowOp[] = [
      del({ kind: 'self', link: vx, mac: MAC_A, dst: VTEP_1, port: 0 }),
      del({ kind: 'flood', link: vx, dst: VTEP_1, port: 0 }),
      del({ kind: 'master', link: vx, mac: MAC_A }),
      del({ kind: 'master', link: lone, mac: MAC_A }),
      del({ kind: 'neigh', link: br, ip: '10.32.0.5' as Ip, mac: MAC_A }),
      del({ kind: 'neigh', link: gone, ip: '10.32.0.5' as Ip, mac: MAC_A }),
      del({ kind: 'self', link: gone, mac: MAC_A, dst: VTEP_1, port: 0 }),
    ];
    assert.deepEqual(await kernel.rows(ops), []);
  });

  on('a late delete does not take away what has moved since', async ({ kernel }) => {
    const { vx, vx2 } = await network(kernel);
    const here: Row[] = [
      { kind: 'self', link: vx, mac: MAC_A, dst: VTEP_2, port: 7000 },
      { kind: 'master', link: vx2, mac: MAC_A },
    ];
    const late: Row[] = [
      { kind: 'self', link: vx, mac: MAC_A, dst: VTEP_1, port: 7000 },
      { kind: 'self', link: vx, mac: MAC_A, dst: VTEP_2, port: 0 },
      { kind: 'master', link: vx, mac: MAC_A },
    ];
    assert.deepEqual(await kernel.rows([...here.map(put), ...late.map(del)]), []);
    assert.deepEqual(canonical(await kernel.dumpRows([vx, vx2])), canonical(here));
    assert.deepEqual(await kernel.rows(here.map(del)), []);
    assert.deepEqual(await kernel.dumpRows([vx, vx2]), []);
  });

  on('of the flood list only the destination named is deleted', async ({ kernel }) => {
    const { vx } = await network(kernel);
    const [one, two]: Row[] = [VTEP_1, VTEP_2].map((dst): Row => ({ kind: 'flood', link: vx, dst, port: 0 }));
    await kernel.rows([put(one!), put(two!), del(one!)]);
    assert.deepEqual(canonical(await kernel.dumpRows([vx])), canonical([two!]));
    await kernel.rows([del(two!)]);
    assert.deepEqual(await kernel.dumpRows([vx]), []);
  });
}
