import type { Mac, Vni } from '../router/types.js';
import type { DatapathConfig } from './datapath.js';
import { KernelError, type Kernel, type LinkSpec } from './kernel.js';

const NAME = 'mesh-check';
const NO_MAC = '00:00:00:00:00:00' as Mac;
const NO_VNI = 0x1000000 as Vni;

/**
 * Asks for a bridge and a vxlan that a kernel which knows their kind refuses for their contents, after it has looked at
 * everything else: rtnl_newlink finds the kind, then its `validate` says what is wrong. Nothing is made, so nothing has to
 * be removed again, which takes 25 ms each and holds up every other router of the machine.
 * @returns has it vxlan? If not, the overlay may be another
 * @throws KernelError EPERM without CAP_NET_ADMIN, EOPNOTSUPP for a kernel without bridge, or without the vxlan asked for
 */
export async function preflight(
  kernel: Kernel,
  config: Pick<DatapathConfig, 'vxlanPort' | 'local' | 'overlay'>,
): Promise<boolean> {
  const local = config.local.v4 ?? config.local.v6;
  // br_validate, net/bridge/br_netlink.c
  await tryOut(kernel, { kind: 'bridge', name: NAME, mac: NO_MAC, mtu: 1280 }, 'EADDRNOTAVAIL');
  if (local === undefined) throw new KernelError('ip link add type vxlan', 'EADDRNOTAVAIL', 'no underlay address');
  // vxlan_validate, drivers/net/vxlan/vxlan_core.c
  const vxlan = { kind: 'vxlan', vni: NO_VNI, local, port: config.vxlanPort, df: false } as const;
  try {
    await tryOut(kernel, { ...vxlan, name: NAME, mtu: 1280 }, 'ERANGE');
    return true;
  } catch (error) {
    if (config.overlay === 'vxlan' || !(error instanceof KernelError && error.errno === 'EOPNOTSUPP')) throw error;
    return false;
  }
}

async function tryOut(kernel: Kernel, spec: LinkSpec, refusal: string): Promise<void> {
  try {
    await kernel.linkDel(await kernel.linkAdd(spec));
  } catch (error) {
    if (!(error instanceof KernelError && error.errno === refusal)) throw error;
  }
}
