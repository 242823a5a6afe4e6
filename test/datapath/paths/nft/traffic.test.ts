import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Traffic } from '../../../../datapath/paths/nft/traffic.js';
import { parseTable, type Count } from '../../../../datapath/paths/nft/traffic-table.js';
import type { RunTool } from '../../../../datapath/paths/run-tool.js';
import type { Ip, PeerId } from '../../../../router/types.js';

const A = 'a'.repeat(32) as PeerId;
const B = 'b'.repeat(32) as PeerId;
const NOTHING: Count = { frames: 0, bytes: 0 };
const at = (ip: string, port = 6785) => ({ ip: ip as Ip, port });

/** An nft that knows one table: it adds, deletes, lists and counts, and refuses as nft 1.0.6 does. */
class FakeNft {
  elements: Map<string, Count> | undefined;
  rules = 0;
  missing = false;
  calls = 0;

  readonly run: RunTool = (_name, args, stdin = '') => {
    this.calls++;
    if (this.missing) return Promise.resolve({ ok: false, missing: true, reason: 'no nft program' });
    if (args[0] === '-j') return Promise.resolve(this.#list());
    return Promise.resolve(this.#load(stdin));
  };

  count(key: string, bytes: number): void {
    const before = this.elements?.get(key);
    assert.ok(before !== undefined, `${key} is not counted`);
    this.elements?.set(key, { frames: before.frames + 1, bytes: before.bytes + bytes });
  }

  #list() {
    if (this.elements === undefined) return { ok: false, missing: false, reason: 'nft: Error: No such file' } as const;
    const elem = (set: string) =>
      [...this.elements!]
        .filter(([key]) => key.startsWith(`${set} `))
        .map(([key, { frames, bytes }]) => {
          const words = key.slice(set.length + 1).split(' . ');
          const val = words.length === 1 ? words[0] : { concat: [words[0], Number(words[1])] };
          return { elem: { val, counter: { packets: frames, bytes } } };
        });
    const sets = ['in4', 'out4', 'in6', 'out6'].map((name) => ({ set: { name, elem: elem(name) } }));
    const rules = Array.from({ length: this.rules }, () => ({ rule: {} }));
    return { ok: true, stdout: JSON.stringify({ nftables: [{ metainfo: {} }, ...sets, ...rules] }) } as const;
  }

  #load(script: string) {
    if (script.startsWith('table')) {
      this.elements = script.includes('{') ? new Map() : undefined;
      this.rules = (script.match(/@(in|out)[46]$| drop$/gm) ?? []).length;
    }
    for (const [, verb, set, key] of script.matchAll(/^(add|delete) element inet mesh_6785 (\S+) \{ (.*) \}$/gm)) {
      const name = `${set} ${key}`;
      if (verb === 'delete' && !this.elements?.delete(name))
        return { ok: false, missing: false, reason: 'ENOENT' } as const;
      if (verb === 'add' && !this.elements?.has(name)) this.elements?.set(name, { frames: 0, bytes: 0 });
    }
    return { ok: true, stdout: '' } as const;
  }
}

function traffic() {
  const nft = new FakeNft();
  const counters = new Map<string, number>();
  const t = new Traffic(6785, nft.run, (name) => counters.set(name, (counters.get(name) ?? 0) + 1));
  return { t, nft, counters };
}

test('frames and bytes are counted from where an earlier router left, and by direction', async () => {
  const { t, nft } = traffic();
  t.setPeer(A, at('10.9.0.2'));
  await t.read();
  nft.count('in4 10.9.0.2', 700);
  const after = new Traffic(6785, nft.run, () => undefined);
  after.setPeer(A, at('10.9.0.2'));
  assert.deepEqual(await after.read(), []);
  nft.count('out4 10.9.0.2 . 6785', 1_000);
  nft.count('in4 10.9.0.2', 501);
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
    for (let i = 0; i < frames; i++) nft.count(i % 2 === 0 ? 'in4 10.9.0.2' : 'out4 10.9.0.2 . 6785', 90);
    assert.deepEqual(await t.read(), moved);
  }
  assert.deepEqual(t.carried(A), { tx: { frames: 3, bytes: 270 }, rx: { frames: 4, bytes: 360 } });
});

test('a peer that comes or goes leaves the counters of the others alone', async () => {
  const { t, nft } = traffic();
  t.setPeer(A, at('10.9.0.2'));
  await t.read();
  nft.count('in4 10.9.0.2', 10);
  t.setPeer(B, at('fd09::3', 7785));
  await t.read();
  nft.count('in4 10.9.0.2', 1_600);
  nft.count('out6 fd09::3 . 7785', 1_501);
  assert.deepEqual(await t.read(), [A, B]);
  t.setPeer(B, undefined);
  await t.read();
  assert.deepEqual([...nft.elements!.keys()].sort(), ['in4 10.9.0.2', 'out4 10.9.0.2 . 6785']);
  assert.deepEqual(t.carried(A), { tx: NOTHING, rx: { frames: 2, bytes: 1_610 } });
});

test('a flushed table is loaded again and no byte is counted twice', async () => {
  const { t, nft, counters } = traffic();
  t.setPeer(A, at('10.9.0.2'));
  await t.read();
  nft.count('in4 10.9.0.2', 1_000);
  await t.read();
  for (const disturb of [() => (nft.elements = undefined), () => (nft.rules = 0), () => nft.elements!.clear()]) {
    disturb();
    await t.read();
    nft.count('in4 10.9.0.2', 1);
    await t.read();
  }
  assert.deepEqual(t.carried(A), { tx: NOTHING, rx: { frames: 4, bytes: 1_003 } });
  assert.equal(counters.get('nft-repaired'), 2);
});

test('a counter that somebody reset goes on from there', async () => {
  const { t, nft } = traffic();
  t.setPeer(A, at('10.9.0.2'));
  await t.read();
  nft.count('in4 10.9.0.2', 1_000);
  await t.read();
  nft.elements!.set('in4 10.9.0.2', { frames: 2, bytes: 30 });
  await t.read();
  assert.deepEqual(t.carried(A), { tx: NOTHING, rx: { frames: 3, bytes: 1_030 } });
});

test('without nft nothing is counted, it is looked for seldom, and found when it is installed', async () => {
  const { t, nft } = traffic();
  nft.missing = true;
  t.setPeer(A, at('10.9.0.2'));
  for (let i = 0; i < 20; i++) await t.read();
  assert.equal(nft.calls, 1);
  assert.equal(t.carried(A), undefined);
  assert.equal(t.refusal()?.missing, true);
  nft.missing = false;
  for (let i = 0; i < 20; i++) await t.read();
  assert.equal(t.refusal(), undefined);
  assert.deepEqual(t.carried(A), { tx: NOTHING, rx: NOTHING });
});

test('whatever nft prints is a table or none', () => {
  fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (text) => void parseTable(text)));
  fc.assert(
    fc.property(
      fc.json(),
      (text) => void parseTable(`{"nftables":[{"set":${text}},{"set":{"name":"in4","elem":${text}}}]}`),
    ),
  );
});
