// What the kernel lets through to the control port and the sleeve's, before it costs this process anything. What is behind that,
// and who may have how many streams, is in router/trust/limits.ts.

/** Packets: in the long run, and at once. */
export interface Rate {
  readonly perS: number;
  readonly burst: number;
}

/** New streams of all strangers that were not heard of lately; and as many of those that were. Each costs an accept, and mostly a close. */
export const CALLS: Rate = { perS: 100, burst: 200 };
/** Calls and all else on the streams of one source (an IPv4 address, or an IPv6 /64): some dozens for one who joins. */
export const STREAM_PACKETS_PER_SOURCE: Rate = { perS: 50, burst: 400 };
/** What is no call, of all those that called lately. */
export const STREAM_PACKETS: Rate = { perS: 2_000, burst: 4_000 };
/** What is no call, of all those that did not; and calls of those that are too fast, or not remembered. */
export const STRAY_PACKETS: Rate = { perS: 50, burst: 100 };
/** Datagrams to either port, of one source. Who joins needs none. */
export const DATAGRAMS_PER_SOURCE: Rate = { perS: 50, burst: 400 };
/** And of all, to each port. A super-frame of 64 is one to nft, and 64 to us. */
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
