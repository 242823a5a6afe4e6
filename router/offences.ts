// What members did that no honest one does, for `status`: until ten minutes after the last time.
import type { Millis, PeerId } from './types.js';

/**
 * `forged`: it sent a block that its owner had not signed. `streams`, `records`, `bytes`: it wrote more of these than a peer may.
 * `full`: no fault of its own, there is no room for what it writes.
 */
export type OffenceKind = 'forged' | 'streams' | 'records' | 'bytes' | 'full';

export interface Offence {
  readonly kind: OffenceKind;
  readonly by: PeerId;
  /** In whose name it was, the last time. */
  readonly about: PeerId;
}

export interface CountedOffence extends Offence {
  readonly count: number;
  readonly lastAt: Millis;
}

/** For the log: an event and its fields. */
export function inWords(
  { kind, by, about }: Offence,
  name: (peer: PeerId) => string,
): [event: string, fields: Readonly<Record<string, string>>] {
  const who = { peer: name(by), id: by };
  if (kind === 'forged') return ['block-forged', { ...who, owner: name(about), ownerId: about }];
  return kind === 'full' ? ['store-full', who] : ['peer-over-limit', { ...who, limit: kind }];
}

const SHOWN_MS = 10 * 60_000;
const MAX_SHOWN = 256;

export class Offences {
  /** The one whose last is longest ago first. */
  readonly #all = new Map<string, CountedOffence>();

  note(offence: Offence, now: Millis): void {
    const { kind, by } = offence;
    const key = `${kind} ${by}`;
    const count = (this.#all.get(key)?.count ?? 0) + 1;
    this.#all.delete(key);
    this.#all.set(key, { ...offence, count, lastAt: now });
    for (const oldest of this.#all.keys()) if (this.#all.size > MAX_SHOWN) this.#all.delete(oldest);
  }

  /** The peer is no member any more. */
  forget(peer: PeerId): void {
    for (const [key, { by }] of this.#all) if (by === peer) this.#all.delete(key);
  }

  /** The latest first. */
  shown(now: Millis): readonly CountedOffence[] {
    return [...this.#all.values()].filter(({ lastAt }) => now - lastAt < SHOWN_MS).reverse();
  }
}
