// Frames of gossip that wait until it is their turn. To verify a block takes 80 us and more, and an answer brings a thousand: a few
// are taken each turn, and the rest of the router goes on between. Of one neighbour all stays in its order, whatever it is.
import type { PeerId } from './types.js';
import { FrameType } from './wire/stream.js';

export interface WaitingFrame {
  readonly from: PeerId;
  readonly type: number;
  readonly body: Uint8Array;
}

/** Some 3 ms of work. */
const BLOCKS_PER_TURN = 25;
/** A block of 64 KiB takes as long as five small ones to verify and decode, and what is in it takes its time later. */
const BYTES_AS_A_BLOCK = 12_000;
/** Of one neighbour: two answers. What is not taken is found by a digest. */
const MAX_WAITING_BYTES = 8 << 20;
/** What a frame costs besides its body: an entry in a list, a view, a buffer. */
const FRAME_BYTES = 200;

interface Queue {
  readonly frames: WaitingFrame[];
  bytes: number;
}

export class Inbox {
  /** Who has waited longest first. */
  readonly #queues = new Map<PeerId, Queue>();
  #left = BLOCKS_PER_TURN;

  get isEmpty(): boolean {
    return this.#queues.size === 0;
  }

  /** May it be looked at now? Not before what the neighbour sent earlier, nor if it is a block and the turn's are used up. */
  isDue(from: PeerId, type: number): boolean {
    return !this.#queues.has(from) && (this.#left > 0 || type !== FrameType.block);
  }

  /** A block was verified in this turn. */
  verified(bytes: number): void {
    this.#left -= 1 + bytes / BYTES_AS_A_BLOCK;
  }

  /** Keeps a copy until its turn. @returns false if there is no room */
  put(from: PeerId, type: number, body: Uint8Array): boolean {
    const queue = this.#queues.get(from) ?? { frames: [], bytes: 0 };
    if (queue.bytes + body.length + FRAME_BYTES > MAX_WAITING_BYTES) return false;
    queue.frames.push({ from, type, body: body.slice() });
    queue.bytes += body.length + FRAME_BYTES;
    this.#queues.set(from, queue);
    return true;
  }

  /** A new turn: what is due in it, one of each neighbour after the other. Each is to be dealt with before the next is asked for. */
  *turn(): Iterable<WaitingFrame> {
    this.#left = BLOCKS_PER_TURN;
    while (this.#left > 0) {
      const [first] = this.#queues;
      if (first === undefined) return;
      const [from, queue] = first;
      const frame = queue.frames.shift()!;
      queue.bytes -= frame.body.length + FRAME_BYTES;
      this.#queues.delete(from);
      if (queue.frames.length > 0) this.#queues.set(from, queue);
      yield frame;
    }
  }

  /** The connection to a neighbour ended: what it sent is of no use. */
  down(peer: PeerId): void {
    this.#queues.delete(peer);
  }
}
