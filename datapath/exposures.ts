// Addresses of the host itself on a network: they sit on its bridge.
import type { Cidr, LinkIndex, NetworkName } from '../router/types.js';
import { KernelError, type Kernel } from './kernel.js';
import type { Want } from './want.js';

export class Exposures {
  readonly #kernel: Kernel;
  readonly #want: Want;
  readonly #cidrs = new Map<NetworkName, Set<Cidr>>();

  constructor(kernel: Kernel, want: Want) {
    this.#kernel = kernel;
    this.#want = want;
  }

  /** @throws KernelError ENODEV: this host is not in the network; then nothing is changed */
  async add(network: NetworkName, ips: readonly Cidr[]): Promise<void> {
    const bridge = this.#bridge(network);
    for (const cidr of ips) {
      await this.#kernel.addrAdd(bridge, cidr);
      this.#of(network).add(cidr);
      this.#want.networks.get(network)?.setExposed(cidr, true);
    }
  }

  async remove(network: NetworkName, ips: readonly Cidr[]): Promise<void> {
    const bridge = this.#want.networks.get(network)?.bridge;
    for (const cidr of ips) {
      this.#of(network).delete(cidr);
      this.#want.networks.get(network)?.setExposed(cidr, false);
      if (bridge !== undefined) await this.#kernel.addrDel(bridge, cidr);
    }
  }

  /** Puts back what another tool, or a bridge made anew, has lost. @returns how many were missing */
  async ensure(): Promise<number> {
    let missing = 0;
    for (const [network, cidrs] of this.#cidrs) {
      const bridge = this.#want.networks.get(network)?.bridge;
      if (bridge === undefined || cidrs.size === 0) continue;
      const have = new Set((await this.#kernel.addrs(bridge)).map(({ cidr }) => cidr));
      for (const cidr of cidrs) {
        if (have.has(cidr)) continue;
        missing++;
        await this.#kernel.addrAdd(bridge, cidr);
      }
    }
    return missing;
  }

  #of(network: NetworkName): Set<Cidr> {
    const have = this.#cidrs.get(network) ?? new Set();
    this.#cidrs.set(network, have);
    return have;
  }

  #bridge(network: NetworkName): LinkIndex {
    const bridge = this.#want.networks.get(network)?.bridge;
    if (bridge !== undefined) return bridge;
    throw new KernelError(`ip addr add dev mb-${network}`, 'ENODEV', `this host is not in network ${network}`);
  }
}
