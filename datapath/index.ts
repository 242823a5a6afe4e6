// The data plane: makes the kernel forward as the router's table says, keeps it so, and reports what it sees. A change
// goes table → `Want` (what ought to be) → `plan` (pure) → `apply` (netlink); `Reconciler` repeats that for ever.
import type { Datapath, DatapathConfig } from './datapath.js';
import { LinuxDatapath, systemClock, writeSysctl, type DatapathDeps } from './linux-datapath.js';
import { createLinuxKernel } from './netlink/linux-kernel.js';
import { createPaths } from './paths/create-paths.js';
import { closeFd, openNetns } from './syscalls.js';

/** @param deps what a test, or a second datapath in this process, brings instead */
export function createDatapath(config: DatapathConfig, deps: Partial<DatapathDeps> = {}): Datapath {
  const kernel = deps.kernel ?? createLinuxKernel();
  return new LinuxDatapath(config, {
    kernel,
    paths: deps.paths ?? createPaths(config, kernel),
    netns: deps.netns ?? { open: openNetns, close: closeFd },
    clock: deps.clock ?? systemClock,
    sysctl: deps.sysctl ?? writeSysctl,
  });
}

export type { Capability, Datapath, DatapathConfig, DatapathSnapshot, EndpointSpec, Sandbox } from './datapath.js';
export { KernelError } from './kernel.js';
export { underlayMtu } from './underlay.js';
export { networkMtu, SLEEVE_OVERHEAD, VXLAN_OVERHEAD } from './mtu.js';
