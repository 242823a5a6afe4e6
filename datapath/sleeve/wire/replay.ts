// RFC 6479: a replay window that never shifts. Datagrams may overtake one another by as many as the window is wide.

/** How far behind the newest a counter may be and still be taken, at least. */
export const WINDOW = 8_192;
const WORD_BITS = 32;
/** One word more than the window: the one that the newest counter is in is partly ahead of it. */
const WORDS = WINDOW / WORD_BITS + 1;
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
    const from = Math.floor((next + WORD_BITS - 1) / WORD_BITS);
    const to = Math.floor(counter / WORD_BITS);
    if (to - from >= WORDS) w.words.fill(0);
    else for (let word = from; word <= to; word++) w.words[word % WORDS] = 0;
    w.next[0] = counter + 1;
  }
  w.words[wordOf(counter)]! |= bitOf(counter);
  return isHighest;
}

const wordOf = (counter: number): number => Math.floor(counter / WORD_BITS) % WORDS;
const bitOf = (counter: number): number => 1 << (counter % WORD_BITS);
