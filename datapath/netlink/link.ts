// Changes to links: what `ip link add|set|del` and `bridge link set` say in rtnetlink (linux/if_link.h).
import { ipBytes, isIpv6, macBytes, macFromBytes } from '../../router/address.js';
import type { LinkIndex } from '../../router/types.js';
import { ANY_IPV4, type LinkChange, type LinkSpec, type PortFlags } from '../kernel.js';
import * as codec from './codec.js';
import * as k from './constants.js';
import { concat, encodeAttr, u32Bytes } from './message.js';

/** A request without its header; `op` is the iproute2 command that says the same. */
export interface LinkRequest {
  readonly op: string;
  readonly type: number;
  readonly flags: number;
  readonly payload: Uint8Array;
  /** EAFNOSUPPORT is no failure: the link has no IPv6. */
  readonly optional?: boolean;
}

const DATA_TTL = 64; // as flannel and iproute2's examples; 0 would take the kernel's default, which a sysctl can change

/** Equivalent to `ip link add NAME type …`. The bridge's MAC is set here, so that it is pinned: ports do not change it. */
export function linkAddRequest(spec: Exclude<LinkSpec, { kind: 'tap' }>): LinkRequest {
  const attrs: codec.LinkAttrs = { ifname: spec.name, mtu: spec.mtu };
  if (spec.kind !== 'veth' && spec.mac !== undefined) attrs.address = Buffer.from(macBytes(spec.mac));
  const [words, data] = kindData(spec);
  attrs.linkinfo = codec.linkInfo(spec.kind, data);
  const address = attrs.address === undefined ? '' : ` address ${macFromBytes(attrs.address)}`;
  return {
    op: `ip link add ${spec.name}${address} mtu ${spec.mtu} type ${spec.kind}${words}`,
    type: k.RTM_NEWLINK,
    flags: k.NLM_F_CREATE | k.NLM_F_EXCL,
    payload: codec.linkBytes({}, attrs),
  };
}

/** @returns the words after `type KIND`, and IFLA_INFO_DATA */
function kindData(spec: Exclude<LinkSpec, { kind: 'tap' }>): [string, Buffer] {
  switch (spec.kind) {
    case 'bridge':
      return [' mcast_snooping 0', codec.bridgeData({ mcastSnooping: codec.u8(0) })];
    case 'vxlan': {
      const local = Buffer.from(ipBytes(spec.local));
      const data: codec.Vxlan = { id: spec.vni, ttl: DATA_TTL, learning: 0, port: codec.be16(spec.port) };
      if (isIpv6(spec.local)) data.local6 = local;
      else data.local = local;
      if (spec.df) data.df = codec.u8(1);
      const source = spec.local === ANY_IPV4 ? '' : ` local ${spec.local}`;
      const words = ` id ${spec.vni}${source} dstport ${spec.port} nolearning ttl ${DATA_TTL}`;
      return [spec.df ? `${words} df set` : words, codec.vxlanData(data)];
    }
    case 'veth': {
      const { name, mac, mtu, netns } = spec.peer;
      const attrs: codec.LinkAttrs = { ifname: name, address: Buffer.from(macBytes(mac)), mtu };
      if (netns !== undefined) attrs.netNsFd = netns;
      const peer = encodeAttr(k.VETH_INFO_PEER, codec.linkBytes({}, attrs));
      const words = ` peer name ${name} address ${mac} mtu ${mtu}${netns === undefined ? '' : ` netns /proc/self/fd/${netns}`}`;
      return [words, Buffer.from(peer)];
    }
  }
}

/**
 * Equivalent to `ip link set dev LINK …` and `bridge link set dev LINK …`, in up to four requests: down first (a MAC may
 * need it), then attributes, then port flags (which a link has only once it has a master), and up last: a port never
 * forwards with flags that were not meant.
 */
export function linkSetRequests(index: LinkIndex, change: LinkChange): LinkRequest[] {
  const requests: LinkRequest[] = [];
  const set = (words: string, head: Parameters<typeof codec.linkBytes>[0], attrs: codec.LinkAttrs): void => {
    const op = `ip link set dev if${index}${words}`;
    // RTM_NEWLINK, not RTM_SETLINK: only it takes IFLA_INFO_SLAVE_DATA
    requests.push({ op, type: k.RTM_NEWLINK, flags: 0, payload: codec.linkBytes({ index, ...head }, attrs) });
  };
  if (change.up === false) set(' down', { change: { up: true } }, {});
  const [words, attrs] = plainAttrs(change);
  if (words !== '') set(words, {}, attrs);
  if (change.addrGenNone) requests.push(addrGenNone(index));
  if (change.port !== undefined && Object.keys(change.port).length > 0)
    set(` type bridge_slave${portWords(change.port)}`, {}, { linkinfo: codec.portInfo(portAttrs(change.port)) });
  if (change.up === true) set(' up', { flags: { up: true }, change: { up: true } }, {});
  return requests;
}

function addrGenNone(index: LinkIndex): LinkRequest {
  const mode = encodeAttr(k.IFLA_INET6_ADDR_GEN_MODE, Uint8Array.of(k.IN6_ADDR_GEN_MODE_NONE));
  const payload = codec.linkBytes({ index }, { afSpec: new Map([[k.AF_INET6, Buffer.from(mode)]]) });
  return { op: `ip link set dev if${index} addrgenmode none`, type: k.RTM_NEWLINK, flags: 0, payload, optional: true };
}

function plainAttrs(change: LinkChange): [string, codec.LinkAttrs] {
  const attrs: codec.LinkAttrs = {};
  let words = '';
  if (change.name !== undefined) [attrs.ifname, words] = [change.name, `${words} name ${change.name}`];
  if (change.mac !== undefined) {
    attrs.address = Buffer.from(macBytes(change.mac));
    words += ` address ${change.mac}`;
  }
  if (change.mtu !== undefined) [attrs.mtu, words] = [change.mtu, `${words} mtu ${change.mtu}`];
  if (change.alias !== undefined) [attrs.ifalias, words] = [change.alias, `${words} alias "${change.alias}"`];
  if (change.master !== undefined) {
    attrs.master = change.master ?? 0;
    words += change.master === null ? ' nomaster' : ` master if${change.master}`;
  }
  return [words, attrs];
}

const PORT_WORDS: Readonly<Record<keyof PortFlags, string>> = {
  learning: 'learning',
  flood: 'flood',
  mcastFlood: 'mcast_flood',
  bcastFlood: 'bcast_flood',
  neighSuppress: 'neigh_suppress',
  isolated: 'isolated',
};

const portWords = (port: PortFlags): string =>
  (Object.entries(PORT_WORDS) as [keyof PortFlags, string][])
    .map(([flag, word]) => (port[flag] === undefined ? '' : ` ${word} ${port[flag] ? 'on' : 'off'}`))
    .join('');

function portAttrs(port: PortFlags): codec.BridgePort {
  const attrs: codec.BridgePort = {};
  if (port.learning !== undefined) attrs.learning = Number(port.learning);
  if (port.flood !== undefined) attrs.unicastFlood = Number(port.flood);
  if (port.mcastFlood !== undefined) attrs.mcastFlood = codec.u8(Number(port.mcastFlood));
  if (port.bcastFlood !== undefined) attrs.bcastFlood = codec.u8(Number(port.bcastFlood));
  if (port.neighSuppress !== undefined) attrs.neighSuppress = codec.u8(Number(port.neighSuppress));
  if (port.isolated !== undefined) attrs.isolated = codec.u8(Number(port.isolated));
  return attrs;
}

/** Equivalent to `ip link del dev LINK`. */
export const linkDelRequest = (index: LinkIndex): LinkRequest => ({
  op: `ip link del dev if${index}`,
  type: k.RTM_DELLINK,
  flags: 0,
  payload: codec.linkBytes({ index }, {}),
});

const EXT_MASK = encodeAttr(k.IFLA_EXT_MASK, u32Bytes(k.RTEXT_FILTER_SKIP_STATS)); // half of a link's bytes are statistics

/** Payload of RTM_GETLINK: of one link by index or name, or of all for a dump. */
export const linkGetPayload = (which?: LinkIndex | string): Uint8Array =>
  concat(
    codec.linkBytes(
      typeof which === 'number' ? { index: which } : {},
      typeof which === 'string' ? { ifname: which } : {},
    ),
    EXT_MASK,
  );
