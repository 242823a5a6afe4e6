// A table of ours in the host's nft: what is wanted in its sets is brought there, and whatever others do to it is undone.
import { KernelError } from '../kernel.js';
import type { Count, ElementKey } from '../nft-kernel.js';
import type { Nft } from '../paths/nft/traffic.js';
import { KeyQueue } from './key-queue.js';
import { loadScript, markOf, removeScript, ruleCount, type TableText } from './table-text.js';

/** What keeps a table from being as it should; `missing`: there is no nft program. */
export interface Refusal {
  readonly reason: string;
  readonly missing: boolean;
}

/** One element that ought to be there. */
export type Wanted = readonly [set: string, key: Uint8Array];

/** A missing nft is looked for again after so many looks. */
const MISSING_PATIENCE = 20;
/** Elements are compared for no more than a fiftieth of the time, however often others commit; rules are looked at each time. */
const COMPARE_COST_FACTOR = 50;

export class OwnTable {
  readonly #text: TableText;
  readonly #wanted: () => Iterable<Wanted>;
  readonly #nft: Nft;
  readonly #repaired: () => void;
  readonly #now: () => number;
  readonly #queue = new KeyQueue();
  /** The rules as they lay in the kernel when the table was last seen whole; undefined: it was never seen. */
  #rules: string | undefined;
  /** Of the ruleset in which all was as wanted. */
  #edition: number | undefined;
  #refusal: Refusal | undefined;
  #patience = 0;
  /** May elements go that nobody wants? */
  #tidy = false;
  /** The table is another router's, and may have what nobody wants. */
  #isAdopted = false;
  /** Others may have changed elements since they were compared. */
  #isDoubted = false;
  /** To compare is not wanted before. */
  #compareAt = -Infinity;

  /** @param wanted every element there ought to be, whenever it is asked */
  constructor(
    text: TableText,
    nft: Nft,
    wanted: () => Iterable<Wanted>,
    repaired: () => void,
    now = (): number => performance.now(),
  ) {
    this.#text = text;
    this.#nft = nft;
    this.#wanted = wanted;
    this.#repaired = repaired;
    this.#now = now;
  }

  get refusal(): Refusal | undefined {
    return this.#refusal;
  }

  /** Is there something to be done that needs no look at the kernel? */
  get hasChanges(): boolean {
    return !this.#queue.isEmpty && this.#edition !== undefined;
  }

  /** Before this what nobody wants stays: it may belong to what an earlier router had. */
  settled(): void {
    this.#tidy = true;
    if (this.#isAdopted) this.#edition = undefined;
    if (this.#isAdopted) this.#compareAt = -Infinity;
  }

  /** `wanted` has changed by one element. Before the table was seen there is no need to say so. @param key is copied */
  change(op: 'add' | 'delete', set: string, key: Uint8Array): void {
    if (this.#edition !== undefined) this.#queue.push(op, set, key);
  }

  /** By key, as the kernel has them; none where it cannot be asked. */
  counts(set: string): ReadonlyMap<ElementKey, Count> {
    try {
      return this.#nft.kernel.elements(this.#text.table, set) ?? new Map();
    } catch (error) {
      if (error instanceof KernelError) return new Map();
      throw error;
    }
  }

  /** Makes the table agree with what is wanted. A refusal is remembered, and tried again the next time. */
  async ensure(): Promise<void> {
    if (this.#refusal?.missing === true && this.#patience-- > 0) return;
    // What is to be deleted may be gone already, and then nothing of the commit is done: the second time all is compared.
    const first = await this.#attempt();
    const refusal = first === undefined ? undefined : await this.#attempt();
    if (refusal !== undefined) this.#refused({ missing: false, reason: refusal.message });
  }

  async remove(): Promise<void> {
    this.#rules = this.#edition = undefined;
    this.#queue.clear();
    await this.#nft.run('nft', ['-f', '-'], removeScript(this.#text.table));
  }

  async #attempt(): Promise<KernelError | undefined> {
    try {
      await this.#ensure();
      return undefined;
    } catch (error) {
      if (!(error instanceof KernelError)) throw error;
      this.#edition = undefined;
      return error;
    }
  }

  async #ensure(): Promise<void> {
    const edition = this.#nft.ruleset.edition();
    if (edition === undefined) return this.#refused({ missing: false, reason: 'no nf_tables in this kernel' });
    if (edition !== this.#edition) {
      const isWhole = this.#isWhole();
      if (!isWhole && !(await this.#load())) return;
      // After a refusal nothing is known; another's commit was hardly about our elements.
      if (!isWhole || this.#edition === undefined) this.#compareAt = -Infinity;
      this.#isDoubted = true;
    }
    if (this.#isDoubted && this.#now() >= this.#compareAt) this.#compare();
    this.#edition = edition;
    this.#refusal = undefined;
    await this.#flush();
  }

  async #load(): Promise<boolean> {
    const load = (): ReturnType<Nft['run']> => this.#nft.run('nft', ['-f', '-'], loadScript(this.#text));
    const done = await this.#nft.ruleset.commit(load, ({ ok }) => ok);
    if (!done.ok) this.#refused(done);
    else {
      if (this.#rules !== undefined) this.#repaired();
      this.#rules = this.#read();
    }
    return done.ok;
  }

  #isWhole(): boolean {
    const { table } = this.#text;
    const rules = this.#nft.kernel.rules(table);
    if (rules.length !== ruleCount(this.#text)) return false;
    if (this.#rules !== undefined && this.#rules !== rules.join()) return false;
    if (this.#nft.kernel.elements(table, markOf(this.#text)) === undefined) return false; // those in use cannot be deleted
    if (this.#rules === undefined) this.#isAdopted = true;
    this.#rules = rules.join();
    return true;
  }

  #read(): string {
    return this.#nft.kernel.rules(this.#text.table).join();
  }

  /** Queues what differs between the kernel's elements and those that are wanted: a second for 100,000. */
  #compare(): void {
    const startedAt = this.#now();
    this.#queue.clear();
    this.#queueDifferences();
    this.#isDoubted = false;
    const endedAt = this.#now();
    this.#compareAt = endedAt + (endedAt - startedAt) * COMPARE_COST_FACTOR;
  }

  #queueDifferences(): void {
    const have = new Map<string, Set<string>>();
    for (const [set, key] of this.#wanted()) {
      const keys = have.get(set) ?? this.#keysOf(set);
      have.set(set, keys);
      if (!keys.delete(hex(key))) this.#queue.push('add', set, key);
    }
    if (!this.#tidy) return;
    for (const set of Object.keys(this.#text.sets)) {
      if (isCounted(this.#text, set)) continue;
      for (const key of have.get(set) ?? this.#keysOf(set)) this.#queue.push('delete', set, Buffer.from(key, 'hex'));
    }
  }

  #keysOf(set: string): Set<string> {
    return new Set(this.#nft.kernel.elements(this.#text.table, set)?.keys());
  }

  /** A commit, then a turn for the event loop. */
  async #flush(): Promise<void> {
    for (let batches = this.#queue.take(); batches.length > 0; batches = this.#queue.take()) {
      const some = batches;
      await this.#nft.ruleset.commit(() => this.#nft.kernel.changeMany(this.#text.table, some));
      if (!this.#queue.isEmpty) await new Promise(setImmediate);
    }
  }

  #refused(refusal: Refusal): void {
    this.#refusal = refusal;
    this.#edition = undefined;
    this.#queue.clear();
    this.#patience = MISSING_PATIENCE;
  }
}

const hex = (key: Uint8Array): string => Buffer.from(key.buffer, key.byteOffset, key.length).toString('hex');

/** Its elements come from the packets, or count them. */
const isCounted = ({ sets }: TableText, set: string): boolean => /counter|dynamic/.test(sets[set] ?? '');
