import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Backlog } from '../../router/backlog.js';
import type { RecordChange } from '../../router/gossip/chain.js';
import { ipKey } from '../../router/wire/records.js';
import type { Ip, PeerId } from '../../router/types.js';
import { NETWORK, Table, World, type WorldHost } from '../sim/world.js';

const change = (key: string): RecordChange => ({
  owner: 'a'.repeat(32) as PeerId,
  topic: 'core',
  key,
  seq: 1,
  value: undefined,
  deleted: true,
  gone: false,
  previous: undefined,
});

test('changes leave a backlog in the order in which they came', () => {
  const backlog = new Backlog();
  backlog.push([change('1'), change('2')]);
  backlog.push([]);
  backlog.push([change('3')]);
  assert.deepEqual(
    [1, 2, 3, 4].map(() => backlog.next()?.key),
    ['1', '2', '3', undefined],
  );
  assert.ok(backlog.isEmpty);
});

const MANY = 3000;
const hex = (n: number): string => n.toString(16).padStart(2, '0');
const ipOf = (n: number): string => `10.32.${n >> 8}.${n & 255}`;
const macOf = (n: number): string => `02:00:00:00:${hex(n >> 8)}:${hex(n & 255)}`;

/** Two hosts, the first with many endpoints; `act` is done when the second has learnt some of them, then it learns the rest. */
function inTheMidst(act: (mesh: World, b: WorldHost) => void, check: (a: WorldHost, b: WorldHost) => void) {
  const mesh = new World(1);
  try {
    const a = mesh.launch('a');
    for (let n = 0; n < MANY; n++) mesh.attach('a', ipOf(n), macOf(n));
    a.router.start(() => a.router.core.options.addresses);
    const b = mesh.launch('b', { founds: false });
    let learnt = 0;
    b.table.apply = (delta) => {
      if (delta.kind === 'neigh' && ++learnt === 1) setTimeout(() => act(mesh, b), 0);
      Table.prototype.apply.call(b.table, delta);
    };
    mesh.connect('b', 'a'); // before it starts, or it is alone and settled
    b.router.start(() => b.router.core.options.addresses);
    mesh.run(2_000);
    assert.ok(learnt > 0);
    check(a, b);
  } finally {
    mesh.close();
  }
}

test('a router goes on while it learns what a peer published at once', () => {
  inTheMidst(
    (_, b) => {
      assert.ok(b.table.neighs.size > 0 && b.table.macs.size < MANY, 'it came in one piece');
      assert.ok(!b.settled, 'the table is not complete');
    },
    (_, b) => {
      assert.equal(b.table.macs.size, MANY);
      assert.equal(b.table.neighs.size, 2 * MANY, 'an IPv4 and a link-local address each');
      assert.ok(b.settled);
    },
  );
});

test('an address attached in the midst of it outranks the claim that is yet to be learnt', () => {
  const all = Array.from({ length: MANY }, (_, n) => ipOf(n)).sort();
  const ip = all.at(-1) as Ip; // records of one kind come in the order of their keys
  inTheMidst(
    (mesh, b) => {
      assert.ok(!b.table.neighs.has(ip), 'it is known already');
      mesh.attach('b', ip, '02:00:00:01:00:00');
    },
    (a, b) => {
      for (const { name, router } of [a, b]) {
        const { owner, seq } = router.core.ledger.claims.holderOf(NETWORK, ipKey(ip))!;
        assert.deepEqual([owner, seq], [b.id, 2], name);
      }
    },
  );
});

test('a peer that is forgotten in the midst of it leaves nothing behind', () => {
  inTheMidst(
    (mesh, b) => {
      mesh.kill('a');
      b.router.dispatch({ kind: 'forgetPeer', peer: mesh.host('a').id });
    },
    (_, b) => {
      for (const left of [b.table.macs, b.table.neighs, b.table.members]) assert.equal(left.size, 0);
    },
  );
});
