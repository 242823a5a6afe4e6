// What each peer's vxlan carries, by the counters of an nft table that is repaired at every reading.
import type { PeerId, SocketAddress } from '../../../router/types.js';
import { KernelError } from '../../kernel.js';
import type { Count, ElementOp, NftKernel } from '../../nft-kernel.js';
import type { RunTool, ToolResult } from '../run-tool.js';
import type { Ruleset } from './ruleset.js';
import {
  elementOp,
  inElement,
  isOurTable,
  loadScript,
  outElement,
  readCounts,
  tableName,
  trafficTable,
  type Element,
} from './traffic-table.js';

/** A missing nft is looked for again after this many readings that would have been. */
const MISSING_PATIENCE = 30;

/** To a peer, and from it. */
export interface BothWays<T> {
  readonly tx: T;
  readonly rx: T;
}
export type Bytes = BothWays<number>;

/** What containers send of themselves while they do nothing, router solicitations and multicast reports, is no traffic to watch over. */
const FEW_FRAMES = 3;
const FEW_BYTES = 1_500;

const NOTHING: Count = { frames: 0, bytes: 0 };

/** What one commit changes at most. */
const CHANGES = 500;

interface Counted {
  readonly in: Element;
  readonly out: Element;
  carried: BothWays<Count>;
}

/** The host's nft: the program for what is rare, the kernel itself for what is done every two seconds. */
export interface Nft {
  readonly run: RunTool;
  readonly kernel: NftKernel;
  readonly ruleset: Ruleset;
}

export class Traffic {
  readonly #port: number;
  readonly #nft: Nft;
  readonly #count: (name: string) => void;
  readonly #peers = new Map<PeerId, Counted>();
  /** Element counters at the last reading; only differences are added up, so a flush loses at most two seconds. */
  #last: ReadonlyMap<Element, Count> | undefined;
  /** Of the ruleset in which the table was last seen to be whole. */
  #edition: number | undefined;
  #refusal: { readonly reason: string; readonly missing: boolean } | undefined;
  #patience = 0;

  constructor(port: number, nft: Nft, count: (name: string) => void) {
    this.#port = port;
    this.#nft = nft;
    this.#count = count;
  }

  setPeer(peer: PeerId, vtep: SocketAddress | undefined): void {
    if (vtep === undefined) this.#peers.delete(peer);
    else this.#peers.set(peer, { in: inElement(vtep), out: outElement(vtep), carried: { tx: NOTHING, rx: NOTHING } });
  }

  /** Counted since the peer was set; undefined when nft does not count. */
  carried(peer: PeerId): BothWays<Count> | undefined {
    return this.#refusal === undefined && this.#last !== undefined ? this.#peers.get(peer)?.carried : undefined;
  }

  /** Why nothing is counted; undefined when all is well. `missing`: there is no nft. */
  refusal(): { readonly reason: string; readonly missing: boolean } | undefined {
    return this.#refusal;
  }

  /** Makes the table agree with the peers and reads it. @returns the peers whose vxlan moved more than a few frames since the last time */
  async read(): Promise<readonly PeerId[]> {
    if (this.#refusal?.missing === true && this.#patience-- > 0) return [];
    try {
      return await this.#read();
    } catch (error) {
      if (!(error instanceof KernelError)) throw error;
      return this.#refused({ missing: false, reason: error.message });
    }
  }

  async remove(): Promise<void> {
    this.#last = this.#edition = undefined;
    // Deleting what is not there is an error to nft, so it is made first.
    const table = `table inet ${tableName(this.#port)}`;
    await this.#nft.run('nft', ['-f', '-'], `${table}\ndelete ${table}\n`);
  }

  async #read(): Promise<readonly PeerId[]> {
    const edition = this.#nft.ruleset.edition();
    if (edition === undefined) return this.#refused({ missing: false, reason: 'no nf_tables in this kernel' });
    let have = readCounts(this.#nft.kernel, this.#port);
    if (have !== undefined && edition !== this.#edition && !(await this.#isWhole())) have = undefined;
    const moved = have === undefined ? [] : this.#add(have);
    if (have === undefined) {
      const load = (): Promise<ToolResult> => this.#nft.run('nft', ['-f', '-'], loadScript(this.#port));
      const done = await this.#nft.ruleset.commit(load, ({ ok }) => ok);
      if (!done.ok) return this.#refused(done);
      if (this.#last !== undefined) this.#count('nft-repaired');
    }
    const want = new Set<Element>([...this.#peers.values()].flatMap((p) => [p.in, p.out]));
    await this.#change(want, have ?? new Map<Element, Count>());
    // What was just put there begins at 0.
    this.#last = new Map([...want].map((e) => [e, have?.get(e) ?? NOTHING]));
    this.#edition = edition;
    this.#refusal = undefined;
    return moved;
  }

  /** Somebody changed something: are our sets and rules still what they were? Nobody who could say so: they are. */
  async #isWhole(): Promise<boolean> {
    const listed = await this.#nft.run('nft', ['-j', '-t', 'list', 'table', 'inet', tableName(this.#port)]);
    return listed.ok ? isOurTable(listed.stdout) : listed.missing;
  }

  async #change(want: ReadonlySet<Element>, have: ReadonlyMap<Element, Count>): Promise<void> {
    const ops: ElementOp[] = [];
    for (const e of want) if (!have.has(e)) ops.push(elementOp('add', e));
    for (const e of have.keys()) if (!want.has(e)) ops.push(elementOp('delete', e));
    for (let i = 0; i < ops.length; i += CHANGES)
      await this.#nft.ruleset.commit(() =>
        this.#nft.kernel.change(trafficTable(this.#port), ops.slice(i, i + CHANGES)),
      );
  }

  #add(have: ReadonlyMap<Element, Count>): readonly PeerId[] {
    const last = this.#last;
    this.#last = have; // at once: what comes next may be refused, and this is counted already
    if (last === undefined) return []; // an earlier router's counters: where we begin
    const moved: PeerId[] = [];
    for (const [peer, p] of this.#peers) {
      const [rx, tx] = [grown(last, have, p.in), grown(last, have, p.out)];
      if (rx.bytes + tx.bytes === 0) continue;
      p.carried = { tx: sum(p.carried.tx, tx), rx: sum(p.carried.rx, rx) };
      if (rx.frames + tx.frames > FEW_FRAMES || rx.bytes + tx.bytes > FEW_BYTES) moved.push(peer);
    }
    return moved;
  }

  #refused(result: { readonly reason: string; readonly missing: boolean }): readonly PeerId[] {
    this.#refusal = result;
    this.#edition = undefined;
    this.#patience = MISSING_PATIENCE;
    return [];
  }
}

/** A counter that fell was reset in between. */
function grown(last: ReadonlyMap<Element, Count>, have: ReadonlyMap<Element, Count>, e: Element): Count {
  const now = have.get(e) ?? NOTHING;
  const then = last.get(e);
  if (then === undefined) return NOTHING;
  return now.bytes >= then.bytes ? { frames: now.frames - then.frames, bytes: now.bytes - then.bytes } : now;
}

const sum = (a: Count, b: Count): Count => ({ frames: a.frames + b.frames, bytes: a.bytes + b.bytes });
