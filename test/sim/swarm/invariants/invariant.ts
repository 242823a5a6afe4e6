import type { Life } from '../life.js';

/** Something that must hold: the function says in a sentence how it does not, or undefined. */
export interface Invariant {
  /** What holds, in a few words: by it a shrunken scenario is known to be about the same thing. */
  readonly name: string;
  /** How long after the end of all trouble it may still be broken, virtual ms. Undefined: at no time. */
  readonly withinMs: number | undefined;
  readonly broken: (life: Life) => string | undefined;
}

/** The first sentence, if there is one. */
export function firstOf<T>(items: Iterable<T>, sentence: (item: T) => string | undefined): string | undefined {
  for (const item of items) {
    const said = sentence(item);
    if (said !== undefined) return said;
  }
  return undefined;
}
