// Every limit on what somebody without the secret can cost us, and what one who has it may say before it is known who it is. What the
// kernel drops before that is in datapath/guard/flood-limits.ts.

/** What a handshake may take on a stream that we accepted, ms. */
export const HANDSHAKE_MS = 5_000;
/** And on one that we dialled: a starved router takes seconds to answer, and who gives up sooner only makes it more work. */
export const DIALLED_HANDSHAKE_MS = 10_000;
/** All that the other side may say before its third message: what is genuine takes less than 300. */
export const MAX_OPENING_BYTES = 1024;
/** One frame of that, bytes. */
export const MAX_OPENING_FRAME_BYTES = 512;
/** A share of what those may cost who have not shown who they are: strangers have one, the addresses of members another. */
export interface CallerLimits {
  /** Accepted streams that are half open. In all: one more displaces the oldest. */
  readonly halfOpen: number;
  readonly halfOpenPerSource: number;
  /** Streams that are listened to, in all and of one source (an IPv4 address, or an IPv6 /64), and how many at once. */
  readonly perS: number;
  readonly burst: number;
  readonly perSPerSource: number;
  readonly burstPerSource: number;
  /** Answers of some 0.5 ms each to first messages that may be recordings. Who comes beyond that is asked for a proof. */
  readonly unprovenPerS: number;
  readonly unprovenBurst: number;
}
export const OF_STRANGERS: CallerLimits = {
  halfOpen: 256,
  halfOpenPerSource: 64,
  perS: 200,
  burst: 400,
  perSPerSource: 20,
  burstPerSource: 80,
  unprovenPerS: 20,
  unprovenBurst: 100,
};
/** More of one source: many may be behind one NAT. */
export const OF_MEMBERS: CallerLimits = {
  ...OF_STRANGERS,
  halfOpenPerSource: 128,
  perSPerSource: 50,
  burstPerSource: 200,
};
/** Sources of either share that are remembered with their rates; the one that was silent the longest is forgotten. */
export const MAX_SOURCES = 1_024;
/** Refused sources that `status` shows, for so long, ms. */
export const MAX_REFUSALS_SHOWN = 8;
export const REFUSALS_SHOWN_MS = 10 * 60_000;
/** One log line for each refused source in so long, ms; and so many in all. */
export const REFUSAL_LOGGED_MS = 60_000;
/** Whom another secret keeps out is dialled again after this: nothing but an operator changes that. */
export const SECRET_BACKOFF_MS = 60_000;
/** Launches of a peer that gave way to others and are remembered, and peers that they are remembered of. */
export const MAX_FORMER_LAUNCHES = 8;
export const MAX_LAUNCHES_OF = 4_096;
/** A stream's key is replaced by a hash of itself after so many records. */
export const RECORDS_PER_KEY = 65_536;
/** Secrets that are accepted at a time, and former ones that are remembered by their key ids, so that who has one hears why. */
export const MAX_HELD_SECRETS = 4;
export const MAX_FORMER_SECRETS = 1_024;
/** So often in one change of the secret a router orders it anew, above the order of one who had no say: two could do so for ever. */
export const MAX_REORDERED = 3;
/** An old secret is accepted for so long after all who are alive have the new one, ms: they may not know that of each other yet. */
export const RETIRE_AFTER_MS = 3_000;
/** And for so long at most, whoever has not taken the new one, ms. */
export const RETIRE_WITHIN_MS = 10 * 60_000;
/** A neighbour that was asked for an order is given so long before another is asked, ms. */
export const ORDER_WITHIN_MS = 2_000;
/** How far a rotation may be ahead of the one that is known: who lies about it does not end the counting. */
export const MAX_ROTATIONS_AHEAD = 2 ** 20;
/** An operator's secret is tried for so long with whom it is said to be of, ms. */
export const OFFER_MS = 60_000;
/** Whoever refused us for a former secret is in `status` for so long, ms. */
export const KEPT_OUT_SHOWN_MS = 10 * 60_000;
