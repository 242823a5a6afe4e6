// Ways to peers through others' sleeves: asked of the router when the direct ones fail, probed like them, and told to be broken
// when their probes are lost and nothing else works. Before the sleeve runs they are kept for it.
import type { DatapathReport, PeerId, RelayRule, RelayWay } from '../router/types.js';
import type { Clock } from './clock.js';
import { SLEEVE_OVERHEAD } from './mtu.js';
import type { Family } from './paths/path-report.js';
import { passesAtLeast, type Path } from './paths/probe/path-state.js';
import { SleeveProbes } from './paths/sleeve-probes.js';
import type { Sleeve } from './sleeve/sleeve.js';

export interface RelayWaysHooks {
  /** The family in which that neighbour's sleeve is reached; undefined: it is not. */
  family(via: PeerId): Family | undefined;
  /** What probing knows of the way is another thing; undefined: there is none any more. */
  stirred(peer: PeerId, path: Path | undefined): void;
  /** The report of the peer's path is another one. */
  news(peer: PeerId): void;
  report(report: DatapathReport): void;
}

interface Known {
  readonly way: RelayWay;
  /** The router was told that it is broken. */
  isFailed: boolean;
}

export class RelayWays {
  readonly #hooks: RelayWaysHooks;
  readonly #probes: SleeveProbes;
  readonly #ways = new Map<PeerId, Known>();
  readonly #rules = new Map<number, RelayRule>();
  readonly #wanted = new Set<PeerId>();
  #sleeve: Sleeve | undefined;

  constructor(self: PeerId, ceiling: number, clock: Clock, hooks: RelayWaysHooks) {
    this.#hooks = hooks;
    this.#probes = new SleeveProbes(self, ceiling, clock, {
      probe: (peer, bytes, token) => this.#sleeve?.probe(peer, 'relay', bytes, token),
      stirred: (peer) => this.#stirred(peer),
      news: (peer) => hooks.news(peer),
    });
  }

  /** The sleeve runs. */
  start(sleeve: Sleeve): void {
    this.#sleeve = sleeve;
    for (const [label, rule] of this.#rules) sleeve.relayRule(label, rule);
    for (const [peer, { way }] of this.#ways) this.#take(peer, way);
    for (const peer of this.#wanted) this.#hooks.report({ kind: 'relayWanted', peer, wanted: true });
  }

  want(peer: PeerId, wanted: boolean): void {
    if (wanted) this.#wanted.add(peer);
    else this.#wanted.delete(peer);
    if (this.#sleeve !== undefined) this.#hooks.report({ kind: 'relayWanted', peer, wanted });
    this.#complain(peer); // of a way that was kept and broke meanwhile
  }

  setWay(peer: PeerId, way: RelayWay | undefined): void {
    const old = this.#ways.get(peer)?.way;
    if (old?.via === way?.via && old?.label === way?.label && old?.relays === way?.relays) return;
    if (way !== undefined) {
      this.#ways.set(peer, { way, isFailed: false });
      return this.#take(peer, way);
    }
    this.#ways.delete(peer);
    this.#probes.setPeer(peer, undefined);
    this.#sleeve?.relayWay(peer, undefined);
    this.#hooks.stirred(peer, undefined);
  }

  setRule(label: number, rule: RelayRule | undefined): void {
    if (rule === undefined) this.#rules.delete(label);
    else this.#rules.set(label, rule);
    this.#sleeve?.relayRule(label, rule);
  }

  setCeiling(bytes: number): void {
    this.#probes.setCeiling(bytes);
  }

  traffic(peers: readonly PeerId[]): void {
    this.#probes.traffic(peers);
  }

  hurry(peer: PeerId): void {
    this.#probes.hurry(peer);
  }

  /** @returns was it to a probe of ours that went over relays? */
  reply(peer: PeerId, token: number, rttMs: number): boolean {
    return this.#probes.reply(peer, token, rttMs);
  }

  way(peer: PeerId): RelayWay | undefined {
    return this.#ways.get(peer)?.way;
  }

  path(peer: PeerId): Path | undefined {
    return this.#probes.path(peer);
  }

  stop(): void {
    this.#probes.stop();
  }

  #take(peer: PeerId, way: RelayWay): void {
    if (this.#sleeve === undefined) return;
    this.#sleeve.relayWay(peer, way);
    this.#probes.restart(peer, this.#family(way));
  }

  #family({ via }: RelayWay): Family {
    return this.#hooks.family(via) ?? 'v4';
  }

  #stirred(peer: PeerId): void {
    const [path, known] = [this.#probes.path(peer), this.#ways.get(peer)];
    if (path === undefined || known === undefined) return;
    const fits = passesAtLeast(path);
    if (fits !== undefined) this.#sleeve?.setPathMtu(peer, 'relay', fits + SLEEVE_OVERHEAD[this.#family(known.way)]);
    if (path.kind === 'up') known.isFailed = false;
    this.#hooks.stirred(peer, path);
    this.#complain(peer);
  }

  /** Once for each time that the way falls, and not while a direct one works: then nobody needs it. */
  #complain(peer: PeerId): void {
    const known = this.#ways.get(peer);
    if (known === undefined || known.isFailed || !this.#wanted.has(peer)) return;
    if (this.#probes.path(peer)?.kind !== 'down') return;
    known.isFailed = true;
    this.#hooks.report({ kind: 'relayFailed', peer, via: known.way.via });
  }
}
