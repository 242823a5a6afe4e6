// The table that looks at what comes from the underlay: who may send VXLAN, and from which MACs, and how much anybody may send to the
// other ports (flood-rules.ts); and at what comes out of our
// bridges, so that no container reaches the routers. Pure.
//
// In the input hook an outer packet and what it carries are seen together, before the vxlan takes it apart: RFC 7348 §5.
import { ipBytes, isIpv6 } from '../../router/address.js';
import type { Ip, Vni } from '../../router/types.js';
import { concat } from '../netlink/message.js';
import { floodChains, floodSets, FROM_BRIDGE } from './flood-rules.js';
import type { Wanted } from './own-table.js';
import type { TableText } from './table-text.js';

/** From the UDP header on, bits: the VNI, and the inner frame's source. */
const [VNI, INNER_SOURCE] = ['@th,96,24', '@th,176,48'];
/** Of the probe devices, whose frames are ours alone. */
const PROBE_VNI = '0xffffff';

const SOURCE = { 4: 'ip saddr', 6: 'ip6 saddr' };

const MAX_COUNTED = 4_096;
const COUNTED = `size ${MAX_COUNTED}; flags dynamic; counter;`;

/** @param port UDP, of the vxlan; the sleeve's and the control plane's are the two below it */
export const underlayTable = (port: number): TableText => ({
  table: { family: 'inet', name: `mesh_${port}_underlay` },
  sets: {
    bridges: 'type ifname;',
    member4: 'type ipv4_addr;',
    member6: 'type ipv6_addr;',
    owned4: `typeof ip saddr . ${VNI} . ${INNER_SOURCE};`,
    owned6: `typeof ip6 saddr . ${VNI} . ${INNER_SOURCE};`,
    door4: 'type ipv4_addr . inet_service;',
    door6: 'type ipv6_addr . inet_service;',
    // By a member's address, and by a port of ours.
    forged4: `type ipv4_addr; ${COUNTED}`,
    forged6: `type ipv6_addr; ${COUNTED}`,
    stranger: `type inet_service; counter; elements = { ${port} };`,
    inside: `type inet_service; counter; elements = { ${port - 2}, ${port - 1}, ${port} };`,
    ...floodSets(port - 2),
  },
  chains: [
    {
      name: 'in',
      hook: 'type filter hook input priority -310;',
      // One look-up for whatever is not ours, and the same for a flood.
      rules: [
        `meta l4proto . th dport vmap { tcp . ${port - 2} : goto stream, udp . ${port - 2} : goto datagram, udp . ${port - 1} : goto sleeve, udp . ${port} : goto vxlan }`,
      ],
    },
    {
      name: 'through',
      hook: 'type filter hook forward priority -310;',
      rules: ['iifname @bridges goto to_peer'],
    },
    {
      name: 'vxlan',
      rules: [
        'ip saddr @member4 goto member_v4',
        'ip6 saddr @member6 goto member_v6',
        FROM_BRIDGE,
        'udp dport @stranger drop',
        'drop',
      ],
    },
    ...(['4', '6'] as const).map((family) => ({
      name: `member_v${family}`,
      rules: [
        FROM_BRIDGE,
        `${SOURCE[family]} . ${VNI} . ${INNER_SOURCE} @owned${family} accept`,
        `${VNI} ${PROBE_VNI} accept`,
        `add @forged${family} { ${SOURCE[family]} } drop`,
      ],
    })),
    { name: 'from_bridge', rules: ['th dport @inside drop', 'drop'] },
    {
      name: 'to_peer',
      rules: [
        'ip daddr . udp dport @door4',
        'ip daddr . tcp dport @door4',
        'ip6 daddr . udp dport @door6',
        'ip6 daddr . tcp dport @door6',
      ].map((door) => `${door} drop`),
    },
    ...floodChains(),
  ],
});

const setOf = (name: 'member' | 'owned' | 'door', ip: Ip): string => `${name}${isIpv6(ip) ? 6 : 4}`;

/** It may send VXLAN. */
export const memberElement = (ip: Ip): Wanted => [setOf('member', ip), ipBytes(ip)];

/** A router listens there, and containers are kept from it. @param port of its vxlan */
export const doorElements = (ip: Ip, port: number): readonly Wanted[] =>
  [port - 2, port - 1, port].map((door) => [
    setOf('door', ip),
    concat(ipBytes(ip), Uint8Array.of(door >> 8, door, 0, 0)),
  ]);

export function bridgeElement(name: string): Wanted {
  const key = new Uint8Array(16); // IFNAMSIZ
  key.set(new TextEncoder().encode(name));
  return ['bridges', key];
}

/** The key of a set by outer source, VNI and inner source. It is written over and over: `owner` is for the next call only. */
export class OwnedKey {
  readonly set: string;
  readonly #key: Uint8Array;
  readonly #at: number;

  constructor(ip: Ip) {
    const bytes = ipBytes(ip);
    this.set = setOf('owned', ip);
    this.#at = bytes.length;
    this.#key = concat(bytes, new Uint8Array(12));
  }

  /** @param mac as `macNumber` has it. @returns good until the next call */
  of(vni: Vni, mac: number): Uint8Array {
    const [key, at] = [this.#key, this.#at];
    key[at] = vni >>> 16;
    key[at + 1] = vni >>> 8;
    key[at + 2] = vni;
    for (let i = 9, rest = mac; i >= 4; i--, rest = Math.floor(rest / 256)) key[at + i] = rest % 256;
    return key;
  }
}
