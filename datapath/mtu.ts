// Every byte that an overlay adds to a container's packet.
//
//   vxlan   | outer IP | UDP | VXLAN |                 | Ethernet | VLAN? | inner IP packet |
//           | 20 or 40 |  8  |   8   |                 |    14    |   4   |   network MTU   |
//   sleeve  | outer IP | UDP | outer header | segment  | Ethernet | VLAN? | inner IP packet | tag |
//           | 20 or 40 |  8  |      20      |    20    |    14    |   4   |   network MTU   | 16  |
//           '------------------- a datagram no larger than the underlay's MTU ------------------'

const ETHERNET_BYTES = 14; // IEEE 802.3 §3.1.1, without the FCS
const VLAN_BYTES = 4; // IEEE 802.1Q §9.3
const IPV4_BYTES = 20; // RFC 791 §3.1, without options
const IPV6_BYTES = 40; // RFC 8200 §3
const UDP_BYTES = 8; // RFC 768
const VXLAN_BYTES = 8; // RFC 7348 §5
const SLEEVE_OUTER_BYTES = 20;
const SLEEVE_SEGMENT_BYTES = 20;
const SLEEVE_TAG_BYTES = 16; // AES-GCM and ChaCha20-Poly1305 alike

/** Bytes over the inner IP packet: 50 and 70. A VLAN tag inside costs `VLAN_BYTES` more. */
export const VXLAN_OVERHEAD = {
  v4: ETHERNET_BYTES + VXLAN_BYTES + UDP_BYTES + IPV4_BYTES,
  v6: ETHERNET_BYTES + VXLAN_BYTES + UDP_BYTES + IPV6_BYTES,
} as const;

const SLEEVE_BYTES = ETHERNET_BYTES + SLEEVE_OUTER_BYTES + SLEEVE_SEGMENT_BYTES + SLEEVE_TAG_BYTES + UDP_BYTES;

/** Sealed; bytes over the inner IP packet: 98 and 118. */
export const SLEEVE_OVERHEAD = { v4: SLEEVE_BYTES + IPV4_BYTES, v6: SLEEVE_BYTES + IPV6_BYTES } as const;

const SPARE_BYTES = 2; // makes 1376 of 1500, what Weave's users know, and keeps the segment length even

/**
 * The MTU of a new network: what fits one datagram on every overlay, so that a change of overlay never changes it.
 * @param underlayMtu bytes, of the smallest underlay link
 * @param onlyIpv4 no peer will ever be reached over IPv6
 */
export const networkMtu = (underlayMtu: number, onlyIpv4 = false): number =>
  underlayMtu - (onlyIpv4 ? SLEEVE_OVERHEAD.v4 : SLEEVE_OVERHEAD.v6) - VLAN_BYTES - SPARE_BYTES;

/** What paths are probed for while this host is in no network: the MTU of a network founded on 1500. */
export const DEFAULT_CEILING = networkMtu(1500);
