// The nft of a host with one table of ours: what LinuxNftKernel and the nft program do to it, and what others may do.
import assert from 'node:assert/strict';
import { KernelError } from '../../datapath/kernel.js';
import type { Count, ElementKey, ElementOp, NftKernel } from '../../datapath/nft-kernel.js';
import { Ruleset } from '../../datapath/paths/nft/ruleset.js';
import type { RunTool, ToolResult } from '../../datapath/paths/run-tool.js';

type Sets = Map<string, Map<ElementKey, Count>>;

/** Keeps the contract of test/contract/nft-kernel.ts; `run` knows the scripts of traffic-table.ts. */
export class FakeNft implements NftKernel {
  sets: Sets | undefined;
  rules = 0;
  /** There is no nft program. */
  missing = false;
  /** There is no nf_tables in the kernel. */
  absent = false;
  /** What the program was called with. */
  readonly calls: string[] = [];
  readonly ruleset = new Ruleset(this);
  readonly kernel = this;
  readonly #table: string;
  #generation = 1;

  constructor(table: string) {
    this.#table = table;
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

  elements(table: string, set: string): ReadonlyMap<ElementKey, Count> | undefined {
    const have = table === this.#table ? this.sets?.get(set) : undefined;
    return have && new Map(have);
  }

  change(table: string, ops: readonly ElementOp[]): void {
    const after: Sets = new Map([...(this.sets ?? [])].map(([name, set]) => [name, new Map(set)]));
    let isChanged = false;
    for (const { op, set, key } of ops) {
      const at = table === this.#table ? after.get(set) : undefined;
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
    this.rules = (stdin.match(/@(in|out)[46]$| drop$/gm) ?? []).length;
    return Promise.resolve({ ok: true, stdout: '' });
  };

  #list(): ToolResult {
    if (this.sets === undefined) return { ok: false, missing: false, reason: 'nft: Error: No such file' };
    const sets = [...this.sets.keys()].map((name) => ({ set: { name } }));
    const rules = Array.from({ length: this.rules }, () => ({ rule: {} }));
    return { ok: true, stdout: JSON.stringify({ nftables: [{ metainfo: {} }, ...sets, ...rules] }) };
  }
}
