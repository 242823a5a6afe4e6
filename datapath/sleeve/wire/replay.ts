// RFC 6479: a replay window that never shifts. Datagrams may overtake one another by as many as the window is wide.

const WORD_BITS = 32;
/** A power of two, so that no division is needed for each datagram. */
const WORDS = 256;
/** How far behind the newest a counter may be and still be taken, at least. One word is less than all: the one that the
 *  newest counter is in is partly ahead of it. */
export const WINDOW = (WORDS - 1) * WORD_BITS;
export const REPLAY_BYTES = 8 + WORDS * 4;

/** State in memory that outlives the thread: a window that is forgotten takes old datagrams again. */
export interface ReplayWindow {
  /** Element 0: 1 + the highest counter taken; 0 at first. */
  readonly next: Float64Array;
  readonly words: Int32Array;
}

/** @param at a multiple of 8; `REPLAY_BYTES` from there on, zeros at first */
export const replayWindow = (buffer: ArrayBufferLike, at: number): ReplayWindow => ({
  next: new Float64Array(buffer, at, 1),
  words: new Int32Array(buffer, at + 8, WORDS),
});

/** Is the counter news? Asked before opening, so that a replayed datagram costs no decryption. */
export function isNew(w: ReplayWindow, counter: number): boolean {
  const next = w.next[0]!;
  if (counter >= next) return counter < 2 ** 53;
  if (next - counter > WINDOW) return false;
  return (w.words[wordOf(counter)]! & bitOf(counter)) === 0;
}

/**
 * Takes a counter that is new and whose tag was right.
 * @returns is it the highest so far?
 */
export function take(w: ReplayWindow, counter: number): boolean {
  const next = w.next[0]!;
  const isHighest = counter >= next;
  if (isHighest) {
    const last = Math.floor((next - 1) / WORD_BITS); // -1 at first
    const fresh = Math.min(WORDS, Math.floor(counter / WORD_BITS) - last);
    for (let i = 0; i < fresh; i++) w.words[(wordOf(counter) - i) & (WORDS - 1)] = 0;
    w.next[0] = counter + 1;
  }
  w.words[wordOf(counter)]! |= bitOf(counter);
  return isHighest;
}

/** `>>>` takes a number's low 32 bits, up to 2^53. */
const wordOf = (counter: number): number => (counter >>> 5) & (WORDS - 1);
const bitOf = (counter: number): number => 1 << (counter & (WORD_BITS - 1));
