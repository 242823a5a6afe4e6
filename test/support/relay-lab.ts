// `Relays` of many routers in a time of their own: connections that come and go, views of them that lag behind, and for each
// router the rules and ways that its sleeve would have. `follow` is the sleeve: it goes where labels lead.
import assert from 'node:assert/strict';
import { Topology } from '../../router/gossip/topology.js';
import { spread } from '../../router/relay/relay-plane.js';
import { Relays } from '../../router/relay/relays.js';
import type { RelayFx, RelaysFx } from '../../router/relay/shared.js';
import type { Millis, PeerId, RelayRule, RelayWay } from '../../router/types.js';
import { decodeRelay, encodeRelay, type RelayFrame } from '../../router/wire/relay.js';
import { CoreTime } from './core-time.js';
import { peerOf } from './peers.js';
import { seededEntropy } from './session-pair.js';
import { seededRandom } from './virtual-time.js';

export const relayPeer = (n: number): PeerId => peerOf(n + 1);

/** What a router's sleeve was told, summed up. */
export class RelayTable {
  readonly rules = new Map<number, RelayRule>();
  readonly ways = new Map<PeerId, RelayWay>();

  apply(fx: RelayFx): void {
    if (fx.kind === 'relayWay') {
      if (fx.way === undefined) this.ways.delete(fx.peer);
      else this.ways.set(fx.peer, fx.way);
    } else if (fx.rule === undefined) this.rules.delete(fx.label);
    else this.rules.set(fx.label, fx.rule);
  }
}

/** Where a datagram ends: with whom it is for, or with a relay that has no rule for it, or one for another neighbour. */
export type Fate = { readonly kind: 'arrived' | 'dropped'; readonly at: PeerId; readonly relays: readonly PeerId[] };

/** Goes from `from` to `to`, then where the labels lead. @throws AssertionError if they lead in a circle */
export function follow(tables: ReadonlyMap<PeerId, RelayTable>, from: PeerId, to: PeerId, label: number): Fate {
  const relays: PeerId[] = [];
  for (let [before, at, by] = [from, to, label]; ;) {
    if (by === 0) return { kind: 'arrived', at, relays };
    assert.ok(!relays.includes(at), `labels lead in a circle: ${relays.join(' ')}`);
    const rule = tables.get(at)?.rules.get(by);
    if (rule?.from !== before) return { kind: 'dropped', at, relays };
    relays.push(at);
    [before, at, by] = [at, rule.to, rule.toLabel];
  }
}

/** What becomes of a datagram that `a` sends `b` over relays; undefined: it has no way. */
export function walk(tables: ReadonlyMap<PeerId, RelayTable>, a: PeerId, b: PeerId): Fate | undefined {
  const way = tables.get(a)?.ways.get(b);
  return way && follow(tables, a, way.via, way.label);
}

export class RelayHost {
  readonly id: PeerId;
  readonly n: number;
  readonly topology: Topology;
  readonly table = new RelayTable();
  readonly told: RelayFx[] = [];
  readonly drops: string[] = [];
  readonly strangers = new Set<PeerId>();
  relays: Relays;
  sent = 0;

  constructor(n: number, seed: number) {
    this.n = n;
    this.id = relayPeer(n);
    this.topology = new Topology(this.id);
    this.relays = new Relays({
      self: this.id,
      random: seededRandom(seed + n),
      entropy: seededEntropy(`relay ${seed} ${n}`),
      hop: (to, search) => spread(this.id, to, this.topology.hopsForData(to, search.passOver, search)),
      knows: (peer) => !this.strangers.has(peer),
    });
  }

  get way(): ReadonlyMap<PeerId, RelayWay> {
    return this.table.ways;
  }
}

export interface RelayLabOptions {
  readonly seed?: number;
  /** How long others' views lag behind, at most, ms. */
  readonly lagMs?: number;
}

export class RelayLab {
  readonly hosts: readonly RelayHost[];
  readonly tables: ReadonlyMap<PeerId, RelayTable>;
  readonly log: { readonly from: number; readonly to: number; readonly frame: RelayFrame }[] = [];
  /** What is lost of what is said between neighbours that stay connected. */
  loses: (frame: RelayFrame) => boolean = () => false;
  /** After each event. */
  check: () => void = () => undefined;
  readonly #edges = new Set<string>();
  readonly #random: () => number;
  readonly #lagMs: number;
  readonly #time: CoreTime;

  constructor(
    count: number,
    edges: readonly (readonly [number, number])[],
    { seed = 1, lagMs = 0 }: RelayLabOptions = {},
  ) {
    this.hosts = Array.from({ length: count }, (_, n) => new RelayHost(n, seed));
    this.tables = new Map(this.hosts.map((h) => [h.id, h.table]));
    this.#time = new CoreTime(
      this.hosts.map(({ n, relays }) => ({
        nextDeadline: () => relays.nextDeadline(),
        tick: () => this.#perform(n, relays.handle({ kind: 'tick' }, this.now)),
      })),
    );
    this.#random = seededRandom(seed);
    this.#lagMs = lagMs;
    for (const [a, b] of edges) this.#edges.add(edgeKey(a, b));
    for (const h of this.hosts) for (const of of this.hosts) h.topology.setEdges(of.id, this.neighbours(of.n));
  }

  get now(): Millis {
    return this.#time.now;
  }

  neighbours(n: number): readonly PeerId[] {
    return this.hosts.filter((h) => this.#edges.has(edgeKey(h.n, n))).map((h) => h.id);
  }

  want(a: number, b: number, wanted = true): void {
    this.#perform(a, this.hosts[a]!.relays.handle({ kind: 'wanted', peer: relayPeer(b), wanted }, this.now));
  }

  fail(a: number, b: number): void {
    const via = this.hosts[a]!.way.get(relayPeer(b))!.via;
    this.#perform(a, this.hosts[a]!.relays.handle({ kind: 'failed', peer: relayPeer(b), via }, this.now));
  }

  /** As if it came from a neighbour. */
  inject(from: number, to: number, frame: RelayFrame): void {
    this.#perform(to, this.hosts[to]!.relays.handle({ kind: 'frame', from: relayPeer(from), frame }, this.now));
  }

  connect(a: number, b: number): void {
    this.#edges.add(edgeKey(a, b));
    this.#publish(a, b);
  }

  /** Both ends hear of it at once. What is under way is lost. */
  cut(a: number, b: number): void {
    if (!this.#edges.delete(edgeKey(a, b))) return;
    this.#publish(a, b);
    for (const [x, y] of [
      [a, b],
      [b, a],
    ] as const)
      // prettier-ignore
      this.#perform(x, this.hosts[x]!.relays.handle({ kind: 'lost', neighbour: relayPeer(y) }, this.now));
  }

  walk(a: number, b: number): Fate | undefined {
    return walk(this.tables, relayPeer(a), relayPeer(b));
  }

  /** Is there a way from the one to the other, and back? */
  isJoined(a: number, b: number): boolean {
    return [
      [a, b],
      [b, a],
    ].every(([x, y]) => {
      // prettier-ignore
      const fate = this.walk(x!, y!);
      return fate?.kind === 'arrived' && fate.at === relayPeer(y!);
    });
  }

  run(ms: number): void {
    this.#time.run(ms, () => this.check());
  }

  #publish(...ends: readonly number[]): void {
    for (const n of ends) {
      const edges = this.neighbours(n);
      for (const h of this.hosts)
        if (h.n === n) this.#see(h, n, edges);
        else this.#time.later(this.#lagMs * this.#random(), () => this.#see(h, n, this.neighbours(n)));
    }
  }

  #see(h: RelayHost, of: number, edges: readonly PeerId[]): void {
    h.topology.setEdges(relayPeer(of), edges);
    this.#perform(h.n, h.relays.handle({ kind: 'ways' }, this.now));
  }

  #perform(n: number, list: readonly RelaysFx[]): void {
    const host = this.hosts[n]!;
    for (const fx of list)
      switch (fx.kind) {
        case 'say':
          this.#say(n, this.hosts.findIndex((h) => h.id === fx.to), fx.frame); // prettier-ignore
          break;
        case 'drop':
          host.drops.push(fx.reason);
          break;
        case 'relayWay':
        case 'relayRule':
          host.told.push(fx);
          host.table.apply(fx);
      }
  }

  #say(from: number, to: number, said: RelayFrame): void {
    const isConnected = (): boolean => this.#edges.has(edgeKey(from, to));
    const frame = decodeRelay(encodeRelay(said));
    assert.ok(typeof frame !== 'string', `${JSON.stringify(said)} is said and cannot be read`);
    this.hosts[from]!.sent++;
    this.log.push({ from, to, frame });
    if (!isConnected() || this.loses(frame)) return;
    this.#time.later(1, () => isConnected() && this.inject(from, to, frame));
  }
}

const edgeKey = (a: number, b: number): string => (a < b ? `${a} ${b}` : `${b} ${a}`);
