// Chance from one seed: the same seed throws the same faults.
import { seededRandom } from '../../test/support/virtual-time.js';

export class Dice {
  /** @returns [0, 1) */
  readonly roll: () => number;

  /** @param seed of which the low 32 bits count */
  constructor(seed: number) {
    this.roll = seededRandom(seed);
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
