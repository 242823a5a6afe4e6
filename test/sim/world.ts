// Whole routers, with swim and all, in one process: virtual time, a fake underlay, and for each host the forwarding table
// that its datapath would have. One seed decides everything.
import { createHash } from 'node:crypto';
import { openStore } from '../../router/open-store.js';
import { Router } from '../../router/runtime/router-shell.js';
import type { SessionFx } from '../../router/session/side.js';
import { systemClock } from '../../router/runtime/runtime.js';
import { createSwimMembership } from '../../router/swim/swim-membership.js';
import type { EndpointId, ForwardingDelta, Ip, Mac, NetworkName, PeerId, Vni } from '../../router/types.js';
import { peerIdOf } from '../../router/wire/peer-id.js';
import { FakeUnderlay } from '../support/fake-network.js';
import { RelayTable, walk, type Fate } from '../support/relay-lab.js';
import { sessionOptions } from '../support/session-pair.js';
import { VirtualTime } from '../support/virtual-time.js';

export const NETWORK = 'mesh' as NetworkName;

/** What a datapath was told, summed up. */
export class Table {
  readonly macs = new Map<string, PeerId>();
  readonly neighs = new Map<string, Mac>();
  readonly peers = new Map<PeerId, string>();
  readonly members = new Set<PeerId>();
  mtu: number | undefined;

  apply(d: ForwardingDelta): void {
    switch (d.kind) {
      case 'network':
        this.mtu = d.value?.mtu;
        return;
      case 'peer':
        return put(this.peers, d.peer, d.value && JSON.stringify(d.value));
      case 'member':
        return void (d.value ? this.members.add(d.peer) : this.members.delete(d.peer));
      case 'mac':
        return put(this.macs, d.mac, d.value);
      case 'neigh':
        return put(this.neighs, d.ip, d.value);
    }
  }
}

function put<K, V>(map: Map<K, V>, key: K, value: V | undefined): void {
  if (value === undefined) map.delete(key);
  else map.set(key, value);
}

export interface HostOptions {
  readonly mtu?: number;
  readonly founds?: boolean;
  /** Launch with what an earlier launch left on its disk. */
  readonly disk?: Uint8Array | undefined;
  /** Has it a sleeve, which may want sessions and ways over relays? */
  readonly sleeve?: boolean;
}

export interface WorldHost {
  readonly name: string;
  readonly ip: Ip;
  readonly id: PeerId;
  readonly router: Router;
  readonly table: Table;
  readonly log: string[];
  /** What its sleeve was told since the launch, in order. */
  readonly sessions: SessionFx[];
  /** The labels and ways that its sleeve has. */
  readonly relays: RelayTable;
  settled: boolean;
  incarnation: number;
}

export class World {
  readonly time: VirtualTime;
  readonly underlay: FakeUnderlay;
  readonly hosts = new Map<string, WorldHost>();
  #launches = 0;
  #lossRate = 0;
  #closed = new Set<string>();

  constructor(seed: number) {
    this.time = VirtualTime.install(seed);
    this.underlay = new FakeUnderlay({
      latencyMs: 1,
      schedule: (ms, work) => void setTimeout(work, ms),
      loses: () => Math.random() < this.#lossRate,
    });
  }

  /** Of datagrams; streams lose nothing. */
  lose(rate: number): void {
    this.#lossRate = rate;
  }

  launch(name: string, options: HostOptions = {}): WorldHost {
    const index = [...this.hosts.keys()].indexOf(name) + 1 || this.hosts.size + 1;
    const ip = `10.99.${index >> 8}.${index & 255}` as Ip;
    const publicKey = new Uint8Array(createHash('sha256').update(`peer ${name}`).digest());
    const id = peerIdOf(publicKey);
    const incarnation = (this.hosts.get(name)?.incarnation ?? 0) + 1;
    const { store, claims } = openStore(
      { self: id, incarnation, salt: Math.floor(Math.random() * 2 ** 30) },
      options.disk,
    );
    const host: { -readonly [K in keyof WorldHost]: WorldHost[K] } = {
      name,
      ip,
      id,
      table: new Table(),
      log: [],
      sessions: [],
      relays: new RelayTable(),
      settled: false,
      incarnation,
      router: undefined as never,
    };
    host.router = new Router(
      {
        self: id,
        publicKey,
        name,
        incarnation,
        port: 6783,
        vxlanPort: 6785,
        softwareVersion: '0.1.0',
        launch: Uint8Array.of(0, 0, 0, 0, 0, 0, this.#launches >> 8, this.#launches++ & 255),
        addresses: [{ ip, port: 6783 }],
        random: Math.random,
        store,
        claims,
        remotes: new Map(),
        network: { name: NETWORK, definition: { vni: 6785 as Vni, mtu: options.mtu ?? 1376 } },
        founds: options.founds ?? this.hosts.size === 0,
      },
      {
        network: (sink) => this.underlay.host([ip], 6783, sink),
        membership: (hooks) => createSwimMembership({ self: id, incarnation, hooks, clock: systemClock }),
        random: Math.random,
        hooks: {
          forward: (deltas) => deltas.forEach((d) => host.table.apply(d)),
          settled: () => (host.settled = true),
          persist: () => undefined,
          raiseIncarnation: (above) => (host.incarnation = Math.max(host.incarnation, above + 1)),
          claimLost: (_, key, to) => host.log.push(`claim-lost ${key} ${this.nameOf(to)}`),
          session: (fx) => void host.sessions.push(fx),
          relay: (fx) => host.relays.apply(fx),
          log: (event, fields) => host.log.push(`${event} ${String(fields['peer'] ?? '')}`),
        },
      },
    );
    if (options.sleeve === true)
      host.router.dispatch({ kind: 'sessions', options: sessionOptions(`${name} ${this.#launches}`) });
    void host.router.network.listen();
    this.hosts.set(name, host);
    this.#closed.delete(name);
    return host;
  }

  /** Launches and lets it speak, dialling the given hosts. */
  start(name: string, dial: readonly string[] = [], options: HostOptions = {}): WorldHost {
    const host = this.launch(name, options);
    host.router.start(() => host.router.core.options.addresses);
    dial.forEach((to) => this.connect(name, to));
    return host;
  }

  connect(from: string, to: string): void {
    const host = this.host(to).ip;
    this.host(from).router.dispatch({ kind: 'connect', target: { text: host, host, port: 6783 } });
  }

  /** kill -9 of a process on a host that lives: streams break, nothing is said. @returns its disk */
  kill(name: string): Uint8Array {
    const { router } = this.host(name);
    const disk = router.core.options.store.save();
    this.#closed.add(name);
    router.abandon();
    return disk;
  }

  attach(name: string, ip: string, mac: string, id = ip): void {
    this.#announce(name, ip, mac, id, true);
  }

  /** As a router does with what its disk remembers, before its first word. */
  attachAgain(name: string, ip: string, mac: string, id = ip): void {
    this.#announce(name, ip, mac, id, false);
  }

  /** Both sleeves have a use for a session with the other, or no longer. */
  wantSession(a: string, b: string, wanted = true): void {
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const)
      this.host(from).router.dispatch({ kind: 'sessionWanted', peer: this.host(to).id, wanted });
  }

  wantRelay(from: string, to: string, wanted = true): void {
    this.host(from).router.dispatch({ kind: 'relayWanted', peer: this.host(to).id, wanted });
  }

  /** What becomes of a datagram from the one to the other over relays that run; undefined: there is no way. */
  walkRelays(from: string, to: string): Fate | undefined {
    const tables = new Map(this.running().map((h) => [h.id, h.relays]));
    return walk(tables, this.host(from).id, this.host(to).id);
  }

  /** The relays between two that have a way to each other, by the same relays there and back. */
  relaysBetween(a: string, b: string): readonly string[] | undefined {
    const [there, back] = [this.walkRelays(a, b), this.walkRelays(b, a)];
    if (there?.kind !== 'arrived' || back?.kind !== 'arrived') return undefined;
    if (there.at !== this.host(b).id || back.at !== this.host(a).id) throw new Error('a way leads to somebody else');
    const names = there.relays.map((id) => this.nameOf(id));
    return [...back.relays].reverse().join() === there.relays.join() ? names : undefined;
  }

  detach(name: string, id: string): void {
    this.host(name).router.dispatch({ kind: 'withdraw', id: id as EndpointId });
  }

  #announce(name: string, ip: string, mac: string, id: string, fresh: boolean): void {
    const endpoint = { id: id as EndpointId, network: NETWORK, mac: mac as Mac, ips: [ip as Ip] };
    this.host(name).router.dispatch({ kind: 'announce', endpoint, fresh });
  }

  /** Only these sides reach one another; a host in none reaches nobody. */
  partition(...sides: readonly (readonly string[])[]): void {
    const sideOf = new Map(sides.flatMap((names, side) => names.map((n) => [this.host(n).ip, side] as const)));
    this.underlay.setReach((a, b) => sideOf.get(a) !== undefined && sideOf.get(a) === sideOf.get(b));
  }

  /** Only these pairs reach one another. */
  only(pairs: readonly (readonly [string, string])[]): void {
    const open = new Set(
      pairs.flatMap(([a, b]) => [`${this.host(a).ip} ${this.host(b).ip}`, `${this.host(b).ip} ${this.host(a).ip}`]),
    );
    this.underlay.setReach((a, b) => open.has(`${a} ${b}`));
  }

  heal(): void {
    this.underlay.setReach(() => true);
  }

  host(name: string): WorldHost {
    const host = this.hosts.get(name);
    if (host === undefined) throw new Error(`no host ${name}`);
    return host;
  }

  nameOf(id: PeerId): string {
    return [...this.hosts.values()].find((h) => h.id === id)?.name ?? id;
  }

  running(): readonly WorldHost[] {
    return [...this.hosts.values()].filter((h) => !this.#closed.has(h.name));
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
    for (const h of this.running()) h.router.abandon();
    this.time.restore();
  }
}

/** Runs a scenario in a world of its own. @throws Error that names the seed */
export function inWorld(seed: number, run: (world: World) => void): void {
  const world = new World(seed);
  try {
    run(world);
  } catch (e) {
    throw new Error(`seed ${seed}: ${(e as Error).message}`, { cause: e });
  } finally {
    world.close();
  }
}
