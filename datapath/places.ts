/** Numbers for what is said again and again: 0, 1, 2 … in the order in which they were first asked for. Keeps all of them. */
export class Places<T> {
  readonly #places = new Map<T, number>();
  readonly #all: T[] = [];
  #last = -1;

  placeOf(one: T): number {
    if (this.#last >= 0 && this.#all[this.#last] === one) return this.#last;
    const have = this.#places.get(one) ?? this.#all.push(one) - 1;
    this.#places.set(one, have);
    return (this.#last = have);
  }

  at(place: number | undefined): T | undefined {
    return place === undefined ? undefined : this.#all[place];
  }
}
