import type { DatapathReport, LinkIndex, Mac, NetworkName } from '../router/types.js';
import type { KernelEvent, LearntMac, Link } from './kernel.js';
import { isOurLink } from './names.js';
import type { Want } from './want.js';

type PortMac = DatapathReport & { readonly kind: 'portMac' };

/**
 * The MACs behind ports that somebody else put on our bridges (a virtual machine, a physical card), or that may send what they like. The kernel learns
 * them and lets them age; the mesh announces them. Pure.
 */
export class LearntMacs {
  readonly #want: Want;
  #ports = new Map<LinkIndex, NetworkName>();
  readonly #macs = new Map<NetworkName, Map<Mac, LinkIndex>>();

  constructor(want: Want) {
    this.#want = want;
  }

  /** @returns what went with its port, and the bridges whose ports changed, which must be read */
  onLinks(links: readonly Link[]): { readonly reports: PortMac[]; readonly changed: LinkIndex[] } {
    const before = this.#ports;
    this.#ports = new Map();
    const changed = new Set<LinkIndex>();
    for (const link of links) {
      const network = link.master === undefined ? undefined : this.#want.networkOfLink(link.master);
      if (network === undefined || link.master === undefined || isSealed(link)) continue;
      this.#ports.set(link.index, network.name);
      if (before.get(link.index) !== network.name) changed.add(link.master);
    }
    const reports: PortMac[] = [];
    for (const [network, macs] of this.#macs)
      for (const [mac, link] of macs) if (this.#ports.get(link) !== network) reports.push(...this.#gone(network, mac));
    return { reports, changed: [...changed] };
  }

  hasPort(index: LinkIndex): boolean {
    return this.#ports.has(index);
  }

  /** The bridges with such ports. */
  bridges(): LinkIndex[] {
    const networks = new Set(this.#ports.values());
    return [...networks].flatMap((name) => this.#want.networks.get(name)?.bridge ?? []);
  }

  onEvent({ entry, present }: KernelEvent & { readonly kind: 'learnt' }): PortMac[] {
    const network = this.#ports.get(entry.link);
    if (network === undefined) return [];
    if (present) return this.#seen(network, entry);
    return this.#macs.get(network)?.get(entry.mac) === entry.link ? this.#gone(network, entry.mac) : [];
  }

  /** @param entries all that `bridge` has learnt */
  sync(bridge: LinkIndex, entries: readonly LearntMac[]): PortMac[] {
    const network = this.#want.networkOfLink(bridge)?.name;
    if (network === undefined) return [];
    const now = new Map(entries.filter((e) => this.#ports.get(e.link) === network).map((e) => [e.mac, e]));
    const lost = [...(this.#macs.get(network)?.keys() ?? [])].filter((mac) => !now.has(mac));
    return [
      ...lost.flatMap((mac) => this.#gone(network, mac)),
      ...[...now.values()].flatMap((entry) => this.#seen(network, entry)),
    ];
  }

  #seen(network: NetworkName, { mac, link }: LearntMac): PortMac[] {
    const macs = this.#macs.get(network) ?? new Map<Mac, LinkIndex>();
    const isNew = !macs.has(mac);
    this.#macs.set(network, macs.set(mac, link));
    return isNew ? [{ kind: 'portMac', network, mac, present: true }] : [];
  }

  #gone(network: NetworkName, mac: Mac): PortMac[] {
    return this.#macs.get(network)?.delete(mac) ? [{ kind: 'portMac', network, mac, present: false }] : [];
  }
}

/** A port of ours, with the one MAC that we gave it; but for those that were allowed to have more. */
const isSealed = (link: Link): boolean => isOurLink(link) && link.port?.learning !== true;
