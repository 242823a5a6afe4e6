// The part of the underlay's table that holds strangers to a rate, at the control port and the sleeve's, and what comes in the name of
// members to a higher one. Pure.
//
//   packet                     from a member's address              else
//   TCP, a new stream          MEMBER_CALLS                         its source's STREAM_PACKETS_PER_SOURCE, then CALLS
//   TCP, all else              free: a stream of records            of who called: the same of its source, then STREAM_PACKETS; else STRAY_PACKETS
//   UDP to the control port    MEMBER_DATAGRAMS, then of all        DATAGRAMS, then its source's DATAGRAMS_PER_SOURCE
//   UDP to the sleeve          free: it is data                     the same
//
// Anybody can write any source on a first packet, so no rate of a source bounds them all, and a rate of all keeps out whoever is
// among them. So whoever calls again, be it that the first call was dropped, has a rate of all for itself and others that do.
import { ipBytes, isIpv6 } from '../../router/address.js';
import type { Ip } from '../../router/types.js';
import {
  ALL_MEMBERS_DATAGRAMS,
  CALLS,
  DATAGRAMS,
  DATAGRAMS_PER_SOURCE,
  MAX_CALLERS,
  MAX_MEMBERS,
  MAX_SENDERS,
  MEMBER_CALLS,
  MEMBER_DATAGRAMS,
  REMEMBERED_S,
  STRAY_PACKETS,
  STREAM_PACKETS,
  STREAM_PACKETS_PER_SOURCE,
  type Rate,
} from './flood-limits.js';
import type { Wanted } from './own-table.js';
import type { Chain, TableText } from './table-text.js';

/** Before anything else that lets a packet in: a container may write any source. */
export const FROM_BRIDGE = 'iifname @bridges goto from_bridge';
const TCP_CALL = 'tcp flags & (fin | syn | rst | ack) == syn';
/** An IPv6 host has as many addresses of its network as it likes. */
const SOURCES = [
  ['4', 'ip saddr'],
  ['6', 'ip6 saddr & ffff:ffff:ffff:ffff::'],
] as const;
const ADDRESSES = [
  ['4', 'ip saddr'],
  ['6', 'ip6 saddr'],
] as const;
type Families = typeof SOURCES | typeof ADDRESSES;

const within = ({ perS, burst }: Rate): string => `limit rate ${perS}/second burst ${burst} packets`;
const over = (rate: Rate): string => within(rate).replace('rate', 'rate over');

/** By a set for each family: of 'sender', sender4 and sender6. */
const eachOver = (name: string, rate: Rate, of: Families = SOURCES): readonly string[] =>
  of.map(([family, source]) => `add @${name}${family} { ${source} ${over(rate)} }`);

/**
 * Whoever called, and is within the rate: to look an element up is to take from its limit (net/netfilter/nft_lookup.c).
 * Older kernels only look whether it is there.
 */
const isCaller = SOURCES.map(([family, source]) => `${source} @caller${family}`);
const callers = (op: 'add' | 'update'): readonly string[] =>
  SOURCES.map(([family, source]) => `${op} @caller${family} { ${source} ${within(STREAM_PACKETS_PER_SOURCE)} }`);

const isKnown = ADDRESSES.map(([family, source]) => `${source} @known${family}`);

const to = (chain: string, ...matches: readonly string[]): readonly string[] =>
  matches.map((match) => `${match} goto ${chain}`);

const memory = (name: string, size: number): TableText['sets'] => ({
  [`${name}4`]: `type ipv4_addr; size ${size}; flags dynamic,timeout; timeout ${REMEMBERED_S}s;`,
  [`${name}6`]: `type ipv6_addr; size ${size}; flags dynamic,timeout; timeout ${REMEMBERED_S}s;`,
});

/** @param port of the control plane; the sleeve's is the next */
export const floodSets = (port: number): TableText['sets'] => {
  const counted = `type inet_proto . inet_service; counter; elements = { tcp . ${port}, udp . ${port}, udp . ${port + 1} };`;
  return {
    known4: 'type ipv4_addr;',
    known6: 'type ipv6_addr;',
    ...memory('caller', MAX_CALLERS),
    ...memory('sender', MAX_SENDERS),
    ...memory('member_caller', MAX_MEMBERS),
    ...memory('member_sender', MAX_MEMBERS),
    limited: counted,
    member_limited: counted,
  };
};

/**
 * What is dropped in a flood is decided by few expressions: each is an indirect call, and all of these together cost less than
 * the rest of what the kernel does for a packet.
 */
export const floodChains = (): readonly Chain[] => [
  {
    name: 'datagram',
    rules: [
      ...to('member_datagram', ...isKnown),
      // All come first: no element is made for what is dropped.
      ...to('too_much', over(DATAGRAMS), ...eachOver('sender', DATAGRAMS_PER_SOURCE)),
      FROM_BRIDGE,
    ],
  },
  {
    name: 'sleeve',
    // A flood at one port must not close the other: this one has a bucket of its own.
    rules: [
      ...to('from_bridge_or_pass', ...isKnown),
      ...to('too_much', over(DATAGRAMS), ...eachOver('sender', DATAGRAMS_PER_SOURCE)),
      FROM_BRIDGE,
    ],
  },
  { name: 'from_bridge_or_pass', rules: [FROM_BRIDGE] },
  {
    name: 'member_datagram',
    rules: [
      FROM_BRIDGE,
      ...to('too_much_of_members', ...eachOver('member_sender', MEMBER_DATAGRAMS, ADDRESSES)),
      ...to('too_much_of_members', over(ALL_MEMBERS_DATAGRAMS)),
    ],
  },
  {
    name: 'stream',
    rules: [
      ...to('member_stream', ...isKnown),
      FROM_BRIDGE,
      ...to('call', TCP_CALL),
      ...to('called', ...isCaller),
      ...to('too_much', over(STRAY_PACKETS)),
    ],
  },
  {
    name: 'member_stream',
    rules: [
      FROM_BRIDGE,
      'tcp flags & (fin | syn | rst | ack) != syn accept',
      ...to('too_much_of_members', ...eachOver('member_caller', MEMBER_CALLS, ADDRESSES)),
    ],
  },
  {
    name: 'call',
    // Neither of the first two: it calls too often, or there are too many to remember.
    rules: [
      ...to('call_again', ...isCaller),
      ...to('first_call', ...callers('add')),
      ...to('too_much', over(STRAY_PACKETS)),
    ],
  },
  { name: 'first_call', rules: to('too_much', over(CALLS)) },
  { name: 'call_again', rules: [...callers('update'), ...to('too_much', over(CALLS))] },
  { name: 'called', rules: to('too_much', over(STREAM_PACKETS)) },
  { name: 'too_much', rules: ['meta l4proto . th dport @limited drop', 'drop'] },
  { name: 'too_much_of_members', rules: ['meta l4proto . th dport @member_limited drop', 'drop'] },
];

/** A member may be there. */
export const knownElement = (ip: Ip): Wanted => [`known${isIpv6(ip) ? 6 : 4}`, ipBytes(ip)];

/** What a counter is called, by the key of `limited` or `member_limited`: the protocol and the port. */
export function limitedName(port: number, key: string): 'streams' | 'datagrams' | 'sleeve' {
  const [protocol, at] = [parseInt(key.slice(0, 2), 16), parseInt(key.slice(8, 12), 16)];
  if (protocol === IPPROTO_TCP) return 'streams';
  return at === port ? 'datagrams' : 'sleeve';
}

const IPPROTO_TCP = 6;
