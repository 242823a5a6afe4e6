// What the forwarding table says of a peer, as far as trust goes: whether VXLAN may go between us, and where it may come from.
// Pure.
import { isIpv6, isWithin, PRIVATE_SUBNETS } from '../../router/address.js';
import type { Cidr, ForwardingDelta, Ip, Mac, PeerForward, PeerId, Vni } from '../../router/types.js';
import type { DatapathConfig } from '../datapath.js';
import { wayTo } from '../paths/path-report.js';
import type { NetworkWant } from '../network-want.js';
import type { Guard, PeerSource } from './guard.js';

type Config = Pick<DatapathConfig, 'local' | 'trusted'>;

/**
 * VXLAN goes where both ends trust both ends' addresses. Each side works that out for itself, with what the other published.
 * @returns why it must not; undefined: it may
 */
export function sealedBecause(config: Config, peer: PeerForward): string | undefined {
  const way = wayTo(config.local, peer);
  if (way === undefined) return undefined;
  const lists: readonly (readonly [readonly Cidr[], string])[] = [
    [config.trusted ?? PRIVATE_SUBNETS, '--trusted-subnets'],
    [peer.trusted ?? PRIVATE_SUBNETS, `--trusted-subnets of ${peer.name}`],
  ];
  const addresses: readonly Ip[] = [way.vtep.ip, way.local];
  for (const [subnets, whose] of lists)
    for (const ip of addresses) if (!isWithin(ip, subnets)) return `sealed: ${ip} is not in ${whose}`;
  return undefined;
}

/**
 * Both ends choose the way by one rule, so its frames come from addresses of that family alone.
 * @param sealed VXLAN is not taken from it
 */
export function sourceOf(config: Config, peer: PeerForward, sealed: boolean): PeerSource {
  const known = [peer.v4, peer.v6].filter((at) => at !== undefined);
  const from = peer.from ?? known.map(({ ip }) => ip);
  const lists = [config.trusted ?? PRIVATE_SUBNETS, peer.trusted ?? PRIVATE_SUBNETS];
  const family = sealed ? undefined : wayTo(config.local, peer)?.family;
  const plain = from.filter(
    (ip) => family === (isIpv6(ip) ? 'v6' : 'v4') && lists.every((subnets) => isWithin(ip, subnets)),
  );
  return { from, plain, vxlanPort: known[0]?.port ?? 0 };
}

/** To what keeps the kernel's tables a sealed peer has no vxlan. */
export const withoutVxlan = (delta: ForwardingDelta & { readonly kind: 'peer' }): ForwardingDelta =>
  delta.value === undefined ? delta : { ...delta, value: { name: delta.value.name } };

/** Tells the guard of a MAC that has another owner. @param network as it was before */
export function guardMac(
  guard: Pick<Guard, 'setMac'>,
  network: NetworkWant | undefined,
  mac: Mac,
  after: PeerId | undefined,
): void {
  const [vni, before] = [network?.forward?.vni, network?.ownerOf(mac)];
  if (vni !== undefined && before !== after) guard.setMac(vni, mac, before, after);
}

/** Tells the guard of a network that this host is in or not, or whose VNI is another. @param before its VNI */
export function guardNetwork(
  guard: Pick<Guard, 'setVni'>,
  network: NetworkWant | undefined,
  before: Vni | undefined,
): void {
  const vni = network?.forward?.vni;
  if (network !== undefined && vni !== before) guard.setVni(before, vni, network.remoteMacs());
}
