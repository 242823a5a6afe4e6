// RFC 6479: a replay window that never shifts. Datagrams may overtake one another by as many as the window is wide.

const WORD_BITS = 32;
/** Of the sleeve: a power of two, so that no division is needed for each datagram. */
const WORDS = 256;
export const REPLAY_BYTES = bytesFor(WORDS);

/** State in memory that outlives the thread: a window that is forgotten takes old datagrams again. */
export interface ReplayWindow {
  /** Element 0: 1 + the highest counter taken; 0 at first. */
  readonly next: Float64Array;
  readonly words: Int32Array;
}

/** How many bytes a window of so many words has; a multiple of 8 if they are even. */
export function bytesFor(words: number): number {
  return 8 + words * 4;
}

/** @param at a multiple of 8; `bytesFor(words)` from there on, zeros at first. @param words a power of two, at least 2 */
export const replayWindow = (buffer: ArrayBufferLike, at: number, words = WORDS): ReplayWindow => ({
  next: new Float64Array(buffer, at, 1),
  words: new Int32Array(buffer, at + 8, words),
});

/** How far behind the newest a counter may be and still be taken, at least. One word is less than all: the one that the
 *  newest counter is in is partly ahead of it. */
export const widthOf = ({ words }: ReplayWindow): number => (words.length - 1) * WORD_BITS;

/** Is the counter news? Asked before opening, so that a replayed datagram costs no decryption. */
export function isNew(w: ReplayWindow, counter: number): boolean {
  const next = w.next[0]!;
  if (counter >= next) return counter < 2 ** 53;
  if (next - counter > widthOf(w)) return false;
  return (w.words[wordOf(w, counter)]! & bitOf(counter)) === 0;
}

/**
 * Takes a counter that is new and whose tag was right.
 * @returns is it the highest so far?
 */
export function take(w: ReplayWindow, counter: number): boolean {
  const next = w.next[0]!;
  const isHighest = counter >= next;
  if (isHighest) {
    const words = w.words.length;
    const last = Math.floor((next - 1) / WORD_BITS); // -1 at first
    const fresh = Math.min(words, Math.floor(counter / WORD_BITS) - last);
    for (let i = 0; i < fresh; i++) w.words[(wordOf(w, counter) - i) & (words - 1)] = 0;
    w.next[0] = counter + 1;
  }
  w.words[wordOf(w, counter)]! |= bitOf(counter);
  return isHighest;
}

/** `>>>` takes a number's low 32 bits, up to 2^53. */
const wordOf = ({ words }: ReplayWindow, counter: number): number => (counter >>> 5) & (words.length - 1);
const bitOf = (counter: number): number => 1 << (counter & (WORD_BITS - 1));
