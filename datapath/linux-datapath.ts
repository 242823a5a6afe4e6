// The shell of the data plane: joins kernel, reconciler, endpoints and path probing into one `Datapath`.
import { writeFile } from 'node:fs/promises';
import type {
  Cidr,
  DatapathReport,
  EndpointId,
  ForwardingDelta,
  Ip,
  Mac,
  NetworkName,
  PathReport,
  PeerForward,
  PeerId,
  RelayRule,
  RelayWay,
  SessionKeys,
} from '../router/types.js';
import type { Clock } from './clock.js';
import type { Capability, Datapath, DatapathConfig, DatapathSnapshot, EndpointSpec, Sandbox } from './datapath.js';
import { Demand } from './demand.js';
import { Endpoints, type NetnsOpener } from './endpoints.js';
import { Exposures } from './exposures.js';
import type { Guard } from './guard/guard.js';
import { guardMac, guardNetwork, sealedBecause, sourceOf, withoutVxlan } from './guard/peer-source.js';
import { deniedByEndpoint } from './guard/port-guard.js';
import { KernelError, type Kernel, type KernelEvent, type Link } from './kernel.js';
import { LearntMacs } from './learnt.js';
import { Moves } from './moves.js';
import { DEFAULT_CEILING } from './mtu.js';
import { linkCapability } from './link-capability.js';
import { isOurLink, linkName } from './names.js';
import type { NetworkWant } from './network-want.js';
import type { Carrier } from './overlay.js';
import { Overlays } from './overlays.js';
import type { Paths } from './paths/paths.js';
import { preflight } from './preflight.js';
import { Reconciler } from './reconcile.js';
import type { Sleeve, SleeveEvent } from './sleeve/sleeve.js';
import { SleeveTables } from './sleeve-tables.js';
import { SyscallError } from './syscalls.js';
import { Want } from './want.js';

/** What a `LinuxDatapath` touches the world with; tests bring their own. */
export interface DatapathDeps {
  readonly kernel: Kernel;
  readonly paths: Paths;
  readonly guard: Guard;
  readonly netns: NetnsOpener;
  readonly clock: Clock;
  /** Writes `/proc/sys/net/PATH`; whether it could. */
  readonly sysctl: (path: string, value: string) => Promise<boolean>;
  /** Starts a sleeve. @throws SyscallError */
  readonly sleeve: (onEvent: (ev: SleeveEvent) => void) => Sleeve;
}

export class LinuxDatapath implements Datapath {
  readonly #config: DatapathConfig;
  readonly #deps: DatapathDeps;
  readonly #want: Want;
  readonly #reconciler: Reconciler;
  readonly #endpoints: Endpoints;
  readonly #exposures: Exposures;
  readonly #learnt: LearntMacs;
  readonly #overlays: Overlays;
  readonly #demand = new Demand();
  #tables: SleeveTables | undefined;
  #hasVxlan = true;
  readonly #moves = new Moves();
  /** Addresses whose MAC changed, to be announced once the kernel has the new one. */
  readonly #toAnnounce = new Map<NetworkName, Map<Ip, Mac>>();
  #bridges = '';
  #readLearntAt = -1;
  #unwatch: (() => void) | undefined;

  constructor(config: DatapathConfig, deps: DatapathDeps) {
    this.#config = config;
    this.#deps = deps;
    this.#want = new Want(config);
    const hooks = {
      log: config.log,
      onPortGone: (id: EndpointId): void => config.onReport({ kind: 'endpointGone', id }),
      onApplied: (network: NetworkWant): void => this.#onApplied(network),
      onLinks: (links: readonly Link[]): void => this.#onLinks(links),
    };
    const spread = parseInt(config.self.slice(0, 4), 16) / 0x10000;
    this.#reconciler = new Reconciler(deps.kernel, this.#want, deps.clock, hooks, spread);
    this.#endpoints = new Endpoints(config.self, deps.kernel, this.#want, deps.netns, this.#reconciler, deps.guard);
    this.#exposures = new Exposures(deps.kernel, this.#want);
    this.#learnt = new LearntMacs(this.#want);
    this.#overlays = new Overlays(config, deps, {
      use: (peer, carrier) => this.#carry(peer, carrier),
      news: (peer) => this.#reportPath(peer),
      hurryVxlan: (peer) => deps.paths.hurry(peer),
      started: (sleeve) => this.#useSleeve(sleeve),
      tapLost: () => this.#reconciler.recheckLinks(),
      traffic: (peers) => this.#onTraffic(peers),
      heardAt: (peer, ip) => deps.guard.heardAt(peer, ip),
    });
    deps.paths.onStirred((peer, path) => this.#overlays.vxlanStirred(peer, path));
    deps.paths.onTraffic((peers) => this.#onTraffic(peers));
  }

  async start(): Promise<void> {
    this.#hasVxlan = await preflight(this.#deps.kernel, this.#config);
    if (!this.#hasVxlan) this.#goWithoutVxlan();
    if (this.#config.overlay !== 'vxlan') this.#want.useSleeve('coming');
    this.#unwatch = this.#deps.kernel.watch((ev) => this.#onEvent(ev));
    this.#deps.guard.start(() => this.#want.remoteMacs());
    await this.#deps.paths.start(this.#hasVxlan);
    this.#overlays.start(this.#hasVxlan);
    this.#reconciler.kick();
  }

  /** @param vxlan a report of `Paths`, which knows of no other overlay */
  onPath(vxlan: PathReport): void {
    this.#config.onReport({ kind: 'path', path: this.#overlays.describe(vxlan) });
  }

  session(peer: PeerId, keys: SessionKeys | undefined): void {
    this.#overlays.setSession(peer, keys);
  }

  sessionConfirmed(peer: PeerId, receiveIndex: number): void {
    this.#overlays.confirmSession(peer, receiveIndex);
  }

  relayWay(peer: PeerId, way: RelayWay | undefined): void {
    this.#overlays.setRelayWay(peer, way);
  }

  relayRule(label: number, rule: RelayRule | undefined): void {
    this.#overlays.setRelayRule(label, rule);
  }

  apply(deltas: readonly ForwardingDelta[]): void {
    const { guard } = this.#deps;
    for (const delta of deltas) {
      const sealed = delta.kind === 'peer' && this.#setPeer(delta.peer, delta.value);
      if (delta.kind === 'neigh') this.#noteMove(delta.network, delta.ip, delta.value);
      if (delta.kind === 'mac') guardMac(guard, this.#want.networks.get(delta.network), delta.mac, delta.value);
      const before = delta.kind === 'network' ? this.#want.networks.get(delta.network)?.forward : undefined;
      this.#want.apply(sealed ? withoutVxlan(delta) : delta);
      if (delta.kind !== 'network') continue;
      for (const prober of [this.#overlays, this.#deps.paths]) prober.setCeiling(this.#largestMtu());
      guardNetwork(guard, this.#want.networks.get(delta.network), before?.vni);
      if (before !== undefined) this.#followMtu(delta.network, before.mtu);
    }
    this.#reconciler.kick();
  }

  idle(peer: PeerId, isIdle: boolean): void {
    this.#deps.paths.rest(peer, isIdle);
    this.#overlays.setIdle(peer, isIdle);
  }

  settled(): void {
    this.#reconciler.settled();
    this.#deps.guard.settled();
  }

  flushed(): Promise<void> {
    return this.#reconciler.flushed();
  }

  endpointCreate(spec: EndpointSpec): Promise<void> {
    return this.#endpoints.create(spec);
  }

  endpointJoin(id: EndpointId, sandbox: Sandbox): Promise<void> {
    return this.#endpoints.join(id, sandbox);
  }

  endpointLeave(id: EndpointId): Promise<void> {
    return this.#endpoints.leave(id);
  }

  endpointDelete(id: EndpointId): Promise<void> {
    return this.#endpoints.delete(id);
  }

  async expose(network: NetworkName, ips: readonly Cidr[]): Promise<Mac> {
    await this.flushed();
    await this.#exposures.add(network, ips);
    await this.flushed();
    return this.#want.networks.get(network)!.bridgeMac;
  }

  async hide(network: NetworkName, ips: readonly Cidr[]): Promise<void> {
    await this.#exposures.remove(network, ips);
    const bridge = this.#want.networks.get(network)?.bridge;
    // With its last IPv4 address a bridge loses its permanent IPv4 neighbours.
    if (bridge !== undefined) this.#reconciler.mistrust(bridge);
    await this.flushed();
  }

  snapshot(): DatapathSnapshot {
    const active = [...this.#want.networks.values()].filter((network) => network.forward !== undefined);
    const vxlans = this.#deps.paths.paths();
    const networks = active.map((network) => ({
      network: network.name,
      bridge: bridgeName(network),
      bridgeMac: network.bridgeMac,
      mtu: network.forward!.mtu,
      rows: network.rowCount,
    }));
    return {
      capabilities: [
        this.#linkState('bridge'),
        this.#linkState('vxlan'),
        ...this.#deps.paths.capabilities(),
        this.#deps.guard.capability(),
        ...this.#overlays.capabilities(),
        ...[this.#linkState('sleeve')].filter(({ ok }) => !ok),
      ],
      paths: vxlans.map((path) => this.#overlays.describe(path)),
      traffic: vxlans.map(({ peer }) => this.#overlays.traffic(peer, this.#deps.paths.carried(peer))),
      networks,
      denied: deniedByEndpoint(this.#endpoints.ids(), this.#deps.guard),
      rows: networks.reduce((sum, { rows }) => sum + rows, 0),
      pending: this.#want.pending,
      counters: {
        ...this.#reconciler.counters,
        ...this.#deps.paths.counters(),
        ...this.#deps.guard.counters(),
        ...this.#overlays.counters(),
      },
    };
  }

  async stop(): Promise<void> {
    this.#unwatch?.();
    this.#unwatch = undefined;
    await this.#reconciler.stop();
    await this.#overlays.stop();
    this.#deps.paths.stop();
    this.#deps.guard.stop();
    this.#deps.kernel.close();
  }

  async reset(): Promise<void> {
    this.#unwatch?.();
    this.#unwatch = undefined;
    await this.#reconciler.stop();
    await this.#overlays.stop();
    await this.#deps.paths.reset();
    await this.#deps.guard.reset();
    for (const link of await this.#deps.kernel.links())
      if (isOurLink(link)) await this.#deps.kernel.linkDel(link.index);
    this.#deps.kernel.close();
  }

  #goWithoutVxlan(): void {
    this.#want.goWithoutVxlan();
    this.#config.log('vxlan-missing', {});
  }

  #linkState(name: 'bridge' | 'vxlan' | 'sleeve'): Capability {
    return linkCapability(name, this.#hasVxlan, this.#reconciler.linkRefusals);
  }

  #onEvent(ev: KernelEvent): void {
    if (ev.kind === 'learnt') return this.#report(this.#learnt.onEvent(ev));
    this.#reconciler.onEvent(ev);
    const index = ev.kind === 'link' ? ev.link.index : ev.kind === 'linkGone' ? ev.index : undefined;
    if (index !== undefined && this.#learnt.hasPort(index)) this.#reconciler.recheckLinks();
  }

  #onLinks(links: readonly Link[]): void {
    const active = [...this.#want.networks.values()].filter((network) => network.bridge !== undefined);
    const names = active.map(bridgeName);
    if (names.join() !== this.#bridges) {
      this.#bridges = names.join();
      this.#deps.paths.setBridges(names);
      this.#deps.guard.setBridges(names);
      for (const name of names) this.#quieten(name);
    }
    this.#bindTaps();
    this.#exposures.ensure().catch((error: unknown) => this.#logRefusal('expose', error));
    const { reports, changed } = this.#learnt.onLinks(links);
    this.#report(reports);
    // A frame may have been learnt before the port was seen, and after an overrun anything may have been.
    const resyncs = this.#reconciler.counters['resyncs'] ?? 0;
    const bridges = resyncs === this.#readLearntAt ? changed : this.#learnt.bridges();
    this.#readLearntAt = resyncs;
    for (const bridge of bridges)
      this.#readLearnt(bridge).catch((error: unknown) => this.#logRefusal('read-learnt', error));
  }

  async #readLearnt(bridge: Link['index']): Promise<void> {
    this.#report(this.#learnt.sync(bridge, await this.#deps.kernel.learntMacs(bridge)));
  }

  /** A bridge without an address must not answer ARP for the host's other addresses, nor take a route from a container. */
  #quieten(bridge: string): void {
    void this.#deps.sysctl(`ipv4/conf/${bridge}/arp_ignore`, '1');
    void this.#deps.sysctl(`ipv6/conf/${bridge}/accept_ra`, '0');
  }

  /** The host's side is the reconciler's; the containers' ends are out of its sight. */
  #followMtu(name: NetworkName, before: number): void {
    const mtu = this.#want.networks.get(name)?.forward?.mtu;
    if (mtu === undefined || mtu === before) return;
    this.#endpoints.reconfigure(name).catch((error: unknown) => this.#logRefusal('set-mtu', error));
  }

  #noteMove(name: NetworkName, ip: Ip, mac: Mac | undefined): void {
    const before = this.#want.networks.get(name)?.neigh(ip);
    const moved = this.#moves.note(name, ip, before, mac, this.#deps.clock.now());
    const queue = this.#toAnnounce.get(name) ?? new Map<Ip, Mac>();
    if (moved && mac !== undefined) this.#toAnnounce.set(name, queue.set(ip, mac));
    else if (mac === undefined) queue.delete(ip);
  }

  #onTraffic(peers: readonly PeerId[]): void {
    this.#report(this.#demand.seen(peers, this.#deps.clock.now()));
  }

  /** @returns whether no VXLAN may go to it */
  #setPeer(peer: PeerId, value: PeerForward | undefined): boolean {
    if (value === undefined) this.#demand.forget(peer);
    const sealed = value && sealedBecause(this.#config, value);
    this.#deps.guard.setPeer(peer, value && sourceOf(this.#config, value, sealed !== undefined));
    this.#deps.paths.setPeer(peer, value, sealed);
    this.#overlays.setPeer(peer, value, sealed !== undefined);
    return sealed !== undefined;
  }

  #largestMtu(): number {
    const mtus = [...this.#want.networks.values()].flatMap((network) => network.forward?.mtu ?? []);
    return mtus.length === 0 ? DEFAULT_CEILING : Math.max(...mtus);
  }

  #carry(peer: PeerId, carrier: Carrier | undefined): void {
    const isSleeved = carrier === 'sleeve' || carrier === 'relay';
    this.#want.setSleeved(peer, isSleeved);
    if (isSleeved) for (const network of this.#want.networks.values()) this.#tables?.add(network);
    this.#reconciler.kick();
  }

  #useSleeve(sleeve: Sleeve): void {
    this.#tables = new SleeveTables(sleeve);
    this.#want.useSleeve('here');
    this.#reconciler.kick();
  }

  #bindTaps(): void {
    try {
      this.#tables?.bind([...this.#want.networks.values()]);
    } catch (error) {
      if (!(error instanceof SyscallError)) throw error;
      this.#config.log('sleeve-refused', { reason: error.message }); // the next look at the links tries again
    }
  }

  #reportPath(peer: PeerId): void {
    const vxlan = this.#deps.paths.paths().find((path) => path.peer === peer);
    if (vxlan !== undefined) this.onPath(vxlan);
  }

  #onApplied(network: NetworkWant): void {
    this.#tables?.sync(network);
    this.#announce(network);
  }

  #announce(network: NetworkWant): void {
    const queue = this.#toAnnounce.get(network.name);
    if (queue === undefined || network.bridge === undefined) return;
    this.#toAnnounce.delete(network.name);
    const entries = [...queue].map(([ip, mac]) => ({ ip, mac }));
    if (entries.length > 0) this.#deps.paths.announce(network.bridge, entries);
  }

  #report(reports: readonly DatapathReport[]): void {
    for (const report of reports) this.#config.onReport(report);
  }

  #logRefusal(doing: string, error: unknown): void {
    if (!(error instanceof KernelError)) throw error;
    this.#config.log(`${doing}-refused`, { error: error.message });
  }
}

const bridgeName = (network: NetworkWant): string => linkName('bridge', network.name, network.forward!.vni);

/** Best effort: in a container's read-only /proc the bridge works all the same. */
export const writeSysctl = (path: string, value: string): Promise<boolean> =>
  writeFile(`/proc/sys/net/${path}`, value).then(
    () => true,
    () => false,
  );
