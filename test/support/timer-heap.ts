// Timers in the order in which they are due: a binary heap in which each timer knows its place, so that one that is called
// off is gone at once. Routers call off most of what they arm.

/** Due at `at`; of two that are due together, the one armed first (the lower `order`) comes first. */
export class Timer {
  at: number;
  readonly order: number;
  readonly run: () => void;
  /** Its place in the heap; of no meaning when another timer is there. */
  place = -1;

  constructor(at: number, order: number, run: () => void) {
    this.at = at;
    this.order = order;
    this.run = run;
  }
}

export class TimerHeap {
  readonly #timers: Timer[] = [];

  get size(): number {
    return this.#timers.length;
  }

  first(): Timer | undefined {
    return this.#timers[0];
  }

  add(timer: Timer): void {
    this.#timers.push(timer);
    this.#rise(timer, this.#timers.length - 1);
  }

  /** @returns false if it is not in here, or no longer */
  remove(timer: Timer): boolean {
    const { place } = timer;
    if (this.#timers[place] !== timer) return false;
    const last = this.#timers.pop()!;
    if (last !== timer) this.#settle(last, place);
    return true;
  }

  clear(): void {
    this.#timers.length = 0;
  }

  #settle(timer: Timer, place: number): void {
    if (place > 0 && isBefore(timer, this.#timers[(place - 1) >> 1]!)) this.#rise(timer, place);
    else this.#sink(timer, place);
  }

  #rise(timer: Timer, from: number): void {
    let place = from;
    while (place > 0) {
      const above = this.#timers[(place - 1) >> 1]!;
      if (!isBefore(timer, above)) break;
      this.#put(above, place);
      place = (place - 1) >> 1;
    }
    this.#put(timer, place);
  }

  #sink(timer: Timer, from: number): void {
    let place = from;
    for (;;) {
      const [left, right] = [this.#timers[place * 2 + 1], this.#timers[place * 2 + 2]];
      const below = right !== undefined && isBefore(right, left!) ? right : left;
      if (below === undefined || !isBefore(below, timer)) break;
      const next = below.place;
      this.#put(below, place);
      place = next;
    }
    this.#put(timer, place);
  }

  #put(timer: Timer, place: number): void {
    this.#timers[place] = timer;
    timer.place = place;
  }
}

const isBefore = (a: Timer, b: Timer): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);
