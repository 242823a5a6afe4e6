import assert from 'node:assert/strict';
import { test } from 'node:test';
import { portElements, portOfKey, portTable } from '../../../datapath/guard/port-table.js';
import { loadScript, markOf } from '../../../datapath/guard/table-text.js';
import type { Cidr, Mac } from '../../../router/types.js';

test('a port has its MAC, its addresses and the link-local address of its MAC, and is guarded last', () => {
  const port = {
    name: 'mp0123456789',
    mac: '02:6d:00:00:00:07' as Mac,
    ips: ['10.32.0.7/12', 'fd32::7/64', '10.32.0.7/12'] as Cidr[],
  };
  const name = '6d7030313233343536373839'.padEnd(32, '0');
  const [own, linkLocal] = ['fd320000000000000000000000000007', 'fe80000000000000006d00fffe000007'];
  assert.deepEqual(
    portElements(port).map(([set, key]) => `${set} ${Buffer.from(key).toString('hex')}`),
    [
      `own_mac ${name}026d000000070000`,
      `own_v4 ${name}0a200007`,
      ...['own_v6', 'own_nd'].flatMap((set) => [`${set} ${name}${own}`, `${set} ${name}${linkLocal}`]),
      `ports ${name}`,
    ],
  );
  assert.equal(portOfKey(name), port.name);
});

test('a table is loaded whole, under a mark that another text does not have', () => {
  const script = loadScript(portTable(6785));
  assert.ok(
    script.startsWith(
      'table bridge mesh_6785_ports\ndelete table bridge mesh_6785_ports\ntable bridge mesh_6785_ports {\n',
    ),
  );
  assert.ok(script.includes(`  set ${markOf(portTable(6785))} { type mark; }\n`));
  assert.equal(markOf(portTable(6785)), markOf(portTable(7785)), 'the port is not in the text');
  const other = { ...portTable(6785), chains: portTable(6785).chains.slice(1) };
  assert.notEqual(markOf(other), markOf(portTable(6785)));
});
