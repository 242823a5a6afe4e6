// A limit on broadcast and multicast for each source MAC: such a frame is sent to every member of the network, so one
// container's storm would be everyone's.

/** Frames a second for each source, and as many at once. */
export const STORM_FRAMES_PER_S = 5_000;
/** Sources that are remembered; a container that invents more of them shares one allowance. */
const MAX_SOURCES = 1_024;
const SHARED = -1;
const FULL_AFTER_MS = 1_000;

interface Allowance {
  frames: number;
  atMs: number;
}

/** Token buckets. Time is the caller's, monotonic, ms. */
export class StormLimiter {
  readonly #perS: number;
  readonly #sources = new Map<number, Allowance>();
  #sweptAtMs = -Infinity;

  constructor(perS = STORM_FRAMES_PER_S) {
    this.#perS = perS;
  }

  /** May a group frame of this source pass now? */
  admits(source: number, nowMs: number): boolean {
    const allowance = this.#allowance(source, nowMs);
    allowance.frames = Math.min(this.#perS, allowance.frames + ((nowMs - allowance.atMs) * this.#perS) / 1_000);
    allowance.atMs = nowMs;
    if (allowance.frames < 1) return false;
    allowance.frames--;
    return true;
  }

  #allowance(source: number, nowMs: number): Allowance {
    const known = this.#sources.get(source);
    if (known) return known;
    if (this.#sources.size >= MAX_SOURCES && nowMs - this.#sweptAtMs >= FULL_AFTER_MS) this.#forgetFull(nowMs);
    if (this.#sources.size >= MAX_SOURCES && source !== SHARED) return this.#allowance(SHARED, nowMs);
    const fresh = { frames: this.#perS, atMs: nowMs };
    this.#sources.set(source, fresh);
    return fresh;
  }

  /** A source that was quiet for a second has its whole allowance back: the same as one that is not known. */
  #forgetFull(nowMs: number): void {
    this.#sweptAtMs = nowMs;
    for (const [source, { atMs }] of this.#sources) if (nowMs - atMs >= FULL_AFTER_MS) this.#sources.delete(source);
  }
}
