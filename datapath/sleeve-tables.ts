// Keeps the sleeve's tables as the networks want them: their TAPs, and for peers that it carries, MACs and broadcast.
import type { LinkIndex, Mac, PeerId, Vni } from '../router/types.js';
import { linkName } from './names.js';
import type { NetworkWant } from './network-want.js';
import type { Sleeve } from './sleeve/sleeve.js';

interface Told {
  readonly tap: LinkIndex;
  readonly macs: Map<Mac, PeerId>;
  flood: string;
}

export class SleeveTables {
  readonly #sleeve: Sleeve;
  readonly #told = new Map<Vni, Told>();

  constructor(sleeve: Sleeve) {
    this.#sleeve = sleeve;
  }

  /** Opens the TAPs that there are, and lets go of those whose network is not wanted any more. @throws SyscallError */
  bind(networks: readonly NetworkWant[]): void {
    const wanted = new Map(networks.flatMap((n) => (n.forward && n.tap !== undefined ? [[n.forward.vni, n]] : [])));
    for (const vni of this.#told.keys()) {
      if (wanted.has(vni)) continue;
      this.#told.delete(vni);
      this.#sleeve.setNetwork(vni, undefined);
    }
    for (const [vni, network] of wanted) {
      this.#sleeve.setNetwork(vni, linkName('sleeve', network.name, vni)); // again, when the TAP was lost
      if (this.#told.get(vni)?.tap === network.tap) continue;
      this.#told.set(vni, { tap: network.tap!, macs: this.#told.get(vni)?.macs ?? new Map<Mac, PeerId>(), flood: '' });
      this.add(network);
    }
  }

  /** What the sleeve is to carry from now on: before the bridge sends it there. */
  add(network: NetworkWant): void {
    const told = network.forward && this.#told.get(network.forward.vni);
    if (told === undefined) return;
    const { vni } = network.forward!;
    for (const [mac, peer] of network.sleeveMacs()) {
      if (told.macs.get(mac) === peer) continue;
      told.macs.set(mac, peer);
      this.#sleeve.setMac(vni, mac, peer);
    }
    const flood = network.sleeveFloods().sort();
    if (flood.join() === told.flood) return;
    told.flood = flood.join();
    this.#sleeve.setFlood(vni, flood);
  }

  /** What it is to carry no longer goes as well: after the bridge has ceased to send it there. */
  sync(network: NetworkWant): void {
    this.add(network);
    const told = network.forward && this.#told.get(network.forward.vni);
    if (told === undefined || told.macs.size === 0) return;
    const wanted = new Map(network.sleeveMacs());
    for (const mac of told.macs.keys()) {
      if (wanted.has(mac)) continue;
      told.macs.delete(mac);
      this.#sleeve.setMac(network.forward!.vni, mac, undefined);
    }
  }
}
