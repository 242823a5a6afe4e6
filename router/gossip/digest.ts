// One hash over all streams, kept up to date as they move.
import { createHash } from 'node:crypto';
import type { PeerId } from '../types.js';
import type { Topic } from '../wire/block.js';

export const DIGEST_BYTES = 16;

/**
 * XOR over all streams of the first 16 bytes of SHA-256("owner/topic/head"), so that one stream's step costs two hashes
 * however many there are. It guards against accidents, not against a member who makes collisions: those it could make
 * cost an exchange, never a record.
 */
export class Digest {
  readonly #sum = new Uint8Array(DIGEST_BYTES);

  /** Heads of 0 count as no stream. */
  move(owner: PeerId, topic: Topic, from: number, to: number): void {
    if (from === to) return;
    if (from > 0) this.#toggle(owner, topic, from);
    if (to > 0) this.#toggle(owner, topic, to);
  }

  value(): Uint8Array {
    return this.#sum.slice();
  }

  #toggle(owner: PeerId, topic: Topic, head: number): void {
    const hash = createHash('sha256').update(`${owner}/${topic}/${head}`).digest();
    for (let i = 0; i < DIGEST_BYTES; i++) this.#sum[i]! ^= hash[i]!;
  }
}
