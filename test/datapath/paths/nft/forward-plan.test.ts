import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  forwardChainNames,
  iptablesArgs,
  nftLine,
  parseIptables,
  parseNftChains,
  planForward,
  type ForwardChain,
} from '../../../../datapath/paths/nft/forward-plan.js';

const MARK = 'mesh_6785';
const chain = (over: Partial<ForwardChain>): ForwardChain => ({
  ...{ backend: 'nft', family: 'ip', table: 'filter', name: 'FORWARD', hooked: true, drops: true, rules: [] },
  ...over,
});
const other = { handle: 1, ours: undefined, jump: undefined };
const toDocker = { ...other, jump: 'DOCKER-USER' };
const ours = (bridge: string, handle = 9) => ({ handle, ours: bridge, jump: undefined });

/** What nft 1.0.6 prints for `iptables -P FORWARD DROP; iptables -I FORWARD -j DOCKER-USER` and a rule of ours. */
const LISTED = JSON.stringify({
  nftables: [
    { metainfo: { version: '1.0.6', json_schema_version: 1 } },
    {
      chain: {
        ...{ family: 'ip', table: 'filter', name: 'FORWARD', handle: 1 },
        ...{ type: 'filter', hook: 'forward', prio: 0, policy: 'drop' },
      },
    },
    {
      rule: {
        ...{ family: 'ip', table: 'filter', chain: 'FORWARD', handle: 5, comment: MARK },
        expr: [
          { match: { op: '==', left: { meta: { key: 'iifname' } }, right: 'mb-x' } },
          { match: { op: '==', left: { meta: { key: 'oifname' } }, right: 'mb-x' } },
          { accept: null },
        ],
      },
    },
    {
      rule: {
        ...{ family: 'ip', table: 'filter', chain: 'FORWARD', handle: 3 },
        expr: [{ counter: { packets: 0, bytes: 0 } }, { jump: { target: 'DOCKER-USER' } }],
      },
    },
  ],
});

test('a dropping chain gets an accept rule for each bridge, and none when it has them', () => {
  const bare = chain({ rules: [other] });
  assert.deepEqual(
    planForward([bare], ['mb-a', 'mb-b']).map((o) => nftLine(o, MARK)),
    ['mb-a', 'mb-b'].map(
      (b) => `insert rule ip filter FORWARD iifname "${b}" oifname "${b}" accept comment "mesh_6785"\n`,
    ),
  );
  assert.deepEqual(planForward([chain({ rules: [ours('mb-a'), other] })], ['mb-a']), []);
});

test("Docker's own chain is used where FORWARD jumps to it, and a stale one is not", () => {
  const docker = chain({ name: 'DOCKER-USER', hooked: false, drops: false });
  const [op] = planForward([chain({ rules: [toDocker] }), docker], ['mb-a']);
  assert.equal(op?.chain.name, 'DOCKER-USER');
  const [stale] = planForward([chain({ rules: [other] }), docker], ['mb-a']);
  assert.equal(stale?.chain.name, 'FORWARD');
});

test('a rule of ours goes when its bridge is gone, when the chain drops no more, and when it is there twice', () => {
  const gone = planForward([chain({ rules: [ours('mb-a', 7), ours('mb-b', 8)] })], ['mb-b']);
  assert.deepEqual(
    gone.map((o) => nftLine(o, MARK)),
    ['delete rule ip filter FORWARD handle 7\n'],
  );
  assert.equal(planForward([chain({ drops: false, rules: [ours('mb-a')] })], ['mb-a'])[0]?.op, 'delete');
  assert.equal(planForward([chain({ rules: [ours('mb-a'), ours('mb-a')] })], ['mb-a']).length, 1);
});

test('what is planned and done leaves nothing to plan', () => {
  const bridge = fc.constantFrom('mb-a', 'mb-b', 'mb-c');
  const rule = fc.oneof(
    fc.constant(other),
    bridge.map((b) => ours(b)),
  );
  fc.assert(
    fc.property(fc.uniqueArray(bridge), fc.array(rule), fc.boolean(), (bridges, rules, drops) => {
      const before = chain({ rules: rules.map((r, i) => ({ ...r, handle: i })), drops });
      let after = [...before.rules];
      for (const o of planForward([before], bridges))
        if (o.op === 'insert') after.unshift(ours(o.bridge, 100));
        else after = after.filter((r) => r.handle !== o.handle);
      assert.deepEqual(planForward([{ ...before, rules: after }], bridges), []);
    }),
  );
});

test('the JSON of nft is read: policy, rules of ours, and the jump to Docker', () => {
  assert.deepEqual(parseNftChains(LISTED, MARK), [
    chain({ rules: [ours('mb-x', 5), { handle: 3, ours: undefined, jump: 'DOCKER-USER' }] }),
  ]);
  assert.deepEqual(parseNftChains(LISTED, 'mesh_7785')[0]?.rules[0]?.ours, undefined);
});

test("a chain whose policy accepts but whose last rule rejects everything drops, as firewalld's does", () => {
  const listed = (expr: unknown[]) =>
    JSON.stringify({
      nftables: [
        { chain: { family: 'inet', table: 'firewalld', name: 'filter_FORWARD', hook: 'forward', policy: 'accept' } },
        { rule: { family: 'inet', table: 'firewalld', chain: 'filter_FORWARD', handle: 4, expr } },
      ],
    });
  const drops = (expr: unknown[]) => parseNftChains(listed(expr), MARK)[0]?.drops;
  assert.equal(drops([{ reject: { type: 'icmpx', expr: 'admin-prohibited' } }]), true);
  assert.equal(drops([{ counter: {} }, { drop: null }]), true);
  assert.equal(drops([{ match: {} }, { drop: null }]), false);
  assert.equal(drops([{ accept: null }]), false);
});

test('only filter chains of the forward hook and the DOCKER-USER beside them are looked at', () => {
  const base = { family: 'ip', table: 'filter', name: 'FORWARD', type: 'filter', hook: 'forward' };
  const chains = [
    base,
    { ...base, name: 'INPUT', hook: 'input' },
    { ...base, family: 'bridge' },
    { ...base, table: 'mangle', type: 'route' },
    { family: 'ip', table: 'filter', name: 'DOCKER-USER' },
    { family: 'ip6', table: 'filter', name: 'DOCKER-USER' },
  ];
  const json = JSON.stringify({ nftables: chains.map((c) => ({ chain: c })) });
  assert.deepEqual(
    forwardChainNames(json).map((c) => `${c.family} ${c.table} ${c.name}`),
    ['ip filter FORWARD', 'ip filter DOCKER-USER'],
  );
});

test('the output of iptables -S is read, and answered in its words', () => {
  const text = `-P INPUT ACCEPT
-P FORWARD DROP
-N DOCKER-USER
-A FORWARD -j DOCKER-USER
-A DOCKER-USER -i mb-x -o mb-x -m comment --comment mesh_6785 -j ACCEPT
-A DOCKER-USER -j RETURN
`;
  const chains = parseIptables(text, 'iptables-legacy', MARK);
  assert.deepEqual(planForward(chains, ['mb-x']), []);
  const [op] = planForward(chains, ['mb-x', 'mb-y']);
  assert.deepEqual(
    iptablesArgs(op!, MARK).join(' '),
    '-w 1 -I DOCKER-USER -i mb-y -o mb-y -m comment --comment mesh_6785 -j ACCEPT',
  );
  assert.equal(parseIptables('-P FORWARD ACCEPT\n-A FORWARD -j DROP\n', 'ip6tables', MARK)[0]?.drops, true);
  assert.equal(parseIptables('-P FORWARD ACCEPT\n-A FORWARD -i e0 -j DROP\n', 'iptables', MARK)[0]?.drops, false);
});

test('whatever the tools print, the readers return', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
      parseNftChains(text, MARK);
      forwardChainNames(text);
      parseIptables(text, 'iptables', MARK);
    }),
  );
});
