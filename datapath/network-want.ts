import { cidrIp } from '../router/address.js';
import type { Cidr, EndpointId, Ip, LinkIndex, Mac, NetworkForward, NetworkName, PeerId } from '../router/types.js';
import { macNumber, macOfNumber, NeighMap } from './address-map.js';
import type { DatapathConfig, EndpointSpec } from './datapath.js';
import { ANY_IPV4, type LinkSpec, type PortFlags, type Row } from './kernel.js';
import { bridgeMac, linkAlias, linkName, type LinkRole } from './names.js';
import { NumberMap } from './number-map.js';
import { Places } from './places.js';
import type { LinkWant } from './plan.js';

/** What the kernel carries frames to a peer with: the vxlan of a family, and the peer's vtep. `port` 0 is the vxlan's own. */
export interface Uplink {
  readonly family: 'v4' | 'v6';
  readonly dst: Ip;
  readonly port: number;
}

/** A sleeve that is `coming` keeps the TAPs that there are; once it is `here` each network has one. */
export type SleeveUse = 'none' | 'coming' | 'here';

/**
 * Isolated, so that no frame goes from one uplink out of another: that is the split horizon, and there is no loop.
 * Broadcast and multicast go out; unicast only to a MAC that somebody announced.
 */
const UPLINK_PORT: PortFlags = {
  isolated: true,
  learning: false,
  flood: false,
  mcastFlood: true,
  bcastFlood: true,
  neighSuppress: true,
};

/**
 * The endpoint's MAC is a static entry, so there is nothing to learn (a learnt frame could move a remote MAC here) and
 * no reason to show it unicast for others. It must see gratuitous ARP, so nothing is suppressed towards it.
 */
const ENDPOINT_PORT: PortFlags = {
  isolated: false,
  learning: false,
  flood: false,
  mcastFlood: true,
  bcastFlood: true,
  neighSuppress: false,
};

/** What a port needs to know of its endpoint. */
export type PortOf = Pick<EndpointSpec, 'id' | 'mac' | 'allowSpoof'>;

interface Port {
  readonly id: EndpointId;
  readonly mac: Mac;
  /** There may be other MACs behind it. */
  readonly learning: boolean;
  /** False while the veth is on its way: it is wanted, but not missed. */
  made: boolean;
  index: LinkIndex | undefined;
}

/** What has changed since it was last taken. `all` stands for every key there is. */
export interface Dirty {
  readonly all: boolean;
  readonly flood: boolean;
  readonly macs: ReadonlySet<Mac>;
  readonly ips: ReadonlySet<Ip>;
  /** What was not in the table before: most, when a peer is met that has many. One that came again is in both. */
  readonly newMacs: readonly Mac[];
  readonly newIps: readonly Ip[];
}

const clean = (): { all: boolean; flood: boolean; macs: Set<Mac>; ips: Set<Ip>; newMacs: Mac[]; newIps: Ip[] } => ({
  all: false,
  flood: false,
  macs: new Set(),
  ips: new Set(),
  newMacs: [],
  newIps: [],
});

/** One network's share of the table, and the rows that follow from it. Pure. */
export class NetworkWant {
  readonly name: NetworkName;
  readonly bridgeMac: Mac;
  /** Undefined while this host takes no part in it. */
  forward: NetworkForward | undefined;
  readonly #config: Pick<DatapathConfig, 'self' | 'vxlanPort' | 'local'>;
  readonly #uplinks: ReadonlyMap<PeerId, Uplink>;
  readonly #sleeved: ReadonlySet<PeerId>;
  /** By `macNumber`, the place in `#owners` of the peer that has it. */
  readonly #macs = new NumberMap();
  readonly #owners = new Places<PeerId>();
  readonly #neighs = new NeighMap();
  readonly #members = new Set<PeerId>();
  readonly #ports = new Map<string, Port>();
  readonly #localMacs = new Map<Mac, Port>();
  readonly #exposed = new Set<Ip>();
  #links: { readonly [role in 'bridge' | 'v4' | 'v6' | 'sleeve']?: LinkIndex | undefined } = {};
  #dirty = clean();

  constructor(
    name: NetworkName,
    config: Pick<DatapathConfig, 'self' | 'vxlanPort' | 'local'>,
    uplinks: ReadonlyMap<PeerId, Uplink>,
    sleeved: ReadonlySet<PeerId>,
  ) {
    this.name = name;
    this.bridgeMac = bridgeMac(config.self, name);
    this.#config = config;
    this.#uplinks = uplinks;
    this.#sleeved = sleeved;
  }

  get bridge(): LinkIndex | undefined {
    return this.#links.bridge;
  }

  /** About how many rows are wanted; exact when every peer can be reached. */
  get rowCount(): number {
    return this.forward ? this.#macs.size * 2 + this.#ports.size + this.#neighs.size + this.#members.size : 0;
  }

  get dirtyCount(): number {
    const { all, flood, macs, ips, newMacs, newIps } = this.#dirty;
    const keys = macs.size + ips.size + newMacs.length + newIps.length;
    return (all ? 1 + this.#macs.size + this.#neighs.size : 0) + keys + (flood ? 1 : 0);
  }

  /** The remote peer that has the MAC. */
  ownerOf(mac: Mac): PeerId | undefined {
    return this.#owners.at(this.#macs.get(macNumber(mac)));
  }

  /** By `macNumber`, each with its owner. */
  *remoteMacs(): IterableIterator<readonly [mac: number, owner: PeerId]> {
    for (const [mac, place] of this.#macs.entries()) yield [mac, this.#owners.at(place)!];
  }

  neigh(ip: Ip): Mac | undefined {
    return this.#neighs.get(ip);
  }

  setMember(peer: PeerId, value: boolean): void {
    if (this.#members.has(peer) === value) return;
    if (value) this.#members.add(peer);
    else this.#members.delete(peer);
    this.#dirty.flood = true;
  }

  setMac(mac: Mac, peer: PeerId | undefined): void {
    const isNew = peer !== undefined && this.#macs.set(macNumber(mac), this.#owners.placeOf(peer));
    if (peer === undefined) this.#macs.delete(macNumber(mac));
    if (isNew) this.#dirty.newMacs.push(mac);
    else this.#dirty.macs.add(mac);
  }

  setNeigh(ip: Ip, mac: Mac | undefined): void {
    const isNew = mac !== undefined && this.#neighs.set(ip, mac);
    if (mac === undefined) this.#neighs.delete(ip);
    if (isNew) this.#dirty.newIps.push(ip);
    else this.#dirty.ips.add(ip);
  }

  /** Addresses of the host itself: a permanent neighbour for one of them would cut the host off from its containers. */
  setExposed(cidr: Cidr, value: boolean): void {
    if (value) this.#exposed.add(cidrIp(cidr));
    else this.#exposed.delete(cidrIp(cidr));
    this.#dirty.ips.add(cidrIp(cidr));
  }

  setPort(name: string, { id, mac, allowSpoof: learning = false }: PortOf): void {
    const have = this.#ports.get(name);
    if (have?.id === id && have.mac === mac && have.learning === learning) return;
    this.dropPort(name);
    const port: Port = { id, mac, learning, made: false, index: undefined };
    this.#ports.set(name, port);
    this.#localMacs.set(mac, port);
    this.#dirty.macs.add(mac);
  }

  dropPort(name: string): EndpointId | undefined {
    const port = this.#ports.get(name);
    if (port === undefined) return undefined;
    this.#ports.delete(name);
    this.#localMacs.delete(port.mac);
    for (const other of this.#ports.values()) if (other.mac === port.mac) this.#localMacs.set(other.mac, other);
    this.#dirty.macs.add(port.mac);
    return port.id;
  }

  portMade(name: string): void {
    const port = this.#ports.get(name);
    if (port) port.made = true;
  }

  /** Names of the ports that ought to exist by now. */
  madePorts(): string[] {
    return [...this.#ports].filter(([, port]) => port.made).map(([name]) => name);
  }

  /** @param uses which uplinks: a vxlan of each family, and the TAP of a sleeve */
  linkWants(uses: { readonly v4: boolean; readonly v6: boolean; readonly sleeve: SleeveUse }): LinkWant[] {
    if (this.forward === undefined) return [];
    const { self, local } = this.#config;
    const { vni, mtu } = this.forward;
    const [name, alias, mac] = [linkName('bridge', this.name, vni), linkAlias(self, this.name), this.bridgeMac];
    const bridge: LinkSpec = { kind: 'bridge', name, mac, mtu, alias };
    const wants: LinkWant[] = [{ name, kind: 'bridge', mtu, alias, mac, spec: bridge }];
    if (local.v4 && uses.v4) wants.push(this.#vxlanWant('vxlan4', ANY_IPV4, name));
    if (local.v6 && uses.v6) wants.push(this.#vxlanWant('vxlan6', local.v6, name));
    if (uses.sleeve !== 'none') wants.push(this.#tapWant(name, uses.sleeve === 'here'));
    for (const [port, { id, learning }] of this.#ports) {
      const master = { name, port: { ...ENDPOINT_PORT, learning } };
      wants.push({ name: port, kind: 'veth', mtu, alias: linkAlias(self, this.name, id), master });
    }
    return wants;
  }

  /**
   * A TAP that comes or goes has no rows but those of the peers that it carries: to mark everything for it would plan the
   * whole table anew three seconds after the start, when the mesh is being met.
   * @returns whether the bridge or a vxlan is another than before, so that nothing is known of its rows
   */
  bindLinks(byName: ReadonlyMap<string, LinkIndex>): boolean {
    const vni = this.forward?.vni;
    const at = (role: LinkRole): LinkIndex | undefined =>
      vni === undefined ? undefined : byName.get(linkName(role, this.name, vni));
    const was = this.#links;
    this.#links = { bridge: at('bridge'), v4: at('vxlan4'), v6: at('vxlan6'), sleeve: at('sleeve') };
    for (const [name, port] of this.#ports) {
      if (port.index === byName.get(name)) continue;
      port.index = byName.get(name);
      this.#dirty.macs.add(port.mac);
    }
    if (was.sleeve !== this.#links.sleeve) this.markPeers(this.#sleeved);
    const moved = (['bridge', 'v4', 'v6'] as const).some((role) => was[role] !== this.#links[role]);
    if (moved) this.markAll();
    return moved;
  }

  /** Bridge, uplinks and ports that exist. */
  links(): LinkIndex[] {
    const ports = [...this.#ports.values()].map((port) => port.index);
    return [...Object.values(this.#links), ...ports].filter((index) => index !== undefined);
  }

  /** A MAC of ours is never sent elsewhere, whatever the table says of the bridge's. A remote claim outranks a local port. */
  rowsOfMac(mac: Mac): Row[] {
    if (mac === this.bridgeMac || this.#links.bridge === undefined) return [];
    const peer = this.#owners.at(this.#macs.get(macNumber(mac)));
    if (peer === undefined) {
      const link = this.#localMacs.get(mac)?.index;
      return link === undefined ? [] : [{ kind: 'master', link, mac }];
    }
    const uplink = this.#uplinks.get(peer);
    const vxlan = uplink && this.#links[uplink.family];
    const rows: Row[] = [];
    // Of a peer on the sleeve as well: to come back to the vxlan is then one replace.
    if (uplink && vxlan !== undefined)
      rows.push({ kind: 'self', link: vxlan, mac, dst: uplink.dst, port: uplink.port });
    const link = this.#sleeved.has(peer) ? this.#links.sleeve : vxlan;
    if (link !== undefined) rows.push({ kind: 'master', link, mac });
    return rows;
  }

  rowsOfIp(ip: Ip): Row[] {
    const [mac, link] = [this.#neighs.get(ip), this.#links.bridge];
    if (mac === undefined || link === undefined || mac === this.bridgeMac || this.#exposed.has(ip)) return [];
    return [{ kind: 'neigh', link, ip, mac }];
  }

  /** One entry for each member, in the vxlan of its family, so that each hears a broadcast once; `sleeveFloods` are the others. */
  floods(): Row[] {
    const rows: Row[] = [];
    for (const peer of this.#members) {
      if (this.#sleeved.has(peer)) continue;
      const uplink = this.#uplinks.get(peer);
      const link = uplink && this.#links[uplink.family];
      if (uplink && link !== undefined) rows.push({ kind: 'flood', link, dst: uplink.dst, port: uplink.port });
    }
    return rows;
  }

  /** Members that hear a broadcast from the sleeve. */
  sleeveFloods(): PeerId[] {
    return [...this.#members].filter((peer) => this.#sleeved.has(peer));
  }

  /** The link of the sleeve's TAP, once there is one. */
  get tap(): LinkIndex | undefined {
    return this.#links.sleeve;
  }

  /** Which MACs the sleeve is to carry, and to whom. */
  *sleeveMacs(): IterableIterator<[Mac, PeerId]> {
    if (this.#sleeved.size === 0) return;
    for (const [mac, place] of this.#macs.entries()) {
      const peer = this.#owners.at(place)!;
      if (this.#sleeved.has(peer)) yield [macOfNumber(mac), peer];
    }
  }

  *macs(): IterableIterator<Mac> {
    for (const [mac] of this.#macs.entries()) yield macOfNumber(mac);
    for (const mac of this.#localMacs.keys()) if (!this.#macs.has(macNumber(mac))) yield mac;
  }

  hasMac(mac: Mac): boolean {
    return this.#macs.has(macNumber(mac)) || this.#localMacs.has(mac);
  }

  hasIp(ip: Ip): boolean {
    return this.#neighs.has(ip);
  }

  ips(): IterableIterator<Ip> {
    return this.#neighs.keys();
  }

  markAll(): void {
    this.#dirty.all = true;
  }

  /** The kernel may no longer have this row. */
  markRow(row: Row): void {
    if (row.kind === 'flood') this.#dirty.flood = true;
    else if (row.kind === 'neigh') this.#dirty.ips.add(row.ip);
    else this.#dirty.macs.add(row.mac);
  }

  /** The kernel may have lost what it knew of this link. */
  markLink(index: LinkIndex): void {
    if (index === this.#links.sleeve) return this.markPeers(this.#sleeved);
    const port = [...this.#ports.values()].find((p) => p.index === index);
    if (port === undefined) this.markAll();
    else this.#dirty.macs.add(port.mac);
  }

  markPeers(peers: ReadonlySet<PeerId>): void {
    if (peers.size === 0) return;
    for (const [mac, place] of this.#macs.entries())
      if (peers.has(this.#owners.at(place)!)) this.#dirty.macs.add(macOfNumber(mac));
    for (const peer of peers) if (this.#members.has(peer)) this.#dirty.flood = true;
  }

  takeDirty(): Dirty {
    const dirty = this.#dirty;
    this.#dirty = clean();
    return dirty;
  }

  #tapWant(bridge: string, isMade: boolean): LinkWant {
    const { vni, mtu } = this.forward!;
    const [name, alias] = [linkName('sleeve', this.name, vni), linkAlias(this.#config.self, this.name)];
    const spec: LinkSpec = { kind: 'tap', name, mtu, alias };
    return { name, kind: 'tap', mtu, alias, master: { name: bridge, port: UPLINK_PORT }, ...(isMade && { spec }) };
  }

  #vxlanWant(role: 'vxlan4' | 'vxlan6', local: Ip, bridge: string): LinkWant {
    const { vni, mtu } = this.forward!;
    const [name, alias] = [linkName(role, this.name, vni), linkAlias(this.#config.self, this.name)];
    const spec: LinkSpec = { kind: 'vxlan', name, vni, local, port: this.#config.vxlanPort, mtu, df: false, alias };
    return { name, kind: 'vxlan', mtu, alias, master: { name: bridge, port: UPLINK_PORT }, spec };
  }
}
