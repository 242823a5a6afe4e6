// The one file behind which npm `netlink` is used: its generated encoders for link and address messages, plain JavaScript.
// Its native socket is never loaded, and nothing is parsed with it: its parsers throw on what they do not expect.
import ifla from 'netlink/dist/rt/ifla.js';
import rt from 'netlink/dist/rt/gen_structs.js';
import structs from 'netlink/dist/structs.js';
import type { Bridge, BridgePort, LinkAttrs, Vxlan } from 'netlink/dist/rt/ifla.js';
import type { Address, AddressAttrs, Link } from 'netlink/dist/rt/gen_structs.js';
import { align4 } from './message.js';

export type { Bridge, BridgePort, LinkAttrs, Vxlan };

function stream(...parts: readonly Parameters<InstanceType<typeof structs.AttrStream>['emit']>[0][]): Buffer {
  const out = new structs.AttrStream();
  for (const part of parts) out.emit(part);
  const length = out.bufs.reduce((sum, b) => sum + b.length, 0);
  return Buffer.concat(out.bufs, align4(length)); // zero-filled to the end
}

/** struct ifinfomsg and its attributes. */
export const linkBytes = (head: Link, attrs: LinkAttrs): Buffer =>
  stream(rt.formatLink(head), ifla.formatLinkAttrs(attrs));

/** The value of IFLA_LINKINFO for a link of this kind. */
export const linkInfo = (kind: string, data?: Buffer): Buffer =>
  stream(ifla.formatInfo(data === undefined ? { kind } : { kind, data }));

/** The value of IFLA_LINKINFO for flags of a bridge port. */
export const portInfo = (port: BridgePort): Buffer =>
  stream(ifla.formatInfo({ slaveKind: 'bridge', slaveData: stream(ifla.formatBridgePort(port)) }));

export const vxlanData = (vxlan: Vxlan): Buffer => stream(ifla.formatVxlan(vxlan));

export const bridgeData = (bridge: Bridge): Buffer => stream(ifla.formatBridge(bridge));

/** struct ifaddrmsg and its attributes. */
export const addressBytes = (head: Address, attrs: AddressAttrs): Buffer =>
  stream(rt.formatAddress(head), rt.formatAddressAttrs(attrs));

export const u8 = structs.putU8;
export const be16 = structs.putU16be;
