// The probes that are under way, by number. Looked at after every event, so it knows by itself what is due next. Pure.
import type { Millis, PeerId } from '../types.js';

export interface Probe {
  readonly target: PeerId;
  readonly startedAt: Millis;
  /** When others are asked to help; undefined once they are. */
  readonly askAt: Millis | undefined;
  readonly failedAt: Millis;
  /** We probe for another, who gave it this number; its failure is not ours to judge. */
  readonly asked: { readonly by: PeerId; readonly seq: number } | undefined;
}

export class Probes {
  readonly #probes = new Map<number, Probe>();
  /** How many of our own go to a peer. */
  readonly #own = new Map<PeerId, number>();
  /** Undefined when it is to be looked up. */
  #nextAt: number | undefined = Infinity;

  get size(): number {
    return this.#probes.size;
  }

  get(seq: number): Probe | undefined {
    return this.#probes.get(seq);
  }

  /** Do we probe it ourselves, and not for another? */
  isOn(target: PeerId): boolean {
    return this.#own.has(target);
  }

  /** In place of one with that number. */
  set(seq: number, probe: Probe): void {
    this.#count(this.#probes.get(seq), -1);
    this.#count(probe, 1);
    this.#probes.set(seq, probe);
    this.#nextAt = undefined;
  }

  delete(seq: number): void {
    this.#count(this.#probes.get(seq), -1);
    if (this.#probes.delete(seq)) this.#nextAt = undefined;
  }

  /** As they are now, in the order in which they began. */
  all(): readonly (readonly [seq: number, probe: Probe])[] {
    return [...this.#probes];
  }

  /** Infinity when none is under way. */
  get nextDeadline(): number {
    if (this.#nextAt !== undefined) return this.#nextAt;
    let at = Infinity;
    for (const { askAt, failedAt } of this.#probes.values()) at = Math.min(at, askAt ?? failedAt);
    return (this.#nextAt = at);
  }

  #count(probe: Probe | undefined, by: 1 | -1): void {
    if (probe === undefined || probe.asked !== undefined) return;
    const own = (this.#own.get(probe.target) ?? 0) + by;
    if (own === 0) this.#own.delete(probe.target);
    else this.#own.set(probe.target, own);
  }
}
