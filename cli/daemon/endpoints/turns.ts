// One after the other: operations on the same endpoint must not overlap.

export class Turns<K> {
  readonly #last = new Map<K, Promise<unknown>>();
  #closed: Error | undefined;

  /** Runs `work` when all that was given before for the same key has ended, well or not. @throws what `close` was given */
  async take<T>(key: K, work: () => Promise<T>): Promise<T> {
    if (this.#closed !== undefined) throw this.#closed;
    const run = (this.#last.get(key) ?? Promise.resolve()).then(work);
    const quiet = run.catch(() => undefined);
    this.#last.set(key, quiet);
    try {
      return await run;
    } finally {
      if (this.#last.get(key) === quiet) this.#last.delete(key);
    }
  }

  /** Gives no more turns. Resolves when all that were given have ended. */
  async close(why: Error): Promise<void> {
    this.#closed ??= why;
    await Promise.all(this.#last.values());
  }
}
