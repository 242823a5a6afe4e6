// The bridge table that lets from each container only what is its own: the frame's source MAC, the IP packet's source, the
// sender of ARP (RFC 826) and the target of neighbour discovery (RFC 4861 §4). Pure.
//
// It sees each frame where it comes into a bridge, before the bridge looks at it. What is not mentioned may pass: a port that
// is in no set, and of one that is, every protocol but IP and ARP, as long as the MAC is right.
import { cidrIp, ipBytes, isIpv6, linkLocalOf, macBytes } from '../../router/address.js';
import type { Cidr, Mac } from '../../router/types.js';
import type { Wanted } from './own-table.js';
import type { TableText } from './table-text.js';

/** A port of ours, and what may come from it. */
export interface GuardedPort {
  readonly name: string;
  readonly mac: Mac;
  readonly ips: readonly Cidr[];
}

/** Why a frame was dropped, in the words of `status`. */
export const DENIALS = {
  mac: 'from a MAC that is not its own',
  vlan: 'with a VLAN tag',
  ip: 'from an address that is not its own',
  arp: 'of ARP for an address that is not its own',
  nd: 'of neighbour discovery for what is not its own, or as a router',
} as const;
export type Denial = keyof typeof DENIALS;

export const denialSet = (why: Denial): string => `denied_${why}`;

const MAX_PORTS = 8_192;
/** By its port, made when the first is dropped. */
const COUNTED = `type ifname; size ${MAX_PORTS}; flags dynamic; counter;`;
const deny = (why: Denial): string => `add @${denialSet(why)} { iifname } drop`;

const DHCP = 'udp sport 68 udp dport 67';
const [MLD_REPORT, ROUTER_SOLICIT, ROUTER_ADVERT, SOLICIT, ADVERT, REDIRECT, MLD2_REPORT] = [
  131, 133, 134, 135, 136, 137, 143,
];
/** Of a solicitation and an advertisement, RFC 4861 §4.3 and §4.4: the address that is asked for, or spoken for. */
const ND_TARGET = '@th,64,128';

/** @param port UDP, of the vxlan: several routers may be on a host */
export const portTable = (port: number): TableText => ({
  table: { family: 'bridge', name: `mesh_${port}_ports` },
  sets: {
    ports: 'type ifname;',
    own_mac: 'type ifname . ether_addr;',
    own_v4: 'type ifname . ipv4_addr;',
    own_v6: 'type ifname . ipv6_addr;',
    own_nd: `typeof iifname . ${ND_TARGET};`,
    ...Object.fromEntries(Object.keys(DENIALS).map((why) => [denialSet(why as Denial), COUNTED])),
  },
  chains: [
    {
      name: 'from',
      hook: 'type filter hook prerouting priority -300;',
      rules: ['iifname @ports goto port'],
    },
    {
      name: 'port',
      rules: [
        `iifname . ether saddr != @own_mac ${deny('mac')}`,
        // Tagged with VLAN 0 a packet is taken for one without a tag, and may carry anything.
        `ether type { 0x8100, 0x88a8 } ${deny('vlan')}`,
        'meta protocol vmap { 0x0800 : goto ipv4, 0x86dd : goto ipv6, 0x0806 : goto who_has }',
      ],
    },
    {
      name: 'ipv4',
      // Without a source: DHCP, and IGMP of who has no address yet (RFC 3376 §4.2.13).
      rules: [
        'iifname . ip saddr @own_v4 accept',
        `ip saddr 0.0.0.0 ${DHCP} accept`,
        'ip saddr 0.0.0.0 ip protocol 2 accept',
        deny('ip'),
      ],
    },
    {
      name: 'who_has',
      rules: ['arp htype 1 arp hlen 6 arp plen 4 iifname . arp saddr ether @own_mac goto sender', deny('arp')],
    },
    // Without a sender it is a probe, RFC 5227 §2.1.1, and claims nothing.
    { name: 'sender', rules: ['iifname . arp saddr ip @own_v4 accept', 'arp saddr ip 0.0.0.0 accept', deny('arp')] },
    {
      name: 'ipv6',
      rules: [
        `icmpv6 type vmap { ${ROUTER_ADVERT} : goto no_nd, ${REDIRECT} : goto no_nd, ${SOLICIT} : goto solicit, ${ADVERT} : goto advert }`,
        'iifname . ip6 saddr @own_v6 accept',
        `ip6 saddr :: icmpv6 type { ${MLD_REPORT}, ${ROUTER_SOLICIT}, ${MLD2_REPORT} } accept`,
        deny('ip'),
      ],
    },
    {
      name: 'solicit',
      // Without a source it is duplicate address detection, RFC 4862 §5.4: for another's address it would keep that from being used.
      rules: ['iifname . ip6 saddr @own_v6 accept', `ip6 saddr :: iifname . ${ND_TARGET} @own_nd accept`, 'goto no_nd'],
    },
    {
      name: 'advert',
      rules: [`iifname . ip6 saddr @own_v6 iifname . ${ND_TARGET} @own_nd accept`, 'goto no_nd'],
    },
    { name: 'no_nd', rules: [deny('nd')] },
  ],
});

/** The port comes last, so that nothing of it is dropped while the rest is on its way. */
export function portElements({ name, mac, ips }: GuardedPort): readonly Wanted[] {
  const all = ips.map(cidrIp);
  const v6 = [...new Set([...all.filter(isIpv6), linkLocalOf(mac)])].map(ipBytes);
  return [
    ['own_mac', keyOf(name, macBytes(mac))],
    ...[...new Set(all)].filter((ip) => !isIpv6(ip)).map((ip): Wanted => ['own_v4', keyOf(name, ipBytes(ip))]),
    ...v6.map((ip): Wanted => ['own_v6', keyOf(name, ip)]),
    ...v6.map((ip): Wanted => ['own_nd', keyOf(name, ip)]),
    ['ports', keyOf(name)],
  ];
}

const IFNAME_BYTES = 16; // IFNAMSIZ, linux/if.h

/** Each part of a key is padded to 4 bytes. */
function keyOf(name: string, value: Uint8Array = new Uint8Array()): Uint8Array {
  const key = new Uint8Array(IFNAME_BYTES + ((value.length + 3) & ~3));
  key.set(new TextEncoder().encode(name));
  key.set(value, IFNAME_BYTES);
  return key;
}

/** @param key hexadecimal, of a set by ports */
export const portOfKey = (key: string): string =>
  Buffer.from(key.slice(0, 2 * IFNAME_BYTES), 'hex')
    .toString('latin1')
    .replace(/\0+$/, '');
