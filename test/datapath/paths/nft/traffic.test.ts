import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Traffic } from '../../../../datapath/paths/nft/traffic.js';
import { isOurTable } from '../../../../datapath/paths/nft/traffic-table.js';
import { KernelError } from '../../../../datapath/kernel.js';
import type { Count } from '../../../../datapath/nft-kernel.js';
import type { Ip, PeerId } from '../../../../router/types.js';
import { FakeNft } from '../../../support/fake-nft.js';

const A = 'a'.repeat(32) as PeerId;
const B = 'b'.repeat(32) as PeerId;
const NOTHING: Count = { frames: 0, bytes: 0 };
const at = (ip: string, port = 6785) => ({ ip: ip as Ip, port });

/** As in traffic-table.ts. */
const IN_A: [string, string] = ['in4', '0a090002'];
const OUT_A: [string, string] = ['out4', '0a0900021a810000'];

function traffic() {
  const nft = new FakeNft('mesh_6785');
  const counters = new Map<string, number>();
  const t = new Traffic(6785, nft, (name) => counters.set(name, (counters.get(name) ?? 0) + 1));
  return { t, nft, counters };
}

test('frames and bytes are counted from where an earlier router left, and by direction', async () => {
  const { t, nft } = traffic();
  t.setPeer(A, at('10.9.0.2'));
  await t.read();
  nft.count(...IN_A, 700);
  const after = new Traffic(6785, nft, () => undefined);
  after.setPeer(A, at('10.9.0.2'));
  assert.deepEqual(await after.read(), []);
  nft.count(...OUT_A, 1_000);
  nft.count(...IN_A, 501);
  assert.deepEqual(await after.read(), [A]);
  assert.deepEqual(after.carried(A), { tx: { frames: 1, bytes: 1_000 }, rx: { frames: 1, bytes: 501 } });
  assert.deepEqual(await after.read(), []);
});

test('three small frames are counted and are no traffic, four are', async () => {
  const { t, nft } = traffic();
  t.setPeer(A, at('10.9.0.2'));
  await t.read();
  for (const [frames, moved] of [
    [3, []],
    [4, [A]],
  ] as const) {
    for (let i = 0; i < frames; i++) nft.count(...(i % 2 === 0 ? IN_A : OUT_A), 90);
    assert.deepEqual(await t.read(), moved);
  }
  assert.deepEqual(t.carried(A), { tx: { frames: 3, bytes: 270 }, rx: { frames: 4, bytes: 360 } });
});

test('a peer that comes or goes leaves the counters of the others alone', async () => {
  const { t, nft } = traffic();
  t.setPeer(A, at('10.9.0.2'));
  await t.read();
  nft.count(...IN_A, 10);
  t.setPeer(B, at('fd09::3', 7785));
  await t.read();
  nft.count(...IN_A, 1_600);
  nft.count('out6', 'fd0900000000000000000000000000031e690000', 1_501);
  assert.deepEqual(await t.read(), [A, B]);
  t.setPeer(B, undefined);
  await t.read();
  assert.deepEqual(
    [...nft.sets!].map(([name, set]) => [name, ...set.keys()]),
    [IN_A, OUT_A, ['in6'], ['out6']],
  );
  assert.deepEqual(t.carried(A), { tx: NOTHING, rx: { frames: 2, bytes: 1_610 } });
});

test('a flushed table is loaded again and no byte is counted twice', async () => {
  const { t, nft, counters } = traffic();
  t.setPeer(A, at('10.9.0.2'));
  await t.read();
  nft.count(...IN_A, 1_000);
  await t.read();
  for (const change of [
    () => (nft.sets = undefined),
    () => (nft.ruleCount = 0),
    () => nft.sets!.delete('in6'),
    () => nft.sets!.get('in4')!.clear(),
  ]) {
    nft.disturb(change);
    await t.read();
    nft.count(...IN_A, 1);
    await t.read();
  }
  assert.deepEqual(t.carried(A), { tx: NOTHING, rx: { frames: 5, bytes: 1_004 } });
  assert.equal(counters.get('nft-repaired'), 3);
});

test('a table that cannot be loaded again is not repaired', async () => {
  const { t, nft, counters } = traffic();
  t.setPeer(A, at('10.9.0.2'));
  await t.read();
  nft.disturb(() => (nft.sets = undefined));
  nft.missing = true;
  for (let i = 0; i < 100; i++) await t.read();
  assert.equal(counters.get('nft-repaired'), undefined);
  nft.missing = false;
  for (let i = 0; i < 100; i++) await t.read();
  assert.equal(counters.get('nft-repaired'), 1);
});

test('a counter that somebody reset goes on from there', async () => {
  const { t, nft } = traffic();
  t.setPeer(A, at('10.9.0.2'));
  await t.read();
  nft.count(...IN_A, 1_000);
  await t.read();
  nft.disturb(() => nft.sets!.get('in4')!.set(IN_A[1], { frames: 2, bytes: 30 }));
  await t.read();
  assert.deepEqual(t.carried(A), { tx: NOTHING, rx: { frames: 3, bytes: 1_030 } });
});

test('without nft nothing is counted, it is looked for seldom, and found when it is installed', async () => {
  const { t, nft } = traffic();
  nft.missing = true;
  t.setPeer(A, at('10.9.0.2'));
  for (let i = 0; i < 20; i++) await t.read();
  assert.equal(nft.calls.length, 1);
  assert.equal(t.carried(A), undefined);
  assert.equal(t.refusal()?.missing, true);
  nft.missing = false;
  for (let i = 0; i < 20; i++) await t.read();
  assert.equal(t.refusal(), undefined);
  assert.deepEqual(t.carried(A), { tx: NOTHING, rx: NOTHING });
});

test('while nobody else changes a rule, no child is run', async () => {
  const { t, nft } = traffic();
  t.setPeer(A, at('10.9.0.2'));
  await t.read();
  t.setPeer(B, at('10.9.0.3'));
  for (let i = 0; i < 5; i++) await t.read();
  assert.deepEqual(nft.calls, ['-f -']);
  nft.disturb(() => undefined);
  for (let i = 0; i < 5; i++) await t.read();
  assert.deepEqual(nft.calls, ['-f -', '-j -t list table inet mesh_6785']);
});

test('a thousand peers are set by several commits', async () => {
  const { t, nft } = traffic();
  for (let i = 0; i < 1_000; i++)
    t.setPeer(i.toString(16).padStart(32, '0') as PeerId, at(`10.9.${i >> 8}.${i & 255}`));
  const before = nft.generation()!;
  await t.read();
  assert.equal(nft.sets!.get('out4')!.size, 1_000);
  assert.equal(nft.generation()! - before, 5);
});

test('a kernel without nf_tables is said, and so is a change that it refuses', async () => {
  const { t, nft } = traffic();
  nft.absent = true;
  t.setPeer(A, at('10.9.0.2'));
  await t.read();
  assert.deepEqual(t.refusal(), { missing: false, reason: 'no nf_tables in this kernel' });
  nft.absent = false;
  await t.read();
  assert.equal(t.refusal(), undefined);
  const change = nft.change.bind(nft);
  nft.change = () => {
    throw new KernelError('change', 'EPERM');
  };
  t.setPeer(B, at('10.9.0.3'));
  await t.read();
  assert.equal(t.refusal()?.missing, false);
  assert.equal(t.carried(B), undefined);
  nft.change = change;
  await t.read();
  assert.deepEqual(t.carried(B), { tx: NOTHING, rx: NOTHING });
});

test('what was counted before a change is refused is not counted again', async () => {
  const { t, nft } = traffic();
  t.setPeer(A, at('10.9.0.2'));
  await t.read();
  nft.count(...IN_A, 1_000);
  const change = nft.change.bind(nft);
  nft.change = () => {
    throw new KernelError('change', 'ENOBUFS');
  };
  t.setPeer(B, at('10.9.0.3'));
  await t.read();
  nft.change = change;
  await t.read();
  assert.deepEqual(t.carried(A), { tx: NOTHING, rx: { frames: 1, bytes: 1_000 } });
});

test('whatever nft prints is our table or not', () => {
  fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (text) => void isOurTable(text)));
  fc.assert(fc.property(fc.json(), (text) => void isOurTable(`{"nftables":[{"set":${text}},{"rule":${text}}]}`)));
});
