// The data plane: makes the kernel forward as the router's table says, keeps it so, and reports what it sees. A change
// goes table → `Want` (what ought to be) → `plan` (pure) → `apply` (netlink); `Reconciler` repeats that for ever.
import type { Datapath, DatapathConfig } from './datapath.js';
import { systemClock } from './clock.js';
import { LinuxDatapath, writeSysctl, type DatapathDeps } from './linux-datapath.js';
import { createGuard } from './guard/create-guard.js';
import { createLinuxKernel } from './netlink/linux-kernel.js';
import type { Ip } from '../router/types.js';
import { sleevePort } from './sleeve-status.js';
import { createPaths } from './paths/create-paths.js';
import { linuxNft } from './paths/nft/linux-nft.js';
import { createSleeve, type SleeveOptions } from './sleeve/sleeve.js';
import { closeFd, openNetns } from './syscalls.js';

/** @param deps what a test, or a second datapath in this process, brings instead */
export function createDatapath(config: DatapathConfig, deps: Partial<DatapathDeps> = {}): Datapath {
  const kernel = deps.kernel ?? createLinuxKernel();
  const clock = deps.clock ?? systemClock;
  const nft = linuxNft();
  const onReport: DatapathConfig['onReport'] = (r) =>
    r.kind === 'path' ? datapath.onPath(r.path) : config.onReport(r);
  const datapath: LinuxDatapath = new LinuxDatapath(config, {
    kernel,
    paths: deps.paths ?? createPaths({ ...config, onReport }, kernel, nft),
    guard: deps.guard ?? createGuard(config, nft, clock),
    netns: deps.netns ?? { open: openNetns, close: closeFd },
    clock,
    sysctl: deps.sysctl ?? writeSysctl,
    sleeve: deps.sleeve ?? ((onEvent) => createSleeve({ ...sleevePlace(config), onEvent })),
  });
  return datapath;
}

const ANY = { v4: '0.0.0.0' as Ip, v6: '::' as Ip };

/** On every address, as the vxlan: which one a peer reaches is its own affair. */
const sleevePlace = ({ vxlanPort, local }: DatapathConfig): Pick<SleeveOptions, 'port' | 'listen'> => ({
  port: sleevePort(vxlanPort),
  listen: { ...(local.v4 && { v4: ANY.v4 }), ...(local.v6 && { v6: ANY.v6 }) },
});

export type { Capability, Datapath, DatapathConfig, DatapathSnapshot, EndpointSpec, Sandbox } from './datapath.js';
export type { DatapathDeps } from './linux-datapath.js';
export { KernelError } from './kernel.js';
export { underlayMtu } from './underlay.js';
export type { PeerTraffic } from './peer-traffic.js';
export type { WayTraffic } from './sleeve/sleeve.js';
export { HISTOGRAM_BOUNDS } from './sleeve/worker/shared.js';
export { networkMtu, SLEEVE_OVERHEAD, VXLAN_OVERHEAD } from './mtu.js';
