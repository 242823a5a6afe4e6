// Which probes were answered, and what follows: when each pair of containers was without an answer. Pure.
//
// A pair is probed from either side in turn; a probe and its answer test both directions.

/** An answer that takes longer is none, ms. */
export const LATE_MS = 1_000;
/** A pair that was not probed for longer was not watched meanwhile, ms: an outage before is none after. */
const UNWATCHED_MS = 2_000;

export interface Outage {
  readonly a: number;
  readonly b: number;
  /** When the first probe was sent that was not answered, and the first after it that was (or the last of all); ms. */
  readonly fromMs: number;
  readonly toMs: number;
  /** How many were not answered. */
  readonly lost: number;
}

/** @returns all pairs of hosts `[a, b]` with a < b, in the order of their numbers */
export function pairsOf(hosts: number): readonly (readonly [number, number])[] {
  return Array.from({ length: hosts }, (_, a) => a).flatMap((a) =>
    Array.from({ length: hosts - a - 1 }, (_, i) => [a, a + 1 + i] as const),
  );
}

export class ProbeLedger {
  readonly pairs: readonly (readonly [number, number])[];
  readonly #sentAt: Float64Array;
  readonly #rtt: Float32Array;
  /** Number of the pair. */
  readonly #pair: Uint16Array;
  /** Whether it went from the second of the pair to the first. */
  readonly #isBack: Uint8Array;
  /** By pair: how often it was probed. */
  readonly #turns: Uint32Array;
  #sent = 0;

  /** @param rounds the most there may be for all pairs */
  constructor(hosts: number, rounds: number) {
    this.pairs = pairsOf(hosts);
    const most = rounds * this.pairs.length;
    this.#sentAt = new Float64Array(most);
    this.#rtt = new Float32Array(most).fill(Infinity);
    this.#pair = new Uint16Array(most);
    this.#isBack = new Uint8Array(most);
    this.#turns = new Uint32Array(this.pairs.length);
  }

  get sent(): number {
    return this.#sent;
  }

  get isFull(): boolean {
    return this.#sent === this.#sentAt.length;
  }

  /** Whom probe `k` goes from and to. */
  ends(k: number): readonly [from: number, to: number] {
    const [a, b] = this.pairs[this.#pair[k]!]!;
    return this.#isBack[k] === 0 ? [a, b] : [b, a];
  }

  /** The next probe of the pair is about to go. @returns its number */
  send(pair: number, atMs: number): number {
    this.#sentAt[this.#sent] = atMs;
    this.#pair[this.#sent] = pair;
    this.#isBack[this.#sent] = this.#turns[pair]!++ % 2;
    return this.#sent++;
  }

  /** The first answer counts. Numbers that were never sent are ignored. @param heardAtMs when it reached the kernel */
  answer(k: number, heardAtMs: number): void {
    if (k < this.#sent && this.#rtt[k] === Infinity) this.#rtt[k] = Math.max(0, heardAtMs - this.#sentAt[k]!);
  }

  /** Those whose answers came in time. @returns round trips in ms, sorted */
  rtts(): Float32Array {
    return this.#rtt
      .slice(0, this.#sent)
      .filter((rtt) => rtt <= LATE_MS)
      .sort();
  }

  /** Probes that were answered, but late. */
  late(): number {
    return this.#rtt.slice(0, this.#sent).filter((rtt) => rtt > LATE_MS && rtt < Infinity).length;
  }

  lost(): number {
    return this.#sent - this.rtts().length;
  }

  /** @returns ordered pairs of which a probe that was sent in that time was not answered, or none was sent */
  silentBetween(fromMs: number, toMs: number): (readonly [from: number, to: number])[] {
    const answers = new Map<string, boolean>();
    for (let k = this.#sent - 1; k >= 0 && this.#sentAt[k]! >= fromMs; k--) {
      if (this.#sentAt[k]! > toMs) continue;
      const ends = this.ends(k).join();
      answers.set(ends, (answers.get(ends) ?? true) && this.#rtt[k]! <= LATE_MS);
    }
    const all = this.pairs.flatMap(([a, b]) => [[a, b] as const, [b, a] as const]);
    return all.filter((ends) => answers.get(ends.join()) !== true);
  }

  /** In order of their beginning. @param untilMs what was sent later does not count: it may still be answered */
  outages(untilMs = Infinity): Outage[] {
    const found: Outage[] = [];
    const open = new Map<number, Mutable<Outage>>();
    const probedAt = new Map<number, number>();
    for (let k = 0; k < this.#sent && this.#sentAt[k]! <= untilMs; k++) {
      const [pair, at] = [this.#pair[k]!, this.#sentAt[k]!];
      const outage = open.get(pair);
      const isWatched = at - (probedAt.get(pair) ?? at) <= UNWATCHED_MS;
      probedAt.set(pair, at);
      if (outage !== undefined && isWatched) outage.toMs = at;
      const isLost = this.#rtt[k]! > LATE_MS;
      if (outage !== undefined && (!isLost || !isWatched)) {
        found.push(outage);
        open.delete(pair);
      }
      if (isLost) this.#lose(open, pair, at);
    }
    return [...found, ...open.values()].sort((x, y) => x.fromMs - y.fromMs || x.a - y.a || x.b - y.b);
  }

  #lose(open: Map<number, Mutable<Outage>>, pair: number, at: number): void {
    const [a, b] = this.pairs[pair]!;
    const outage = open.get(pair) ?? { a, b, fromMs: at, toMs: at, lost: 0 };
    outage.lost++;
    open.set(pair, outage);
  }
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
