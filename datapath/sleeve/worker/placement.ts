// Where a worker runs. One that sleeps and is woken from another processor begins later, by the time that a sleeping processor
// takes to wake (some 50 µs in a virtual machine; a round trip wakes four threads): with little to do it stays where the kernel
// receives packets. With much to do, or while the other worker has, it runs wherever there is room. Pure.

/** Packets received since the start, by processor. */
export type PacketCounts = ReadonlyMap<number, number>;

/** How long a worker's share of the time is summed up, ms. */
const WINDOW_MS = 5;
/**
 * Above this share of its time a worker is busy at once; it is quiet again when it was below the other for `CALM_MS`. Far below
 * one half, for two that share a processor get no more than that each.
 */
const BUSY_SHARE = 0.2;
const CALM_SHARE = 0.1;
const CALM_MS = 200;
/** The processors' counts are looked at this often, and only when there was something to do. */
const LOOK_MS = 100;
const LOOK_WAKES = 16;
/** Counts from longer ago say what was, not what is. */
const STALE_MS = 500;
/** Another processor is moved to when it received so many times the packets. */
const CLEARLY_MORE = 1.5;

export class Placement {
  /** By worker, 1 while it is busy; shared. */
  readonly #busy: Int32Array;
  readonly #mine: number;
  readonly #counts: () => PacketCounts;
  #workedMs = 0;
  #waitedMs = 0;
  #wakes = 0;
  #sinceLookMs = 0;
  #calmMs = 0;
  #before: PacketCounts = new Map();
  #home: number | undefined;

  /** @param busy one number for each worker. @param mine which is this one's. @param counts reads them, as they are now */
  constructor(busy: Int32Array, mine: number, counts: () => PacketCounts) {
    this.#busy = busy;
    this.#mine = mine;
    this.#counts = counts;
  }

  /** It worked, waited, and was woken. @returns the processor to run on from now on; undefined: any */
  woken(workedMs: number, waitedMs: number): number | undefined {
    this.#wakes++;
    this.#workedMs += workedMs;
    this.#waitedMs += waitedMs;
    const spanMs = this.#workedMs + this.#waitedMs;
    if (spanMs >= WINDOW_MS) this.#endWindow(spanMs);
    return this.#busy.some((busy) => busy !== 0) ? undefined : this.#home;
  }

  #endWindow(spanMs: number): void {
    const share = this.#workedMs / spanMs;
    this.#workedMs = this.#waitedMs = 0;
    this.#calmMs = share < CALM_SHARE ? this.#calmMs + spanMs : 0;
    if (share > BUSY_SHARE) this.#busy[this.#mine] = 1;
    else if (this.#calmMs >= CALM_MS) this.#busy[this.#mine] = 0;
    this.#sinceLookMs += spanMs;
    if (this.#sinceLookMs >= LOOK_MS && this.#wakes >= LOOK_WAKES) this.#look();
  }

  #look(): void {
    const [before, counts] = [this.#before, this.#counts()];
    const isStale = this.#sinceLookMs > STALE_MS;
    this.#before = counts;
    this.#sinceLookMs = this.#wakes = 0;
    if (isStale) return;
    const received = (cpu: number): number => ((counts.get(cpu) ?? 0) - (before.get(cpu) ?? 0)) >>> 0; // 32 bits, and round
    const most = [...counts.keys()].reduce<number | undefined>(
      (a, b) => (a === undefined || received(b) > received(a) ? b : a),
      undefined,
    );
    if (most === undefined || received(most) === 0) return;
    if (this.#home === undefined || received(most) > CLEARLY_MORE * received(this.#home)) this.#home = most;
  }
}
