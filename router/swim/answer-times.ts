// Who takes long to answer, and how long. Pure.
import type { Millis, PeerId } from '../types.js';

interface Overdue {
  readonly target: PeerId;
  readonly startedAt: Millis;
}

/** Who takes longer is waited for as long, no more: it may be dead, and cannot make us wait for it. */
const MAX_WAIT_MS = 3_000;
const MAX_OVERDUE = 256;

/**
 * A probe that was given up may still be answered. Who answers so late is late next time, too, and accused by each router only
 * once for it: else five routers of a hundred that come to everything 2 s late are suspected, and refute, each three seconds.
 */
export class AnswerTimes {
  /** Probes that were given up, the oldest first. */
  readonly #overdue = new Map<number, Overdue>();
  readonly #lateMs = new Map<PeerId, number>();

  /** What is to be added to every wait for this peer, ms; 0 for most. */
  lateMs(peer: PeerId): number {
    return this.#lateMs.get(peer) ?? 0;
  }

  gaveUp(seq: number, probe: Overdue): void {
    this.#overdue.set(seq, probe);
    for (const oldest of this.#overdue.keys()) {
      if (this.#overdue.size <= MAX_OVERDUE) return;
      this.#overdue.delete(oldest);
    }
  }

  /** An answer to what nobody waits for any more, as far as we know. */
  late(from: PeerId, seq: number, now: Millis): void {
    const probe = this.#overdue.get(seq);
    if (probe?.target !== from) return;
    this.#overdue.delete(seq);
    this.#lateMs.set(from, Math.min(now - probe.startedAt, MAX_WAIT_MS));
  }

  /** It answered after so long. @param usualMs that is no reason to wait longer */
  answered(peer: PeerId, ms: number, usualMs: number): void {
    if (ms <= usualMs) this.#lateMs.delete(peer);
    else this.#lateMs.set(peer, Math.min(ms, MAX_WAIT_MS));
  }

  forget(peer: PeerId): void {
    this.#lateMs.delete(peer);
  }
}
