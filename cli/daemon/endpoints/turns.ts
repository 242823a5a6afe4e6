// One after the other: operations on the same endpoint must not overlap.

export class Turns<K> {
  readonly #last = new Map<K, Promise<unknown>>();

  /** Runs `work` when all that was given before for the same key has ended, well or not. */
  async take<T>(key: K, work: () => Promise<T>): Promise<T> {
    const run = (this.#last.get(key) ?? Promise.resolve()).then(work);
    const quiet = run.catch(() => undefined);
    this.#last.set(key, quiet);
    try {
      return await run;
    } finally {
      if (this.#last.get(key) === quiet) this.#last.delete(key);
    }
  }
}
