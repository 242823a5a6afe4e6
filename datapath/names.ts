// What our links are called, and how a later router, or `mesh reset`, knows them again.
import { createHash } from 'node:crypto';
import { localMac } from '../router/address.js';
import type { EndpointId, Mac, NetworkName, PeerId, Vni } from '../router/types.js';

/** IFNAMSIZ less the final zero, `linux/if.h`; bytes. */
export const MAX_LINK_NAME_BYTES = 15;

export type LinkRole = 'bridge' | 'vxlan4' | 'vxlan6' | 'sleeve';

const PREFIX = { bridge: 'mb-', vxlan4: 'mv-', vxlan6: 'mw-', sleeve: 'ms-' } as const;

/** `mb-NETWORK`; a name too long for the kernel gives way to the VNI. No clash: a network's name begins with a letter. */
export function linkName(role: LinkRole, network: NetworkName, vni: Vni): string {
  const name = PREFIX[role] + network;
  return name.length <= MAX_LINK_NAME_BYTES ? name : `${PREFIX[role]}${vni}`;
}

/** The host side of an endpoint's veth: `mp` and 40 bits of a hash, so that it can be found from the id alone. */
export const portName = (id: EndpointId): string => `mp${createHash('sha256').update(id).digest('hex').slice(0, 10)}`;

/** Says whose a link is, and for which network, or with `id` for which endpoint. */
export const linkAlias = (self: PeerId, network: NetworkName, id?: EndpointId): string =>
  `mesh:${self}:${network}${id === undefined ? '' : `:${id}`}`;

/** On the container's end of a veth, which may be anywhere and have any name; so it is never taken for a link of ours. */
export const farAlias = (self: PeerId, network: NetworkName, id: EndpointId): string =>
  `endpoint:${self}:${network}:${id}`;

/**
 * Did a router make it for a network? Any router: one whose state directory was lost comes back under another id, and
 * takes over what its former self left. Not by name: another tool may have renamed it.
 */
export const isOurLink = (link: { readonly alias: string | undefined }): boolean =>
  /^mesh:[0-9a-f]{32}:[a-z]/.test(link.alias ?? '');

/** The same for a network after every restart, so that containers' caches stay true. */
export const bridgeMac = (self: PeerId, network: NetworkName): Mac =>
  localMac(createHash('sha256').update(`${self}/${network}`).digest());
