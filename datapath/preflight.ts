import { localMac } from '../router/address.js';
import type { Vni } from '../router/types.js';
import type { DatapathConfig } from './datapath.js';
import { KernelError, type Kernel, type LinkSpec } from './kernel.js';

const NAME = 'mesh-check';
/** Of no network, as a router draws VNIs below it; and the link is never up. */
const UNUSED_VNI = 0xfffffe as Vni;

/**
 * Makes and removes a bridge and a vxlan, the only sure way to know that the kernel lets us.
 * @throws KernelError EPERM without CAP_NET_ADMIN, EOPNOTSUPP for a kernel without bridge or vxlan
 */
export async function preflight(kernel: Kernel, config: Pick<DatapathConfig, 'vxlanPort' | 'local'>): Promise<void> {
  const local = config.local.v4 ?? config.local.v6;
  const mac = localMac(new Uint8Array(6));
  await tryOut(kernel, { kind: 'bridge', name: NAME, mac, mtu: 1280 });
  if (local === undefined) throw new KernelError('ip link add type vxlan', 'EADDRNOTAVAIL', 'no underlay address');
  const vxlan = { kind: 'vxlan', vni: UNUSED_VNI, local, port: config.vxlanPort, df: false } as const;
  await tryOut(kernel, { ...vxlan, name: NAME, mtu: 1280 });
}

async function tryOut(kernel: Kernel, spec: LinkSpec): Promise<void> {
  const left = (await kernel.links()).find((link) => link.name === spec.name);
  if (left) await kernel.linkDel(left.index);
  await kernel.linkDel(await kernel.linkAdd(spec));
}
