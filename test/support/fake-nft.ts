// The nft of a host with one table of ours: what LinuxNftKernel and the nft program do to it, and what others may do.
import assert from 'node:assert/strict';
import { KernelError } from '../../datapath/kernel.js';
import type { Count, ElementKey, ElementOp, KeyBatch, NftKernel, NftTable } from '../../datapath/nft-kernel.js';
import { Ruleset } from '../../datapath/paths/nft/ruleset.js';
import type { RunTool, ToolResult } from '../../datapath/paths/run-tool.js';

type Sets = Map<string, Map<ElementKey, Count>>;

/** Keeps the contract of test/contract/nft-kernel.ts; `run` knows the scripts of traffic-table.ts and table-text.ts: a rule is a line of its own, four spaces in. */
export class FakeNft implements NftKernel {
  sets: Sets | undefined;
  ruleCount = 0;
  /** There is no nft program. */
  missing = false;
  /** There is no nf_tables in the kernel. */
  absent = false;
  /** What the program was called with. */
  readonly calls: string[] = [];
  readonly ruleset = new Ruleset(this);
  readonly kernel = this;
  readonly #table: NftTable;
  #generation = 1;
  /** Of the first rule: each load gives the rules other handles. */
  #handle = 1;

  constructor(name: string, family: NftTable['family'] = 'inet') {
    this.#table = { family, name };
  }

  /** Somebody else's commit. */
  disturb(change: () => void): void {
    change();
    this.#generation++;
  }

  create(...names: readonly string[]): void {
    this.disturb(() => (this.sets = new Map(names.map((name) => [name, new Map<ElementKey, Count>()]))));
  }

  /** A frame comes by. */
  count(set: string, key: ElementKey, bytes: number): void {
    const before = this.sets?.get(set)?.get(key);
    assert.ok(before !== undefined, `${set} ${key} is not counted`);
    this.sets!.get(set)!.set(key, { frames: before.frames + 1, bytes: before.bytes + bytes });
  }

  generation(): number | undefined {
    return this.absent ? undefined : this.#generation;
  }

  elements(table: NftTable, set: string): ReadonlyMap<ElementKey, Count> | undefined {
    const have = this.#is(table) ? this.sets?.get(set) : undefined;
    return have && new Map(have);
  }

  rules(table: NftTable): readonly string[] {
    if (!this.#is(table) || this.sets === undefined) return [];
    return Array.from({ length: this.ruleCount }, (_, i) => `chain ${this.#handle + i}`);
  }

  changeMany(table: NftTable, batches: readonly KeyBatch[]): void {
    this.change(
      table,
      batches.flatMap(({ op, set, keys, keyBytes }) =>
        Array.from({ length: keys.length / keyBytes }, (_, i): ElementOp => {
          const key = Buffer.from(keys.subarray(i * keyBytes, (i + 1) * keyBytes)).toString('hex');
          return { op, set, key };
        }),
      ),
    );
  }

  change(table: NftTable, ops: readonly ElementOp[]): void {
    const after: Sets = new Map([...(this.sets ?? [])].map(([name, set]) => [name, new Map(set)]));
    let isChanged = false;
    for (const { op, set, key } of ops) {
      const at = this.#is(table) ? after.get(set) : undefined;
      if (at === undefined || (op === 'delete' && !at.delete(key))) throw new KernelError('change', 'ENOENT');
      const isThere = op === 'add' && at.has(key);
      if (op === 'add' && !isThere) at.set(key, { frames: 0, bytes: 0 });
      isChanged ||= !isThere;
    }
    if (isChanged) this.disturb(() => (this.sets = after));
  }

  close(): void {}

  readonly run: RunTool = (_name, args, stdin = '') => {
    this.calls.push(args.join(' '));
    if (this.missing) return Promise.resolve({ ok: false, missing: true, reason: 'no nft program' });
    if (args[0] === '-j') return Promise.resolve(this.#list());
    this.create(...[...stdin.matchAll(/^ *set (\S+) /gm)].map(([, name]) => name!));
    if (!stdin.includes('{')) this.sets = undefined;
    this.ruleCount = (stdin.match(/^ {4}(?!type |elements )/gm) ?? []).length;
    this.#handle += 100;
    return Promise.resolve({ ok: true, stdout: '' });
  };

  #is({ family, name }: NftTable): boolean {
    return family === this.#table.family && name === this.#table.name;
  }

  #list(): ToolResult {
    if (this.sets === undefined) return { ok: false, missing: false, reason: 'nft: Error: No such file' };
    const sets = [...this.sets.keys()].map((name) => ({ set: { name } }));
    const rules = Array.from({ length: this.ruleCount }, () => ({ rule: {} }));
    return { ok: true, stdout: JSON.stringify({ nftables: [{ metainfo: {} }, ...sets, ...rules] }) };
  }
}
