// Whole routers, unchanged and with swim and all, in one process: virtual time, a network that can be as bad as you like, and
// for each host a process, a disk and what its datapath was told. One seed decides everything, so that a run can be repeated
// byte for byte. What time, chance and the network are: `network/`, `world/` and `../support/virtual-time.ts`.
//
//   const world = new World(7);                        // until `close` it owns the process's clock, timers and Math.random
//   world.start('a');                                  // founds
//   world.start('b', ['a']);                           // dials a
//   world.wires({ loss: 0.05, jitterMs: 10 });
//   world.until('they meet', () => world.allSeeAll(), 5_000);
//   world.close();
import type { Target } from '../../router/connection/dialer.js';
import type { EndpointId, Ip, Mac, PeerId } from '../../router/types.js';
import { FakeUnderlay } from '../support/fake-underlay.js';
import { seededRandom, VirtualTime } from '../support/virtual-time.js';
import type { LinkSpec } from './network/link.js';
import { Links } from './network/links.js';
import type { Restart } from './world/disk.js';
import { disturb, type Disturbance } from './world/disturb.js';
import { broadcast, unicast, type FrameFate } from './world/frames.js';
import { WorldHost, type Ground, type HostOptions } from './world/host.js';
import { USUAL_FAULTS, type KernelFaults } from './world/kernel-loop.js';
import { Machines } from './world/machines.js';
import { SharedBlocks } from './world/shared-blocks.js';
import { SharedSignatures } from './world/signatures.js';
import { NETWORK } from './world/table.js';
import { Trace } from './world/trace.js';

export { WorldHost, type HostOptions } from './world/host.js';
export { NETWORK, Table } from './world/table.js';

export interface WorldOptions {
  /** Are caches and targets written to disk a while after they change, so that a crash costs the last of them? If not, at once. */
  readonly slowDisks?: boolean;
  /** Has each host a kernel, which its deltas are brought to by the real plans? `true`: one that fails now and then. */
  readonly kernels?: true | KernelFaults;
  /** The only MACs and addresses that the hosts' tables keep, and may be added to; all without it. */
  readonly watched?: ReadonlySet<string>;
  /** A planted bug: no router verifies what it is sent. */
  readonly believesAll?: boolean;
  /** A hash of all that happens; `lines` keeps a line for each thing as well. */
  readonly trace?: 'hash' | 'lines';
}

/** As `Router.stop` has it, and a little more: then the process has ended. */
const LAST_WORDS_MS = 151;
const PORT = 6783;

export class World {
  readonly time: VirtualTime;
  readonly links: Links;
  readonly underlay: FakeUnderlay;
  /** By name, in the order of their first launch. One that was killed is still here, as it was. */
  readonly hosts = new Map<string, WorldHost>();
  /** Undefined unless it was asked for. */
  readonly trace: Trace | undefined;
  readonly #ground: Ground;
  readonly #machines: Machines;
  readonly #names = new Map<PeerId, string>();
  readonly #ended = new Set<string>();
  #launches = 0;
  #outsides = 0;

  constructor(seed: number, options: WorldOptions = {}) {
    this.time = VirtualTime.install(seed);
    const now = (): number => this.time.now();
    this.links = new Links(seededRandom(seed ^ 0x6e657477), now);
    this.underlay = new FakeUnderlay({
      wire: this.links,
      clock: { now, after: (ms, work) => this.time.after(ms, work) },
    });
    this.trace = options.trace && new Trace(now, options.trace === 'lines');
    const { time, underlay, trace } = this;
    const nameOf = (id: PeerId): string => this.nameOf(id);
    const kernelFaults = options.kernels === true ? USUAL_FAULTS : (options.kernels ?? { refuses: 0, losesNews: 0 });
    const chance = seededRandom(seed ^ 0x6b65726e);
    const [blocks, signatures] = [new SharedBlocks(), new SharedSignatures(options.believesAll === true)];
    const { watched } = options;
    this.#ground = {
      time,
      underlay,
      trace,
      nameOf,
      random: Math.random,
      chance,
      kernelFaults,
      blocks,
      signatures,
      watched,
    };
    this.#machines = new Machines(time, {
      slowDisks: options.slowDisks === true,
      kernels: options.kernels !== undefined,
    });
  }

  // Routers.

  /** A router that has not spoken yet: what is attached to it now is as if it had been there before. */
  launch(name: string, options: HostOptions = {}): WorldHost {
    const founds = options.founds ?? this.hosts.size === 0;
    const machine = this.#machines.at(name);
    this.links.setPower(machine.ip, true);
    const host = new WorldHost(machine, { ...options, founds }, this.#ground, this.#launches++);
    this.hosts.set(name, host);
    this.#names.set(host.id, name);
    this.#ended.delete(name);
    return host;
  }

  /** Launches and lets it speak, dialling the given hosts. */
  start(name: string, dial: readonly string[] = [], options: HostOptions = {}): WorldHost {
    const host = this.launch(name, options);
    host.router.start(() => host.router.core.options.addresses);
    dial.forEach((to) => this.connect(name, to));
    return host;
  }

  /**
   * As its service manager does after a crash or a stop: with what is on its disk, the endpoints included, and dialling whom
   * it dialled. A router without a disk is another peer, and knows nobody but `dial`. One that runs is killed first.
   */
  restart(name: string, { disk = 'kept', dial = [] }: Restart = {}): WorldHost {
    if (!this.#ended.has(name)) this.kill(name);
    const { machine, options } = this.host(name);
    if (disk === 'old') machine.disk.turnBack();
    if (disk === 'none') this.#loseDisk(this.host(name));
    const { targets, endpoints } = machine.disk.content;
    const host = this.launch(name, { ...options, founds: targets.length === 0 && dial.length === 0 });
    for (const endpoint of endpoints.values()) {
      host.loop?.attach(endpoint);
      host.router.dispatch({ kind: 'announce', endpoint, fresh: false });
    }
    host.router.start(() => host.router.core.options.addresses);
    for (const text of targets) host.router.dispatch({ kind: 'connect', target: targetOf(text) });
    dial.forEach((to) => this.connect(name, to));
    return host;
  }

  connect(from: string, to: string): void {
    this.host(from).router.dispatch({ kind: 'connect', target: targetOf(this.host(to).ip) });
  }

  /** `mesh forget`, of a peer: said by `by`, which is to think it faulty. */
  forget(by: string, name: string): void {
    this.host(by).router.dispatch({ kind: 'forgetPeer', peer: this.host(name).id });
  }

  /** kill -9 of a process on a host that lives: streams break, nothing is said. @returns the record cache on its disk */
  kill(name: string): Uint8Array {
    const host = this.host(name);
    this.#ended.add(name);
    host.abandon();
    return host.machine.disk.content.cache ?? new Uint8Array(0);
  }

  /** The host falls silent: streams do not even break, until it is launched again. */
  powerOff(name: string): void {
    const host = this.host(name);
    this.#ended.add(name);
    host.vanish();
    this.links.setPower(host.ip, false);
    host.machine.kernel = this.#machines.newKernel();
  }

  /** `mesh stop`: it says so, and a moment later it has ended. Others keep what it announced. */
  stop(name: string): void {
    this.#end(name, 'stopped');
  }

  /** `mesh reset`: it says so, and a moment later it has ended, and its disk is empty. What it announced is gone. */
  leave(name: string): void {
    this.#end(name, 'left');
  }

  /** What `restart` finds as its `old` disk. */
  backUp(name: string): void {
    this.host(name).machine.disk.backUp();
  }

  // Containers.

  /** On disk, then announced. @param id the endpoint's, by which it is detached */
  attach(name: string, ip: string, mac: string, id = ip): void {
    this.#announce(name, ip, mac, id, true);
  }

  /** As a router does with what its disk remembers, before its first word. */
  attachAgain(name: string, ip: string, mac: string, id = ip): void {
    this.#announce(name, ip, mac, id, false);
  }

  detach(name: string, id: string): void {
    const host = this.host(name);
    host.machine.disk.writeEndpoint(id, undefined);
    host.loop?.detach(id as EndpointId);
    host.router.dispatch({ kind: 'withdraw', id: id as EndpointId });
  }

  /** Detached here, attached there with the same MAC, or another one. */
  move(id: string, from: string, to: string, mac?: string): void {
    const endpoint = this.host(from).machine.disk.content.endpoints.get(id);
    if (endpoint === undefined) throw new Error(`${from} has no ${id}`);
    this.detach(from, id);
    this.attach(to, endpoint.ips[0]!, mac ?? endpoint.mac, id);
  }

  // The network.

  /** Of datagrams, and of the segments of streams, which are only late for it. */
  lose(rate: number): void {
    this.wires({ loss: rate });
  }

  /** How all links are, but for those that `wire` made worse. What is left out stays. */
  wires(spec: Partial<LinkSpec>): void {
    this.links.setAll(spec);
  }

  /** How the link from the one to the other is, in this direction. What is left out stays, `rewire` and `heal` end it. */
  wire(from: string, to: string, spec: Partial<LinkSpec>): void {
    this.links.set(this.#machines.at(from).ip, this.#machines.at(to).ip, spec);
  }

  /** The link from the one to the other is as all are again. */
  rewire(from: string, to: string): void {
    this.links.unset(this.#machines.at(from).ip, this.#machines.at(to).ip);
  }

  /** Only these sides reach one another; a host in none reaches nobody. */
  partition(...sides: readonly (readonly string[])[]): void {
    this.links.partition(sides.map((names) => names.map((name) => this.#machines.at(name).ip)));
  }

  /** Only these pairs reach one another. */
  only(pairs: readonly (readonly [string, string])[]): void {
    this.links.only(pairs.map(([a, b]) => [this.#machines.at(a).ip, this.#machines.at(b).ip]));
  }

  /** All reach all, and every link is as `wires` says. */
  heal(): void {
    this.links.setReach(() => true);
    this.links.reset();
  }

  /** Puts the host behind a NAT of its own: it can call, and others can only answer. Again: all that it had open is lost. */
  nat(name: string): void {
    const n = ++this.#outsides;
    this.underlay.nat.put(this.#machines.at(name).ip, `203.0.${n >> 8}.${n & 255}` as Ip);
  }

  /** Others can call it again, at its own address; what it had open is lost. */
  unNat(name: string): void {
    this.underlay.nat.remove(this.#machines.at(name).ip);
  }

  isBehindNat(name: string): boolean {
    return this.underlay.nat.hides(this.#machines.at(name).ip);
  }

  // Hosts.

  /** Its router comes to everything so much later; 0 ends it. */
  slow(name: string, ms: number): void {
    this.host(name).process.slow(ms);
  }

  /** Its router stands still for so long, then comes to what happened meanwhile. */
  freeze(name: string, ms: number): void {
    this.host(name).freeze(ms);
  }

  /** Its monotonic clock is so much further at once, as when a virtual machine is resumed. @param ms above 0 */
  jumpClock(name: string, ms: number): void {
    this.host(name).process.jump(ms);
  }

  /** Another tool meddles with the host's kernel. */
  disturb(name: string, how: Disturbance): void {
    disturb(this.#machines.bridged(name).kernel, how);
  }

  // Looking.

  /** @throws Error if there never was one */
  host(name: string): WorldHost {
    const host = this.hosts.get(name);
    if (host === undefined) throw new Error(`no host ${name}`);
    return host;
  }

  /** Also of what a host was before it lost its disk. */
  nameOf(id: PeerId): string {
    return this.#names.get(id) ?? id;
  }

  isRunning(name: string): boolean {
    return this.hosts.has(name) && !this.#ended.has(name);
  }

  running(): readonly WorldHost[] {
    return [...this.hosts.values()].filter((h) => !this.#ended.has(h.name));
  }

  /** How `name` is seen by all that run, but itself. */
  seen(name: string): readonly string[] {
    const { id } = this.host(name);
    const others = this.running().filter((h) => h.name !== name);
    return others.map((h) => h.router.core.ledger.book.get(id)?.state ?? 'unknown');
  }

  allSeeAll(): boolean {
    return this.running().every((h) => this.seen(h.name).every((state) => state === 'alive'));
  }

  /** Where a frame of a container on `from` to an address goes, by the kernels' tables. @throws Error without kernels */
  frame(from: string, ip: string): FrameFate {
    return unicast(this.#machines.bridged(from), ip, this.#machines.bridgedAt);
  }

  /** Which hosts hear a broadcast of a container on `from`, each as often as it does. @throws Error without kernels */
  broadcast(from: string): readonly string[] {
    return broadcast(this.#machines.bridged(from), this.#machines.bridgedAt);
  }

  // Time.

  run(ms: number): void {
    this.time.run(ms);
  }

  /** Runs until it is so. @returns how long it took, virtual ms. @throws after `withinMs` */
  until(what: string, isSo: () => boolean, withinMs: number, stepMs = 10): number {
    const startedAt = this.time.now();
    while (!isSo()) {
      if (this.time.now() - startedAt >= withinMs) throw new Error(`not within ${withinMs} virtual ms: ${what}`);
      this.time.run(stepMs);
    }
    return this.time.now() - startedAt;
  }

  close(): void {
    for (const h of this.running()) h.abandon();
    this.time.restore();
  }

  #announce(name: string, ip: string, mac: string, id: string, fresh: boolean): void {
    const host = this.host(name);
    const endpoint = { id: id as EndpointId, network: NETWORK, mac: mac as Mac, ips: [ip as Ip] };
    host.machine.disk.writeEndpoint(id, endpoint);
    host.loop?.attach(endpoint);
    host.router.dispatch({ kind: 'announce', endpoint, fresh });
  }

  /** With it goes the key, and so the peer. */
  #loseDisk({ machine, id }: WorldHost): void {
    machine.disk.lose();
    machine.formerIds.push(id);
  }

  #end(name: string, state: 'stopped' | 'left'): void {
    const host = this.host(name);
    void host.router.stop(state); // its first half runs now; the rest, after an await, would come when this run is over
    host.process.after(LAST_WORDS_MS, () => {
      if (this.hosts.get(name) !== host || this.#ended.has(name)) return;
      host.machine.disk.flush();
      this.kill(name);
      if (state === 'left') this.#loseDisk(host);
    });
  }
}

const targetOf = (host: string): Target => ({ text: host, host, port: PORT });
