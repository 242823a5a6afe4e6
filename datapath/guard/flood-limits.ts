// What the kernel lets through to the control port and the sleeve's, before it costs this process anything. What is behind that,
// and who may have how many streams, is in router/trust/limits.ts.

/** Packets: in the long run, and at once. */
export interface Rate {
  readonly perS: number;
  readonly burst: number;
}

/** New streams of a stranger: a source (an IPv4 address, or an IPv6 /64). */
export const CALLS_PER_SOURCE: Rate = { perS: 20, burst: 80 };
/** And of all that were not heard of lately; as many of those that were. So who tries again does not wait behind all others. */
export const CALLS: Rate = { perS: 200, burst: 400 };
/** All else that a stranger sends: datagrams, and what belongs to a stream. A peer that joins takes some dozens. */
export const PACKETS_PER_SOURCE: Rate = { perS: 50, burst: 400 };
/** On streams of strangers that called lately. */
export const STREAM_PACKETS: Rate = { perS: 2_000, burst: 4_000 };
/** To the control port without a call before: the ends of streams that nobody remembers. */
export const STRAY_PACKETS: Rate = { perS: 50, burst: 100 };
/** Datagrams of all strangers, to either port; who joins needs none. A super-frame of 64 is one to nft, and 64 to us. */
export const DATAGRAMS: Rate = { perS: 200, burst: 800 };

/** New streams from the address of a member, which others may write on their packets; behind a NAT there may be many. */
export const MEMBER_CALLS: Rate = { perS: 100, burst: 400 };
/** Control datagrams from it: a hub passes on some thousand a second. */
export const MEMBER_DATAGRAMS: Rate = { perS: 2_000, burst: 4_000 };
/** And from the addresses of all members. */
export const ALL_MEMBERS_DATAGRAMS: Rate = { perS: 10_000, burst: 20_000 };

/** Sources of each family that are told apart, some 200 bytes of the kernel's each, and how long they are remembered. What comes from others
 *  is held to what all may together. */
export const MAX_CALLERS = 32_768;
export const MAX_SENDERS = 8_192;
export const MAX_MEMBERS = 4_096;
export const REMEMBERED_S = 10;
