// Which probes were answered, and what follows: when each pair of containers was without an answer. Pure.
//
// Every pair is probed once a round, from either side in turn; a probe and its answer test both directions. Probe number k is
// of pair `k % pairs`, in round `floor(k / pairs)`.

/** An answer that takes longer is none, ms. */
export const LATE_MS = 1_000;

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
  #sent = 0;

  /** @param rounds the most there may be */
  constructor(hosts: number, rounds: number) {
    this.pairs = pairsOf(hosts);
    this.#sentAt = new Float64Array(rounds * this.pairs.length);
    this.#rtt = new Float32Array(rounds * this.pairs.length).fill(Infinity);
  }

  get sent(): number {
    return this.#sent;
  }

  get isFull(): boolean {
    return this.#sent === this.#sentAt.length;
  }

  /** Whom probe `k` goes from and to. */
  ends(k: number): readonly [from: number, to: number] {
    const [a, b] = this.pairs[k % this.pairs.length]!;
    return Math.floor(k / this.pairs.length) % 2 === 0 ? [a, b] : [b, a];
  }

  /** The next one was sent. @returns its number */
  send(atMs: number): number {
    this.#sentAt[this.#sent] = atMs;
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
    const n = this.pairs.length;
    const answers = new Map<string, boolean>();
    for (let k = this.#sent - 1; k >= 0 && this.#sentAt[k]! >= fromMs; k--) {
      if (this.#sentAt[k]! > toMs) continue;
      const ends = this.ends(k).join();
      answers.set(ends, (answers.get(ends) ?? true) && this.#rtt[k]! <= LATE_MS);
    }
    return Array.from({ length: 2 * n }, (_, k) => this.ends(k)).filter((ends) => answers.get(ends.join()) !== true);
  }

  /** In order of their beginning. @param untilMs what was sent later does not count: it may still be answered */
  outages(untilMs = Infinity): Outage[] {
    return this.pairs
      .flatMap((_, pair) => this.#outagesOf(pair, untilMs))
      .sort((x, y) => x.fromMs - y.fromMs || x.a - y.a || x.b - y.b);
  }

  #outagesOf(pair: number, untilMs: number): Outage[] {
    const [a, b] = this.pairs[pair]!;
    const found: Outage[] = [];
    let open: { fromMs: number; toMs: number; lost: number } | undefined;
    for (let k = pair; k < this.#sent && this.#sentAt[k]! <= untilMs; k += this.pairs.length) {
      const at = this.#sentAt[k]!;
      if (open !== undefined) open.toMs = at;
      if (this.#rtt[k]! > LATE_MS) {
        open ??= { fromMs: at, toMs: at, lost: 0 };
        open.lost++;
      } else if (open !== undefined) {
        found.push({ a, b, ...open });
        open = undefined;
      }
    }
    return open === undefined ? found : [...found, { a, b, ...open }];
  }
}
