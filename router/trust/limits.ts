// Every limit on what somebody without the secret can cost us, and what one who has it may say before it is known who it is.

/** What a handshake may take on a stream that we accepted, ms. */
export const HANDSHAKE_MS = 5_000;
/** And on one that we dialled: a starved router takes seconds to answer, and who gives up sooner only makes it more work. */
export const DIALLED_HANDSHAKE_MS = 10_000;
/** All that the other side may say before its third message: what is genuine takes less than 300. */
export const MAX_OPENING_BYTES = 1024;
/** One frame of that, bytes. */
export const MAX_OPENING_FRAME_BYTES = 512;
/** Accepted streams that have not shown who they are: in all, and of one source. */
export const MAX_HALF_OPEN = 256;
export const MAX_HALF_OPEN_PER_SOURCE = 64;
/** Answers to a first message, of some 0.5 ms each: in all, and to one source (an IPv4 address, or an IPv6 /64). */
export const HANDSHAKES_PER_S = 200;
export const HANDSHAKES_BURST = 400;
export const HANDSHAKES_PER_S_PER_SOURCE = 20;
export const HANDSHAKES_BURST_PER_SOURCE = 80;
/** Sources that are remembered with their rates and refusals; the one that was silent the longest is forgotten. */
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
