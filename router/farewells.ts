// Connections that end for good: what is said to a peer that is put out, and what was said to us.
import type { PurgeReason } from './ledger.js';
import type { Millis } from './types.js';
import { decodeRefuse, encodeRefuse, type HelloDrop, type Refuse } from './wire/hello.js';
import { encodeFrame, FrameType } from './wire/stream.js';

/** Why the connection to a peer ends that is purged. */
export const PURGED: Readonly<Record<PurgeReason, string>> = {
  left: 'it left the mesh',
  forgotten: 'it was forgotten',
  evicted: 'it was evicted from the mesh',
};

/** The last frame to a peer that has no secret which is accepted any more. */
export const CUT_FRAME = encodeFrame(
  FrameType.refuse,
  encodeRefuse({ code: 'former', sentence: 'the mesh has changed its secret' }),
);

/** The last frame to a peer that was evicted, each time that it calls. */
export const EVICTED_FRAME = encodeFrame(
  FrameType.refuse,
  encodeRefuse({ code: 'final', sentence: 'this router was evicted from the mesh' }),
);

/** Whom we do not connect to though the stream is genuine: the last frame to it, and why. */
export const TURNED_AWAY = {
  evicted: [EVICTED_FRAME, 'it was evicted from this mesh'],
  foreign: [
    encodeFrame(FrameType.refuse, encodeRefuse({ code: 'retry', sentence: 'it is of another mesh' })),
    'it is of another mesh, and this router is in use in its own',
  ],
  rotating: [
    encodeFrame(FrameType.refuse, encodeRefuse({ code: 'retry', sentence: 'the mesh is changing its secret' })),
    'the secret of the mesh is being changed, and it came with the old one',
  ],
} as const;

export interface TurnedAway {
  /** The peer's name. */
  readonly by: string;
  readonly reason: string;
}

const SHOWN_MS = 10 * 60_000;

export class Farewells {
  #last: (TurnedAway & { readonly at: Millis }) | undefined;

  /** A peer that we were connected to parts from us. @returns what it said */
  heard(by: string, body: Uint8Array, now: Millis): Refuse | HelloDrop {
    const refuse = decodeRefuse(body);
    if (typeof refuse !== 'string' && refuse.code !== 'former') this.#last = { by, reason: refuse.sentence, at: now };
    return refuse;
  }

  /** The last, if it is not long ago. */
  shown(now: Millis): TurnedAway | undefined {
    return this.#last !== undefined && now - this.#last.at < SHOWN_MS ? this.#last : undefined;
  }
}
