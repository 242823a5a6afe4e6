// Whole routers in virtual time, N of them with 20 endpoints each, and what can be asked of all of them at once.
import type { Ip, Mac, PeerId } from '../../router/types.js';
import type { VectorEntry } from '../../router/wire/vector.js';
import { World, type WorldHost } from '../../test/sim/world.js';
import { seededRandom } from '../../test/support/virtual-time.js';
import { Meter } from './meter.js';

export const ENDPOINTS_EACH = 20;
const POLL_MS = 5;
const AGREE_STEP_MS = 50;
const [GROWN_WITHIN_MS, GROW_STEP_MS] = [300_000, 250];
/** One way 1 ms and on top, exponentially distributed, 2 in the mean: 1 to 5 ms mostly. */
const WIRES = { latencyMs: 1, jitterMs: 2 };

export interface Endpoint {
  readonly host: string;
  readonly ip: Ip;
  readonly mac: Mac;
}

export class ScaleMesh {
  readonly world: World;
  readonly meter: Meter;
  readonly random: () => number;
  readonly endpoints: Endpoint[] = [];
  readonly #watched = new Set<string>();
  #endpointCount = 0;

  constructor(seed: number) {
    this.world = new World(seed, { watched: this.#watched });
    this.world.wires(WIRES);
    this.meter = new Meter(() => this.world.time.now());
    this.random = seededRandom(seed ^ 0x5ca1e);
  }

  get names(): readonly string[] {
    return this.world.running().map((h) => h.name);
  }

  get hosts(): readonly WorldHost[] {
    return this.world.running();
  }

  /** Launches `n` routers in waves that double, each dialling one that runs; then waits until all know all. */
  grow(n: number): void {
    this.join('r0', []);
    for (let size = 1; size < n;) {
      const wave = Math.min(size, n - size);
      const there = this.names;
      for (let i = 0; i < wave; i++) this.join(`r${size + i}`, [this.pick(there)]);
      size += wave;
      this.world.run(4_000);
    }
    this.untilAgreed(120_000);
  }

  /**
   * `n` routers that hold all streams of all, as if each had been told while it could not speak; then they begin to, all at once.
   * Cheaper than to grow one where n is large, and sparse from the first moment. Waits until all know all.
   */
  growFromRecords(n: number, say: (what: string) => void): void {
    const hosts = Array.from({ length: n }, (_, i) => this.#launch(`r${i}`, i === 0));
    const blocks = hosts.map(({ router }) => router.core.options.store.flush());
    hosts.forEach((host, i) => tell(host, blocks.toSpliced(i, 1).flat()));
    for (const { router } of hosts) router.start(() => router.core.options.addresses);
    const isAgreed = (): boolean => {
      say('told');
      return this.isAgreed();
    };
    this.world.until('all agree', isAgreed, GROWN_WITHIN_MS, GROW_STEP_MS);
  }

  /** With its endpoints, which it has before its first word. */
  join(name: string, dial: readonly string[]): WorldHost {
    const host = this.#launch(name, dial.length === 0);
    host.router.start(() => host.router.core.options.addresses);
    for (const to of dial) this.world.connect(name, to);
    return host;
  }

  attach(name: string): Endpoint {
    const endpoint = { host: name, ip: ipOf(this.#endpointCount), mac: macOf(this.#endpointCount) };
    this.#endpointCount++;
    this.endpoints.push(endpoint);
    this.world.attach(name, endpoint.ip, endpoint.mac);
    return endpoint;
  }

  /** One that the hosts' tables show when they have it; of all others only the routers know. */
  attachWatched(name: string): Endpoint {
    this.#watched.add(ipOf(this.#endpointCount)).add(macOf(this.#endpointCount));
    return this.attach(name);
  }

  /** Of a host that runs. */
  detach(endpoint: Endpoint): void {
    this.endpoints.splice(this.endpoints.indexOf(endpoint), 1);
    this.world.detach(endpoint.host, endpoint.ip);
  }

  /** Of datagrams and of segments, which are sent again. */
  lose(rate: number): void {
    this.world.lose(rate);
  }

  /** The host falls silent, and no stream of its breaks; what it announced stays in force. */
  crash(name: string): void {
    this.world.powerOff(name);
  }

  pick<T>(of: readonly T[]): T {
    return of[Math.floor(this.random() * of.length)]!;
  }

  /**
   * For each of `observers`, in their order, how long it took until `isSo` of it, virtual ms in steps of 5; Infinity where it
   * was not so within `limitMs`. Time stands where the last of them came.
   */
  timesUntil<T>(observers: readonly T[], isSo: (of: T) => boolean, limitMs: number): number[] {
    const startedAt = this.world.time.now();
    const times = observers.map(() => Infinity);
    let left = [...observers.keys()];
    for (;;) {
      const passedMs = this.world.time.now() - startedAt;
      left = left.filter((i) => {
        if (!isSo(observers[i]!)) return true;
        times[i] = passedMs;
        return false;
      });
      if (left.length === 0 || passedMs >= limitMs) return times;
      this.world.run(POLL_MS);
    }
  }

  /** Do all that run hold the same records, and each other for alive? Tables are a function of the records. */
  isAgreed(): boolean {
    const hosts = this.hosts;
    const digest = Buffer.from(hosts[0]!.router.core.options.store.digest());
    if (!hosts.every((h) => digest.equals(h.router.core.options.store.digest()))) return false;
    const ids = hosts.map((h) => h.id);
    return hosts.every((h) => h.router.core.ledger.isCaughtUp && isAllAlive(h, ids));
  }

  /** @returns virtual ms. @throws Error after `limitMs` */
  untilAgreed(limitMs: number): number {
    return this.world.until('all agree', () => this.isAgreed(), limitMs, AGREE_STEP_MS);
  }

  /** How far each router that runs has come in its own streams. */
  told(): readonly VectorEntry[] {
    return this.hosts.flatMap(({ id, router }) => {
      const { store } = router.core.options;
      return store.topics(id).map((topic) => ({ owner: id, topic, head: store.head(id, topic), partial: undefined }));
    });
  }

  /** Until each has come as far in all of them, and holds all for alive. @returns virtual ms. @throws Error after `limitMs` */
  untilKnown(told: readonly VectorEntry[], limitMs: number): number {
    const ids = this.hosts.map((h) => h.id);
    const knows = (h: WorldHost): boolean =>
      h.router.core.ledger.isCaughtUp && isAllAlive(h, ids) && !h.router.core.options.store.wants(told);
    return this.world.until('all know', () => this.hosts.every(knows), limitMs, AGREE_STEP_MS);
  }

  /** Forgets what the hosts logged. @returns how many lines began with `event` */
  logged(event: string): number {
    let count = 0;
    for (const h of this.world.hosts.values()) {
      for (const line of h.log) if (line.startsWith(event)) count++;
      h.log.length = 0;
    }
    return count;
  }

  close(): void {
    this.world.close();
  }

  #launch(name: string, founds: boolean): WorldHost {
    const host = this.world.launch(name, { founds });
    this.meter.watch(name, host.router.network);
    for (let i = 0; i < ENDPOINTS_EACH; i++) this.attach(name);
    return host;
  }
}

/** Puts blocks into a router's store, and lets it learn from them. */
function tell({ router }: WorldHost, blocks: readonly Uint8Array[]): void {
  const { options, ledger } = router.core;
  for (const bytes of blocks) {
    const got = options.store.receive(bytes);
    if (got.kind === 'news') ledger.hear(got.changes);
  }
  while (!ledger.isCaughtUp) router.dispatch({ kind: 'tick' });
}

const isAllAlive = (h: WorldHost, ids: readonly PeerId[]): boolean =>
  ids.every((id) => id === h.id || h.router.core.ledger.book.get(id)?.state === 'alive');

const ipOf = (n: number): Ip => `10.${32 + (n >> 16)}.${(n >> 8) & 255}.${n & 255}` as Ip;

function macOf(n: number): Mac {
  const hex = n.toString(16).padStart(8, '0');
  return `02:6d:${hex.match(/../g)!.join(':')}` as Mac;
}
