// The shell of the choice among overlays: what probing knows of each path goes into `OverlayChoice`, and what that decides
// goes to whoever keeps the tables. Asks for the sleeve's sessions and starts the sleeve when there is somebody to reach.
import type { Ip, PathReport, PeerForward, PeerId, RelayRule, RelayWay, SessionKeys } from '../router/types.js';
import type { Clock } from './clock.js';
import type { Capability, DatapathConfig } from './datapath.js';
import { DEFAULT_CEILING, SLEEVE_OVERHEAD } from './mtu.js';
import { OverlayChoice, type Carrier, type CarrierState, type ChangeReason, type OverlayEvent } from './overlay.js';
import { sameWay, wayTo, type Way } from './paths/path-report.js';
import { passesAtLeast, passesAtMost, type Path } from './paths/probe/path-state.js';
import { SleeveProbes } from './paths/sleeve-probes.js';
import { bytesOfAll, changed, NO_CHANGES, type OverlayChanges, type PeerTraffic } from './peer-traffic.js';
import { relayReport, type RelayFacts } from './relay-report.js';
import { RelayWays } from './relay-ways.js';
import { SessionWants } from './session-wants.js';
import { SleeveStart } from './sleeve-start.js';
import { SleeveTraffic } from './sleeve-traffic.js';
import { sleeveReport } from './sleeve-report.js';
import { sleeveAddress, sleeveCapabilities, sleeveCounters, sleevePort } from './sleeve-status.js';
import type { FastPart } from './sleeve/fast-path.js';
import type { Sleeve, SleeveEvent } from './sleeve/sleeve.js';
import { Timers } from './timers.js';

export interface OverlaysDeps {
  /** Starts a sleeve. @throws SyscallError */
  readonly sleeve: (onEvent: (ev: SleeveEvent) => void) => Sleeve;
  readonly clock: Clock;
}

export interface OverlaysHooks {
  /** What carries the peer's frames from now on. */
  use(peer: PeerId, carrier: Carrier | undefined): void;
  /** The report of the peer's path is another one. */
  news(peer: PeerId): void;
  /** Whether the vxlan works is to be known soon. */
  hurryVxlan(peer: PeerId): void;
  /** The sleeve runs: networks want their TAPs. */
  started(sleeve: Sleeve): void;
  /** A TAP is gone. */
  tapLost(): void;
  /** Whose sleeve moved frames since the last look. */
  traffic(peers: readonly PeerId[]): void;
  /** The peer's sleeve speaks from another address now. */
  heardAt(peer: PeerId, ip: Ip): void;
}

interface Peer {
  readonly name: string;
  /** Undefined: it has no address that we could send to, and can be reached through others. */
  readonly way: Way | undefined;
  session: SessionKeys | undefined;
  changes: OverlayChanges;
}

const TRAFFIC_MS = 500;

export class Overlays {
  readonly #config: DatapathConfig;
  readonly #deps: OverlaysDeps;
  readonly #hooks: OverlaysHooks;
  readonly #choice = new OverlayChoice();
  readonly #probes: SleeveProbes;
  readonly #relays: RelayWays;
  readonly #peers = new Map<PeerId, Peer>();
  readonly #traffic = new SleeveTraffic();
  readonly #wants = new SessionWants();
  readonly #counters: Record<string, number> = {};
  readonly #start: SleeveStart;
  #sleeve: Sleeve | undefined;
  /** What the sleeve does without. */
  readonly #missing = new Set<FastPart>();
  #hasVxlan = true;
  #ceiling = DEFAULT_CEILING;
  readonly #timers: Timers<'choice' | 'traffic'>;

  constructor(config: DatapathConfig, deps: OverlaysDeps, hooks: OverlaysHooks) {
    this.#config = config;
    this.#deps = deps;
    this.#hooks = hooks;
    this.#timers = new Timers(deps.clock);
    this.#probes = new SleeveProbes(config.self, this.#ceiling, deps.clock, {
      probe: (peer, bytes, token) => this.#sleeve?.probe(peer, 'direct', bytes, token),
      stirred: (peer) => this.#sleeveStirred(peer),
      news: (peer) => hooks.news(peer),
    });
    this.#relays = new RelayWays(config.self, this.#ceiling, deps.clock, {
      family: (via) => this.#peers.get(via)?.way?.family,
      stirred: (peer, path) => this.#relayStirred(peer, path),
      news: (peer) => hooks.news(peer),
      report: (report) => config.onReport(report),
    });
    this.#start = new SleeveStart(deps.clock, {
      create: () => deps.sleeve((ev) => this.#onEvent(ev)),
      started: (sleeve) => this.#useSleeve(sleeve),
      refused: (reason) => config.log('sleeve-refused', { reason }),
    });
  }

  /** @param hasVxlan does the kernel carry? */
  start(hasVxlan: boolean): void {
    this.#hasVxlan = hasVxlan;
    const { overlay } = this.#config;
    if (overlay !== 'vxlan') this.#start.start(overlay === 'sleeve' || !hasVxlan);
  }

  /** @param isSealed no VXLAN may go to it */
  setPeer(peer: PeerId, value: PeerForward | undefined, isSealed = false): void {
    const way = value && wayTo(this.#config.local, value);
    const old = this.#peers.get(peer);
    const allowed = value && this.#allowed(way, isSealed);
    if (isSealed) this.#start.hurry();
    if (value === undefined || allowed === undefined) return this.#dropPeer(peer);
    this.#peers.set(peer, { name: value.name, way, session: old?.session, changes: old?.changes ?? NO_CHANGES });
    this.#step({ kind: 'peer', peer, allowed });
    if (this.#sleeve === undefined) return void (old === undefined && this.#start.peerCame());
    if (old === undefined) return this.#heed(peer);
    if (way !== undefined && !sameWay(old.way, way)) this.#sleeve.setRemote(peer, sleeveAddress(way));
    if (old.session !== undefined) this.#probes.setPeer(peer, way?.family);
  }

  #dropPeer(peer: PeerId): void {
    const wasKnown = this.#peers.delete(peer);
    this.#traffic.forget(peer);
    this.#wants.forget(peer);
    this.#probes.setPeer(peer, undefined);
    this.#sleeve?.dropSession(peer);
    if (wasKnown) this.#wantSession(peer, false);
    this.#step({ kind: 'peer', peer, allowed: undefined });
  }

  /** @param keys undefined: those there were are void */
  setSession(peer: PeerId, keys: SessionKeys | undefined): void {
    const known = this.#peers.get(peer);
    if (known === undefined || this.#sleeve === undefined) return;
    const isFirst = known.session === undefined;
    const { way } = known;
    known.session = keys;
    if (keys === undefined) return this.#sleeve.dropSession(peer);
    this.#sleeve.setSession(peer, { ...keys, waits: !keys.confirmed, remote: way && sleeveAddress(way) });
    if (isFirst && way !== undefined) this.#probes.restart(peer, way.family);
    if (isFirst) this.#relays.hurry(peer);
  }

  /** @param way to the peer through others; undefined: there is none any more */
  setRelayWay(peer: PeerId, way: RelayWay | undefined): void {
    if (this.#config.overlay !== 'vxlan') this.#relays.setWay(peer, way);
  }

  /** What a label of ours means; undefined: nothing any more. */
  setRelayRule(label: number, rule: RelayRule | undefined): void {
    if (this.#config.overlay !== 'vxlan') this.#relays.setRule(label, rule);
  }

  /** The peer has proven that it holds the keys of this session: until then the one before seals. */
  confirmSession(peer: PeerId, receiveIndex: number): void {
    this.#sleeve?.confirmSession(peer, receiveIndex);
  }

  /** What the vxlan's probes found. */
  vxlanStirred(peer: PeerId, path: Path | undefined): void {
    if (path?.kind === 'down') this.#start.hurry();
    if (path?.kind === 'down' || path?.kind === 'up') this.#wants.setVxlan(peer, path.kind === 'up');
    if (path !== undefined) this.#state(peer, 'vxlan', path);
    this.#heed(peer);
  }

  /** @see Datapath.idle */
  setIdle(peer: PeerId, isIdle: boolean): void {
    this.#wants.setIdle(peer, isIdle);
    this.#heed(peer);
  }

  setCeiling(bytes: number): void {
    this.#ceiling = bytes;
    this.#probes.setCeiling(bytes);
    this.#relays.setCeiling(bytes);
  }

  /** @param vxlan what there is to say of the vxlan path. @returns what there is to say of the one in use */
  describe(vxlan: PathReport): PathReport {
    const known = this.#peers.get(vxlan.peer);
    const carrier = this.#choice.inUse(vxlan.peer);
    const counted = this.#sleeve?.peerCounters(vxlan.peer);
    if (known === undefined || carrier === undefined || carrier === 'vxlan')
      return vxlan.txBytes === undefined ? vxlan : { ...vxlan, ...bytesOfAll(vxlan, counted) };
    const forced = this.#config.overlay === 'sleeve';
    const { name, way } = known;
    if (carrier === 'relay' || way === undefined) return this.#describeRelay(known, counted, vxlan);
    const facts = { name, way, to: sleeveAddress(way), path: this.#probes.path(vxlan.peer), forced, counted };
    const more = { hasSession: known.session !== undefined, ceiling: this.#ceiling, refusal: this.#start.refusal };
    return sleeveReport({ ...facts, ...more }, vxlan);
  }

  /** @param vxlan what the kernel counted */
  traffic(peer: PeerId, vxlan: PeerTraffic['vxlan']): PeerTraffic {
    const changes = this.#peers.get(peer)?.changes ?? NO_CHANGES;
    return { peer, now: this.#deps.clock.now(), vxlan, sleeve: this.#sleeve?.peerTraffic(peer), changes };
  }

  #describeRelay({ way }: Peer, counted: RelayFacts['counted'], vxlan: PathReport): PathReport {
    const relay = this.#relays.way(vxlan.peer);
    const facts = { direct: way, relay, via: relay === undefined ? '' : this.#name(relay.via), counted };
    const forced = this.#config.overlay === 'sleeve';
    const more = { path: this.#relays.path(vxlan.peer), sleevePort: way ? sleevePort(way.vtep.port) : 0 };
    return relayReport({ ...facts, ...more, forced, hasVxlan: this.#hasVxlan }, vxlan);
  }

  capabilities(): readonly Capability[] {
    return sleeveCapabilities(this.#start.refusal, this.#missing, sleevePort(this.#config.vxlanPort));
  }

  counters(): Readonly<Record<string, number>> {
    return { ...this.#counters, ...(this.#sleeve && sleeveCounters(this.#sleeve.counters())) };
  }

  async stop(): Promise<void> {
    this.#start.stop();
    this.#timers.stop();
    this.#probes.stop();
    this.#relays.stop();
    await this.#sleeve?.close();
  }

  #useSleeve(sleeve: Sleeve): void {
    this.#sleeve = sleeve;
    this.#hooks.started(sleeve);
    this.#wants.again();
    for (const peer of this.#peers.keys()) {
      this.#heed(peer);
      if (this.#choice.inUse(peer) === 'relay') sleeve.carry(peer, 'relay');
    }
    this.#relays.start(sleeve);
    this.#timers.after('traffic', TRAFFIC_MS, () => this.#readTraffic());
  }

  /** Says whether a session is wanted, if that is news. */
  #heed(peer: PeerId): void {
    if (this.#sleeve === undefined || !this.#peers.has(peer)) return;
    const wanted = this.#wants.step(peer, this.#choice.inUse(peer) === 'vxlan');
    if (wanted === undefined) return;
    this.#wantSession(peer, wanted);
    if (wanted) return;
    this.#probes.setPeer(peer, undefined);
    this.#step({ kind: 'state', peer, carrier: 'sleeve', state: this.#gone() });
  }

  #gone(): CarrierState {
    return { kind: 'down', losingSince: this.#deps.clock.now(), heardAt: undefined, isNarrow: false };
  }

  #wantSession(peer: PeerId, wanted: boolean): void {
    this.#config.onReport({ kind: 'sessionWanted', peer, wanted });
  }

  /** @returns undefined where nothing can carry */
  #allowed(way: Way | undefined, isSealed: boolean): readonly Carrier[] | undefined {
    const { overlay } = this.#config;
    if (overlay === 'vxlan') return way && !isSealed ? ['vxlan'] : undefined;
    if (way === undefined) return ['relay'];
    return overlay === 'auto' && this.#hasVxlan && !isSealed ? ['vxlan', 'sleeve', 'relay'] : ['sleeve', 'relay'];
  }

  #onEvent(ev: SleeveEvent): void {
    switch (ev.kind) {
      case 'probeReply':
        return void (
          this.#probes.reply(ev.peer, ev.token, ev.rttMs) || this.#relays.reply(ev.peer, ev.token, ev.rttMs)
        );
      case 'needRekey':
        return this.#config.onReport({ kind: 'sessionWorn', peer: ev.peer });
      case 'moved':
        this.#hooks.heardAt(ev.peer, ev.remote.ip);
        return this.#config.log('sleeve-moved', { peer: this.#name(ev.peer), address: ev.remote.ip });
      case 'workerDied':
        return this.#config.log('sleeve-thread-died', { thread: ev.worker, reason: ev.why });
      case 'workerRestarted':
        return this.#config.log('sleeve-thread-restarted', { thread: ev.worker });
      case 'tapLost':
        return this.#hooks.tapLost();
      case 'fallback':
        this.#missing.add(ev.what);
        return this.#config.log('sleeve-fallback', { without: ev.what });
    }
  }

  #sleeveStirred(peer: PeerId): void {
    const [path, way] = [this.#probes.path(peer), this.#peers.get(peer)?.way];
    if (path === undefined || way === undefined) return;
    const fits = passesAtLeast(path);
    if (fits !== undefined) this.#sleeve?.setPathMtu(peer, 'direct', fits + SLEEVE_OVERHEAD[way.family]);
    this.#state(peer, 'sleeve', path);
  }

  #relayStirred(peer: PeerId, path: Path | undefined): void {
    if (path !== undefined) return this.#state(peer, 'relay', path);
    this.#step({ kind: 'state', peer, carrier: 'relay', state: this.#gone() });
  }

  #state(peer: PeerId, carrier: Carrier, path: Path): void {
    // The sleeve cuts what is too long for its path.
    const isNarrow = carrier === 'vxlan' && (passesAtMost(path) ?? Infinity) < this.#ceiling;
    const state: CarrierState = { kind: path.kind, losingSince: path.losingSince, heardAt: path.heardAt, isNarrow };
    this.#step({ kind: 'state', peer, carrier, state });
  }

  #step(ev: OverlayEvent): void {
    for (const fx of this.#choice.handle(ev, this.#deps.clock.now())) {
      if (fx.kind === 'use') this.#use(fx.peer, fx.carrier, fx.why);
      else if (fx.kind === 'wantRelay') this.#relays.want(fx.peer, fx.wanted);
      else for (const carrier of fx.carriers) this.#hurry(fx.peer, carrier);
    }
    this.#arm();
  }

  #use(peer: PeerId, carrier: Carrier | undefined, why: ChangeReason): void {
    // On its way to the vxlan what is still in the TAP goes as before.
    if (carrier === 'sleeve' || carrier === 'relay')
      this.#sleeve?.carry(peer, carrier === 'relay' ? 'relay' : 'direct');
    this.#hooks.use(peer, carrier);
    if (carrier !== undefined && carrier !== 'vxlan') this.#hurry(peer, carrier); // what fits was last asked while it was idle
    if (carrier === undefined || why === 'first') return;
    const known = this.#peers.get(peer);
    if (known !== undefined) known.changes = changed(known.changes, why, this.#deps.clock.now());
    this.#counters[`overlay-${why}`] = (this.#counters[`overlay-${why}`] ?? 0) + 1;
    this.#config.log('overlay-changed', { peer: this.#name(peer), overlay: carrier, reason: why });
    this.#hooks.news(peer);
  }

  #hurry(peer: PeerId, carrier: Carrier): void {
    if (carrier === 'vxlan') this.#hooks.hurryVxlan(peer);
    else if (carrier === 'sleeve') this.#probes.hurry(peer);
    else this.#relays.hurry(peer);
  }

  #readTraffic(): void {
    const sleeve = this.#sleeve;
    if (sleeve === undefined) return;
    const moving = this.#traffic.look(this.#peers.keys(), sleeve, (peer) => this.#choice.inUse(peer) === 'relay');
    if (moving.direct.length + moving.relay.length > 0) this.#hooks.traffic([...moving.direct, ...moving.relay]);
    if (moving.direct.length > 0) this.#probes.traffic(moving.direct);
    if (moving.relay.length > 0) this.#relays.traffic(moving.relay);
    this.#timers.after('traffic', TRAFFIC_MS, () => this.#readTraffic());
  }

  #arm(): void {
    this.#timers.cancel('choice');
    const at = this.#choice.nextDeadline();
    if (at === undefined) return;
    this.#timers.after('choice', Math.max(0, Math.ceil(at - this.#deps.clock.now())), () =>
      this.#step({ kind: 'tick' }),
    );
  }

  #name(peer: PeerId): string {
    return this.#peers.get(peer)?.name ?? peer.slice(0, 8);
  }
}
