// What each peer's vxlan carries, by the counters of an nft table that is repaired at every reading.
import type { PeerId, SocketAddress } from '../../../router/types.js';
import type { RunTool } from '../run-tool.js';
import {
  changeScript,
  inElement,
  loadScript,
  outElement,
  parseTable,
  tableName,
  type Count,
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

interface Counted {
  readonly in: Element;
  readonly out: Element;
  carried: BothWays<Count>;
}

export class Traffic {
  readonly #port: number;
  readonly #run: RunTool;
  readonly #count: (name: string) => void;
  readonly #peers = new Map<PeerId, Counted>();
  /** Element counters at the last reading; only differences are added up, so a flush loses at most two seconds. */
  #last: ReadonlyMap<Element, Count> | undefined;
  #refusal: { readonly reason: string; readonly missing: boolean } | undefined;
  #patience = 0;

  constructor(port: number, run: RunTool, count: (name: string) => void) {
    this.#port = port;
    this.#run = run;
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
    const listed = await this.#run('nft', ['-j', 'list', 'table', 'inet', tableName(this.#port)]);
    if (!listed.ok && listed.missing) return this.#refused(listed);
    const have = listed.ok ? parseTable(listed.stdout) : undefined;
    const moved = have === undefined ? [] : this.#add(have);
    const want = new Set<Element>([...this.#peers.values()].flatMap((p) => [p.in, p.out]));
    const script = have === undefined ? loadScript(this.#port, want) : this.#changes(want, have);
    if (have === undefined && this.#last !== undefined) this.#count('nft-repaired');
    if (script !== '') {
      const done = await this.#run('nft', ['-f', '-'], script);
      if (!done.ok) return this.#refused(done);
    }
    // What was just put there begins at 0.
    this.#last = new Map([...want].map((e) => [e, have?.get(e) ?? NOTHING]));
    this.#refusal = undefined;
    return moved;
  }

  async remove(): Promise<void> {
    this.#last = undefined;
    // Deleting what is not there is an error to nft, so it is made first.
    const table = `table inet ${tableName(this.#port)}`;
    await this.#run('nft', ['-f', '-'], `${table}\ndelete ${table}\n`);
  }

  #changes(want: ReadonlySet<Element>, have: ReadonlyMap<Element, Count>): string {
    const add = [...want].filter((e) => !have.has(e));
    const remove = [...have.keys()].filter((e) => !want.has(e));
    return changeScript(this.#port, add, remove);
  }

  #add(have: ReadonlyMap<Element, Count>): readonly PeerId[] {
    const last = this.#last;
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
