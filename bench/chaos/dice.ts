// Chance from one seed (mulberry32): the same seed throws the same faults.

export class Dice {
  #state: number;

  /** @param seed of which the low 32 bits count */
  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** @returns [0, 1) */
  roll(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  /** @returns a whole number in [from, to) */
  between(from: number, to: number): number {
    return from + Math.floor(this.roll() * (to - from));
  }

  pick<T>(list: readonly T[]): T {
    return list[this.between(0, list.length)]!;
  }

  shuffled<T>(list: readonly T[]): T[] {
    const deck = [...list];
    for (let i = deck.length - 1; i > 0; i--) {
      const j = this.between(0, i + 1);
      [deck[i], deck[j]] = [deck[j]!, deck[i]!];
    }
    return deck;
  }
}

/** Deals the cards of a deck in random order, then shuffles it anew: each comes as often as it is in there, soon. */
export class Deck<T> {
  readonly #cards: readonly T[];
  readonly #dice: Dice;
  #left: T[] = [];

  constructor(cards: readonly T[], dice: Dice) {
    this.#cards = cards;
    this.#dice = dice;
  }

  deal(): T {
    if (this.#left.length === 0) this.#left = this.#dice.shuffled(this.#cards);
    return this.#left.pop()!;
  }
}
