// Links as the kernel reports them: RTM_NEWLINK and RTM_DELLINK, linux/if_link.h. Nothing here throws, whatever the bytes.
import { ipFromBytes, macFromBytes } from '../../router/address.js';
import type { LinkIndex, Vni } from '../../router/types.js';
import { ANY_IPV4, type Link, type PortFlags } from '../kernel.js';
import * as k from './constants.js';
import { be16At, bytesAt, LE, stringAt, u32At, u8At, visitAttrs, type NetlinkMessage } from './message.js';

const IFINFOMSG_BYTES = 16;

/** struct ifinfomsg: u8 family, u16 type at 2, s32 index at 4, u32 flags at 8. @returns undefined if it is too short */
export function decodeLinkHead(m: NetlinkMessage): { family: number; index: LinkIndex; up: boolean } | undefined {
  if (m.end - m.at < IFINFOMSG_BYTES) return undefined;
  const up = (m.view.getUint32(m.at + 8, LE) & k.IFF_UP) !== 0;
  return { family: m.view.getUint8(m.at), index: m.view.getInt32(m.at + 4, LE) as LinkIndex, up };
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** RTM_NEWLINK or RTM_DELLINK of family AF_UNSPEC. Attributes that are not ours to know are skipped. */
export function decodeLink(m: NetlinkMessage): Link | undefined {
  const head = decodeLinkHead(m);
  if (head === undefined) return undefined;
  const link: Mutable<Link> = {
    index: head.index,
    name: '',
    kind: 'other',
    mac: undefined,
    mtu: 0,
    up: head.up,
    alias: undefined,
    master: undefined,
    port: undefined,
    vxlan: undefined,
  };
  visitAttrs(m.view, m.at + IFINFOMSG_BYTES, m.end, (type, at, length) => {
    if (type === k.IFLA_IFNAME) link.name = stringAt(m.view, at, length);
    else if (type === k.IFLA_ADDRESS && length === 6) link.mac = macFromBytes(bytesAt(m.view, at, 6));
    else if (type === k.IFLA_MTU) link.mtu = u32At(m.view, at, length) ?? 0;
    else if (type === k.IFLA_IFALIAS) link.alias = stringAt(m.view, at, length) || undefined;
    else if (type === k.IFLA_MASTER) link.master = (u32At(m.view, at, length) || undefined) as LinkIndex | undefined;
    else if (type === k.IFLA_LINKINFO) decodeLinkInfo(m.view, at, at + length, link);
  });
  return link;
}

function decodeLinkInfo(view: DataView, from: number, end: number, link: Mutable<Link>): void {
  let slaveKind = '';
  visitAttrs(view, from, end, (type, at, length) => {
    if (type === k.IFLA_INFO_KIND) link.kind = kindOf(stringAt(view, at, length));
    else if (type === k.IFLA_INFO_DATA && link.kind === 'vxlan') link.vxlan = decodeVxlanData(view, at, at + length);
    else if (type === k.IFLA_INFO_SLAVE_KIND) slaveKind = stringAt(view, at, length);
    else if (type === k.IFLA_INFO_SLAVE_DATA && slaveKind === 'bridge') link.port = decodePort(view, at, at + length);
  });
}

/** `tun` is what drivers/net/tun.c calls itself, whichever of its two kinds a link is. */
const KINDS: ReadonlyMap<string, Link['kind']> = new Map([
  ['bridge', 'bridge'],
  ['vxlan', 'vxlan'],
  ['veth', 'veth'],
  ['tun', 'tap'],
]);

const kindOf = (kind: string): Link['kind'] => KINDS.get(kind) ?? 'other';

const VXLAN_PORT_DEFAULT = 8472; // drivers/net/vxlan: the kernel's own, not IANA's; always reported in practice

function decodeVxlanData(view: DataView, from: number, end: number): NonNullable<Link['vxlan']> {
  const vxlan: Mutable<NonNullable<Link['vxlan']>> = {
    vni: 0 as Vni,
    local: ANY_IPV4, // what the kernel does not report is not set
    port: VXLAN_PORT_DEFAULT,
    df: false,
    learning: false,
  };
  visitAttrs(view, from, end, (type, at, length) => {
    if (type === k.IFLA_VXLAN_ID) vxlan.vni = (u32At(view, at, length) ?? 0) as Vni;
    else if (type === k.IFLA_VXLAN_PORT) vxlan.port = be16At(view, at, length) ?? vxlan.port;
    else if (type === k.IFLA_VXLAN_LEARNING) vxlan.learning = u8At(view, at, length) === 1;
    else if (type === k.IFLA_VXLAN_DF) vxlan.df = u8At(view, at, length) === 1;
    else if (type === k.IFLA_VXLAN_LOCAL || type === k.IFLA_VXLAN_LOCAL6) {
      const b = bytesAt(view, at, length);
      if (b.some((byte) => byte !== 0)) vxlan.local = ipFromBytes(b);
    }
  });
  return vxlan;
}

function decodePort(view: DataView, from: number, end: number): Required<PortFlags> {
  const on = new Set<number>();
  visitAttrs(view, from, end, (type, at, length) => {
    if (u8At(view, at, length) === 1) on.add(type);
  });
  return {
    learning: on.has(k.IFLA_BRPORT_LEARNING),
    flood: on.has(k.IFLA_BRPORT_UNICAST_FLOOD),
    mcastFlood: on.has(k.IFLA_BRPORT_MCAST_FLOOD),
    bcastFlood: on.has(k.IFLA_BRPORT_BCAST_FLOOD),
    neighSuppress: on.has(k.IFLA_BRPORT_NEIGH_SUPPRESS),
    isolated: on.has(k.IFLA_BRPORT_ISOLATED),
  };
}
