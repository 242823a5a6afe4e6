// Whom we ask for what we lack: one neighbour at a time, since all would answer with the same blocks.
//
//   event                                  what follows
//   its digest differs, or it has more     it is asked with a vector; or it waits while another's answer is on its way
//   blocks from whom we ask                the answer goes on
//   its digest                             that was all; it is asked again if that brought us on and we still differ; else the next
//   a second without either                the next is asked
// A vector names every stream: of a large mesh not many are sent in a second, but where answers bring much.
// Who waits is not asked if we hold by then what its digest spoke of.
import type { FrameOut } from './exchange.js';
import type { RecordStore } from './gossip/store.js';
import type { Millis, PeerId } from './types.js';
import { sameBytes } from './wire/bytes.js';
import { FrameType } from './wire/stream.js';
import { streamKey, type StreamName } from './wire/vector.js';

const VECTOR_INTERVAL_MS = 300; // per neighbour: a difference that one answer did not mend is asked about again after this
/** Between two vectors for each owner that one names, unless an answer brought much: they are some 50 KB a second at most. */
const PACE_MS = 1;
const LONGEST_PACE_MS = 1_000;
const SILENCE_MS = 1_000;
const ANSWER_MS = 2_000; // what an answer brought may come by a push so much later
/**
 * Who gets more blocks in one answer does not push them on: its neighbours are told by digest, and most know them. More by a part
 * of the owners, for so many blocks are always on their way while all write: else word of each answer asks for the next.
 */
const BULK_BLOCKS = 16;
const BULK_SHARE = 1 / 8;

interface Asked {
  readonly peer: PeerId;
  /** The next is asked then. */
  until: Millis;
  /** Blocks of the answer that we did not have. */
  news: number;
}

/** Pure: owns who is being asked, who waits, and when each was asked last. */
export class Asking {
  readonly #store: RecordStore;
  readonly #askedAt = new Map<PeerId, Millis>();
  /** By whom, the digest that differed; undefined: what it has more is not known by digest. In the order in which they are asked. */
  readonly #waiting = new Map<PeerId, Uint8Array | undefined>();
  /** Whose answer has not ended: what comes from them may be a part of it, as a stream keeps its order. */
  readonly #unanswered = new Set<PeerId>();
  /** How far answers brought each stream, of late. */
  readonly #answered = new Map<string, number>();
  #answeredAt = -Infinity as Millis;
  #asked: Asked | undefined;
  /** Not before this anybody is asked. */
  #pacedUntil = -Infinity as Millis;
  #bulkFrom: PeerId | undefined;

  constructor(store: RecordStore) {
    this.#store = store;
  }

  /** A neighbour has something that we lack. */
  ask(peer: PeerId, now: Millis): readonly FrameOut[] {
    if (this.#asked?.peer !== peer && !this.#waiting.has(peer)) this.#waiting.set(peer, undefined);
    return this.tick(now);
  }

  /** @param isSame do we hold what it holds? */
  heardDigest(from: PeerId, digest: Uint8Array, isSame: boolean, now: Millis): readonly FrameOut[] {
    const answered = this.#asked?.peer === from ? this.#asked : undefined;
    if (answered !== undefined) this.#end();
    this.#unanswered.delete(from);
    // Of an answer that brought nothing it is the other who lacks something: it has our vector, and asks.
    if (isSame || answered?.news === 0) this.#waiting.delete(from);
    else this.#waiting.set(from, digest);
    return this.tick(now);
  }

  /** It sent a block that we did not have. */
  heardBlock(from: PeerId, now: Millis): void {
    if (this.#asked?.peer !== from) return;
    this.#asked.until = (now + SILENCE_MS) as Millis;
    this.#asked.news++;
  }

  /** By that block a stream has come further. */
  learnt(from: PeerId, { owner, topic }: StreamName, now: Millis): void {
    if (!this.#unanswered.has(from)) return;
    if (now - this.#answeredAt >= ANSWER_MS) this.#answered.clear();
    this.#answeredAt = now;
    this.#answered.set(streamKey({ owner, topic }), this.#store.head(owner, topic));
  }

  /** A block was known when it came: as an answer, or since an answer came first? */
  mayHaveAsked(from: PeerId, block: StreamName & { readonly version: number }, now: Millis): boolean {
    if (this.#unanswered.has(from)) return true;
    return now - this.#answeredAt < ANSWER_MS && block.version <= (this.#answered.get(streamKey(block)) ?? 0);
  }

  isAsked(peer: PeerId): boolean {
    return this.#asked?.peer === peer;
  }

  /** Is what comes from it now part of so large an answer that it is not pushed on? */
  isBulk(from: PeerId): boolean {
    return this.#asked?.peer === from && this.#asked.news > this.#bulkBlocks();
  }

  /** Once after a large answer: who gave it. The other neighbours may lack what it brought. */
  takeBulk(): PeerId | undefined {
    const from = this.#bulkFrom;
    this.#bulkFrom = undefined;
    return from;
  }

  down(peer: PeerId): void {
    this.#askedAt.delete(peer);
    this.#waiting.delete(peer);
    this.#unanswered.delete(peer);
    if (this.#asked?.peer === peer) this.#end();
  }

  tick(now: Millis): readonly FrameOut[] {
    if (this.#asked !== undefined && now >= this.#asked.until) this.#end();
    if (this.#asked !== undefined) return [];
    for (const [peer, digest] of this.#waiting) {
      const isMended = digest !== undefined && sameBytes(this.#store.digest(), digest);
      if (!isMended && now < this.#dueAt(peer)) continue;
      this.#waiting.delete(peer);
      if (isMended) continue;
      this.#asked = { peer, until: (now + SILENCE_MS) as Millis, news: 0 };
      this.#askedAt.set(peer, now);
      this.#pacedUntil = (now + Math.min(LONGEST_PACE_MS, PACE_MS * this.#store.ownerCount)) as Millis;
      this.#unanswered.add(peer);
      return [{ to: peer, type: FrameType.vector, body: this.#store.vector() }];
    }
    return [];
  }

  nextDeadline(): Millis | undefined {
    if (this.#bulkFrom !== undefined) return 0 as Millis;
    if (this.#asked !== undefined) return this.#asked.until;
    let at: Millis | undefined;
    for (const peer of this.#waiting.keys()) {
      const dueAt = this.#dueAt(peer);
      if (at === undefined || dueAt < at) at = dueAt;
    }
    return at;
  }

  #dueAt(peer: PeerId): Millis {
    return Math.max((this.#askedAt.get(peer) ?? -Infinity) + VECTOR_INTERVAL_MS, this.#pacedUntil) as Millis;
  }

  #bulkBlocks(): number {
    return BULK_BLOCKS + this.#store.ownerCount * BULK_SHARE;
  }

  #end(): void {
    if (this.#asked !== undefined && this.#asked.news > this.#bulkBlocks()) {
      this.#bulkFrom = this.#asked.peer;
      this.#pacedUntil = -Infinity as Millis;
    }
    this.#asked = undefined;
  }
}
