// What the kernel ought to have: the forwarding table, the local ports, and the links they need, with what has changed
// since the last look. Pure.
import type {
  EndpointId,
  ForwardingDelta,
  LinkIndex,
  NetworkForward,
  NetworkName,
  PeerForward,
  PeerId,
  Vni,
} from '../router/types.js';
import type { DatapathConfig } from './datapath.js';
import type { Link } from './kernel.js';
import { isOurLink } from './names.js';
import { NetworkWant, type PortOf, type SleeveUse, type Uplink } from './network-want.js';
import type { LinkWant } from './plan.js';

export class Want {
  readonly networks = new Map<NetworkName, NetworkWant>();
  /** Something that the plan of the links depends on changed. */
  linksDirty = false;
  readonly #config: Pick<DatapathConfig, 'self' | 'vxlanPort' | 'local'>;
  readonly #uplinks = new Map<PeerId, Uplink>();
  readonly #sleeved = new Set<PeerId>();
  readonly #dirtyPeers = new Set<PeerId>();
  readonly #byLink = new Map<LinkIndex, NetworkWant>();
  #usesV6: boolean;
  #sleeve: SleeveUse = 'none';
  #usesVxlan = true;

  constructor(config: Pick<DatapathConfig, 'self' | 'vxlanPort' | 'local'>) {
    this.#config = config;
    this.#usesV6 = config.local.v4 === undefined;
  }

  apply(delta: ForwardingDelta): void {
    if (delta.kind === 'peer') return this.#setPeer(delta.peer, delta.value);
    if (delta.kind === 'network') return this.#setNetwork(delta.network, delta.value);
    const network = this.#network(delta.network);
    switch (delta.kind) {
      case 'member':
        return network.setMember(delta.peer, delta.value);
      case 'mac':
        return network.setMac(delta.mac, delta.value);
      case 'neigh':
        return network.setNeigh(delta.ip, delta.value);
    }
  }

  /** There is a sleeve, or there will be: then the TAPs of an earlier router stay, and none is made. */
  useSleeve(use: Exclude<SleeveUse, 'none'>): void {
    this.#sleeve = use;
    this.linksDirty = true;
  }

  /** The kernel has none: the sleeve carries everything. */
  goWithoutVxlan(): void {
    this.#usesVxlan = false;
  }

  /** Whether the sleeve carries the peer's frames, instead of the vxlan. */
  setSleeved(peer: PeerId, isSleeved: boolean): void {
    if (this.#sleeved.has(peer) === isSleeved) return;
    if (isSleeved) this.#sleeved.add(peer);
    else this.#sleeved.delete(peer);
    this.#dirtyPeers.add(peer);
  }

  /** The host side of an endpoint's veth: `name` is to be a port of the network's bridge, once it is made. */
  setPort(network: NetworkName, name: string, port: PortOf): void {
    this.#network(network).setPort(name, port);
    this.linksDirty = true;
  }

  /** The veth exists: from now on it is missed when it does not. */
  portMade(network: NetworkName, name: string): void {
    this.#network(network).portMade(name);
    this.linksDirty = true;
  }

  /** @returns the endpoint that had the port */
  dropPort(name: string): EndpointId | undefined {
    for (const network of this.networks.values()) {
      const id = network.dropPort(name);
      if (id === undefined) continue;
      this.linksDirty = true;
      return id;
    }
    return undefined;
  }

  linkWants(): LinkWant[] {
    const uses = { v4: this.#usesVxlan, v6: this.#usesVxlan && this.#usesV6, sleeve: this.#sleeve };
    return [...this.networks.values()].flatMap((network) => network.linkWants(uses));
  }

  /** Takes in the links as they are now. @returns the networks any of whose bridge and uplinks is another than before */
  bindLinks(links: readonly Link[]): NetworkWant[] {
    const byName = new Map(links.filter(isOurLink).map((link) => [link.name, link.index]));
    const moved = [...this.networks.values()].filter((network) => network.bindLinks(byName));
    this.#byLink.clear();
    for (const network of this.networks.values()) for (const index of network.links()) this.#byLink.set(index, network);
    return moved;
  }

  /** The network whose bridge, uplink or port the link is. */
  networkOfLink(index: LinkIndex): NetworkWant | undefined {
    return this.#byLink.get(index);
  }

  /** Of the networks that this host takes part in: `macNumber` and owner. */
  *remoteMacs(): IterableIterator<readonly [vni: Vni, mac: number, owner: PeerId]> {
    for (const network of this.networks.values()) {
      const vni = network.forward?.vni;
      if (vni !== undefined) for (const [mac, owner] of network.remoteMacs()) yield [vni, mac, owner];
    }
  }

  /** A peer that moved dirties each MAC it has: one walk for all such peers, and only when somebody asks. */
  spreadPeers(): void {
    if (this.#dirtyPeers.size === 0) return;
    for (const network of this.networks.values()) network.markPeers(this.#dirtyPeers);
    this.#dirtyPeers.clear();
  }

  get pending(): number {
    let keys = this.#dirtyPeers.size;
    for (const network of this.networks.values()) keys += network.dirtyCount;
    return keys;
  }

  #setPeer(peer: PeerId, value: PeerForward | undefined): void {
    const [was, is] = [this.#uplinks.get(peer), value && this.#uplinkOf(value)];
    if (was?.family === is?.family && was?.dst === is?.dst && was?.port === is?.port) return;
    if (is) this.#uplinks.set(peer, is);
    else this.#uplinks.delete(peer);
    this.#dirtyPeers.add(peer);
    if (is?.family !== 'v6' || this.#usesV6) return;
    // Never taken back: links that come and go with a peer's addresses would cost more than they hold.
    this.#usesV6 = true;
    this.linksDirty = true;
  }

  /** Which vxlan reaches the peer, and where. */
  #uplinkOf(peer: PeerForward): Uplink | undefined {
    const family = peer.v4 && this.#config.local.v4 ? 'v4' : peer.v6 && this.#config.local.v6 ? 'v6' : undefined;
    const vtep = family && peer[family];
    if (family === undefined || vtep === undefined) return undefined;
    return { family, dst: vtep.ip, port: vtep.port === this.#config.vxlanPort ? 0 : vtep.port };
  }

  #setNetwork(name: NetworkName, value: NetworkForward | undefined): void {
    const network = this.#network(name);
    if (network.forward?.vni === value?.vni && network.forward?.mtu === value?.mtu) return;
    network.forward = value;
    this.linksDirty = true;
  }

  /** A table is kept while its network is not in use: the deltas that made it may have come before, and do not come again. */
  #network(name: NetworkName): NetworkWant {
    const have = this.networks.get(name);
    if (have !== undefined) return have;
    const made = new NetworkWant(name, this.#config, this.#uplinks, this.#sleeved);
    this.networks.set(name, made);
    return made;
  }
}
