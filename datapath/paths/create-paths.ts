// The shell of path probing: owns the clock, the timers, the sockets and the children; what to do is decided by the cores.
import { readFileSync } from 'node:fs';
import type { Ip, LinkIndex, Mac, Millis, PathReport, PeerForward, PeerId } from '../../router/types.js';
import { systemClock } from '../clock.js';
import type { Capability, DatapathConfig } from '../datapath.js';
import type { Kernel, KernelEvent } from '../kernel.js';
import type { Count } from '../nft-kernel.js';
import { DEFAULT_CEILING, VXLAN_OVERHEAD } from '../mtu.js';
import { Announcer, BATCH_MS } from './announce/announcer.js';
import { BridgeSockets } from './announce/bridge-sockets.js';
import { Forward } from './nft/forward.js';
import { linuxNft } from './nft/linux-nft.js';
import { Traffic, type BothWays, type Nft } from './nft/traffic.js';

import { reportOf, sameWay, wayTo, type Family, type Way } from './path-report.js';
import type { Paths } from './paths.js';
import { ProbeDevice } from './probe/device.js';
import type { Path } from './probe/path-state.js';
import { decodeProbe, encodeProbe, setHeld } from './probe/frame.js';
import { Prober, type ProberEffect, type ProberEvent } from './probe/prober.js';

/** Quick while there is traffic to judge or a rule to guard, which in the old tables of iptables costs a child or two. */
const UPKEEP_MS = 2_000;
const QUIET_UPKEEP_MS = 6_000;
/** Traffic, or a rule of ours in somebody's chain, was seen within this. */
const QUIET_AFTER_MS = 10_000;
/** A probe device that somebody deletes again and again is made again at most this often. */
const DEVICE_RETRY_MS = 1_000;
const MAX_CEILING = 9_000;

/** Nothing is touched before `start`. */
export const createPaths = (config: DatapathConfig, kernel: Kernel, nft = linuxNft()): Paths =>
  new LinuxPaths(config, kernel, nft);

interface Peer {
  readonly name: string;
  readonly way: Way | undefined;
  readonly sealed: string | undefined;
}

class LinuxPaths implements Paths {
  readonly #config: DatapathConfig;
  readonly #kernel: Kernel;
  readonly #counters: Record<string, number> = {};
  readonly #peers = new Map<PeerId, Peer>();
  readonly #devices = new Map<Family, ProbeDevice>();
  readonly #prober: Prober;
  readonly #nft: Nft;
  readonly #traffic: Traffic;
  #neededAt = -Infinity;
  readonly #forward: Forward;
  readonly #announcer: Announcer;
  readonly #bridgeSockets = new BridgeSockets();
  #bridges: readonly string[] = [];
  #ceiling = DEFAULT_CEILING;
  #unwatch: (() => void) | undefined;
  #listener: (peer: PeerId, path: Path) => void = () => undefined;
  #onTraffic: (peers: readonly PeerId[]) => void = () => undefined;
  #running = false;
  /** Calls the next tick of the prober off. */
  #disarm: () => void = () => undefined;
  #upkeep: { readonly at: Millis; readonly timer: NodeJS.Timeout } | undefined;
  #deviceTimer: NodeJS.Timeout | undefined;
  #announceTimer: NodeJS.Timeout | undefined;
  /** Children and device repairs run one after another, so that a reset is the last. */
  #work: Promise<void> = Promise.resolve();

  constructor(config: DatapathConfig, kernel: Kernel, nft: Nft) {
    this.#config = config;
    this.#kernel = kernel;
    const count = (name: string): void => this.#count(name);
    this.#prober = new Prober(config.self, this.#ceiling, Math.random);
    this.#nft = nft;
    this.#traffic = new Traffic(config.vxlanPort, nft, count);
    this.#forward = new Forward(config.vxlanPort, nft, readProc, count);
    this.#announcer = new Announcer((link, frame) => this.#bridgeSockets.send(link, frame), count);
    const onFrame = (frame: Uint8Array, ageMs: number): void => this.#onFrame(frame, plus(clock(), -ageMs));
    for (const family of ['v4', 'v6'] as const) {
      const local = config.local[family];
      if (local === undefined) continue;
      this.#devices.set(family, new ProbeDevice(config.self, local, config.vxlanPort, kernel, { onFrame, count }));
    }
  }

  async start(hasVxlan: boolean): Promise<void> {
    this.#running = true;
    if (!hasVxlan) this.#devices.clear();
    this.#unwatch = this.#kernel.watch((ev) => this.#onKernel(ev));
    await this.#queue(() => this.#ensureDevices());
    this.#upkeepSoon(0);
    this.#arm();
  }

  setPeer(peer: PeerId, value: PeerForward | undefined, sealed?: string): void {
    const old = this.#peers.get(peer);
    const way = value === undefined || sealed !== undefined ? undefined : wayTo(this.#config.local, value);
    if (value === undefined) this.#peers.delete(peer);
    else this.#peers.set(peer, { name: value.name, way, sealed });
    if (old !== undefined && value !== undefined && sameWay(old.way, way) && old.sealed === sealed) return;
    if (way === undefined || old?.way?.family !== way.family) this.#device(old?.way)?.setPeer(peer, undefined);
    this.#device(way)?.setPeer(peer, way?.vtep);
    this.#traffic.setPeer(peer, way?.vtep);
    this.#step({ kind: 'peer', peer, overheadBytes: this.#device(way) && way && VXLAN_OVERHEAD[way.family] });
    if (value !== undefined && way === undefined) this.#report(peer);
    if (this.#running) this.#upkeepSoon(BATCH_MS);
  }

  paths(): readonly PathReport[] {
    const now = clock();
    return [...this.#peers].map(([peer, p]) => this.#describe(peer, p, now));
  }

  carried(peer: PeerId): BothWays<Count> | undefined {
    return this.#traffic.carried(peer);
  }

  capabilities(): readonly Capability[] {
    const probe = [...this.#devices.values()].map((d) => d.refusal()).find((r) => r !== undefined);
    const nft = this.#traffic.refusal();
    return [
      {
        name: 'probe',
        ok: probe === undefined,
        reason: probe ?? '',
        remedy: probe === undefined ? '' : 'modprobe vxlan',
      },
      {
        name: 'nft',
        ok: nft === undefined,
        reason: nft === undefined ? '' : `traffic is not counted: ${nft.reason}`,
        remedy: nft?.missing === true ? 'apt install nftables' : '',
      },
      { name: 'forward', ...this.#forward.state() },
    ];
  }

  counters(): Readonly<Record<string, number>> {
    return { ...this.#counters };
  }

  announce(bridge: LinkIndex, entries: readonly { ip: Ip; mac: Mac }[]): void {
    if (!this.#running) return;
    this.#announcer.add(bridge, entries);
    this.#announceTimer ??= setTimeout(() => this.#flushAnnouncements(), 0);
  }

  setCeiling(bytes: number): void {
    this.#ceiling = Math.min(MAX_CEILING, bytes);
    this.#step({ kind: 'ceiling', bytes: this.#ceiling });
  }

  setBridges(names: readonly string[]): void {
    this.#bridges = [...names];
    if (this.#running) this.#upkeepSoon(0);
  }

  onStirred(listener: (peer: PeerId, path: Path) => void): void {
    this.#listener = listener;
  }

  onTraffic(listener: (peers: readonly PeerId[]) => void): void {
    this.#onTraffic = listener;
  }

  hurry(peer: PeerId): void {
    this.#step({ kind: 'hurry', peer });
  }

  rest(peer: PeerId, rests: boolean): void {
    this.#step({ kind: 'rest', peer, rests });
  }

  stop(): void {
    this.#running = false;
    this.#unwatch?.();
    this.#unwatch = undefined;
    this.#disarm();
    for (const timer of [this.#upkeep?.timer, this.#deviceTimer, this.#announceTimer]) clearTimeout(timer);
    this.#announceTimer = this.#deviceTimer = this.#upkeep = undefined;
    // The devices stay: they cost nothing, the guard in the nft table stays with them, and the next router adopts both.
    for (const device of this.#devices.values()) device.close();
    this.#bridgeSockets.closeAll();
    this.#closeNft();
  }

  async reset(): Promise<void> {
    this.stop();
    for (const device of this.#devices.values()) void this.#queue(() => device.remove());
    void this.#queue(() => this.#forward.remove());
    await this.#queue(() => this.#traffic.remove());
    this.#closeNft();
  }

  #closeNft(): void {
    void this.#queue(() => Promise.resolve(this.#nft.kernel.close()));
  }

  /** Never rejects: a failure is logged, and the next work goes on. */
  #queue(work: () => Promise<void>): Promise<void> {
    const failed = (error: unknown): void => this.#config.log('paths-failed', { error: String(error) });
    this.#work = this.#work.then(work).catch(failed);
    return this.#work;
  }

  #device(way: Way | undefined): ProbeDevice | undefined {
    return way && this.#devices.get(way.family);
  }

  async #ensureDevices(): Promise<void> {
    for (const device of this.#devices.values()) {
      const before = device.refusal();
      await device.ensure();
      if (!this.#running) return device.close();
      if (device.refusal() !== before) for (const peer of this.#peers.keys()) this.#report(peer);
    }
    const refused = [...this.#devices.values()].some((d) => d.refusal() !== undefined);
    if (refused) this.#devicesSoon(UPKEEP_MS);
  }

  #devicesSoon(ms: number): void {
    this.#deviceTimer ??= setTimeout(() => {
      this.#deviceTimer = undefined;
      void this.#queue(() => (this.#running ? this.#ensureDevices() : Promise.resolve()));
    }, ms);
  }

  #onKernel(ev: KernelEvent): void {
    if (ev.kind === 'linkGone') this.#bridgeSockets.close(ev.index);
    if (![...this.#devices.values()].some((d) => d.disturbedBy(ev))) return;
    if (this.#deviceTimer === undefined) this.#count('probe-repaired');
    this.#devicesSoon(DEVICE_RETRY_MS);
  }

  /** Has the upkeep run in `ms`, or sooner when that was asked for already. */
  #upkeepSoon(ms: number): void {
    const at = plus(clock(), ms);
    if (this.#upkeep !== undefined && this.#upkeep.at <= at) return;
    clearTimeout(this.#upkeep?.timer);
    const timer = setTimeout(() => {
      this.#upkeep = undefined;
      void this.#queue(() => this.#keepUp()).then(() => this.#running && this.#upkeepSoon(this.#upkeepMs()));
    }, ms);
    this.#upkeep = { at, timer };
  }

  #upkeepMs(): number {
    if (this.#forward.isNeeded) this.#neededAt = clock();
    return clock() - this.#neededAt < QUIET_AFTER_MS ? UPKEEP_MS : QUIET_UPKEEP_MS;
  }

  async #keepUp(): Promise<void> {
    if (this.#running && this.#peers.size > 0) await this.#readTraffic();
    if (this.#running) await this.#forward.ensure(this.#bridges);
  }

  async #readTraffic(): Promise<void> {
    const peers = await this.#traffic.read();
    if (peers.length > 0) this.#neededAt = clock();
    this.#onTraffic(peers);
    this.#step({ kind: 'traffic', peers });
  }

  #onFrame(bytes: Uint8Array, arrivedAt: Millis): void {
    const frame = decodeProbe(bytes);
    if (typeof frame === 'string') this.#count(`probe-drop-${frame}`);
    else this.#step({ kind: 'frame', frame, arrivedAt });
  }

  #step(ev: ProberEvent): void {
    for (const fx of this.#prober.handle(ev, clock())) this.#perform(fx);
    this.#arm();
  }

  #perform(fx: ProberEffect): void {
    switch (fx.kind) {
      case 'drop':
        return this.#count(`probe-drop-${fx.reason}`);
      case 'stirred':
        return this.#stirred(fx.peer);
      case 'news':
        return this.#report(fx.peer);
      case 'send':
        return this.#send(fx);
    }
  }

  /** Everything that takes time is before the clock reading or after the sending. */
  #send({ to, frame, heldSince }: Extract<ProberEffect, { kind: 'send' }>): void {
    const device = this.#device(this.#peers.get(to)?.way);
    const bytes = encodeProbe(to, frame);
    const now = clock();
    if (heldSince !== undefined) setHeld(bytes, now - heldSince);
    const refused = device?.send(bytes);
    if (refused !== undefined) this.#count(`probe-send-${refused}`);
    else if (heldSince === undefined) this.#prober.handle({ kind: 'sent', peer: to, nonce: frame.nonce }, now);
  }

  #count(name: string): void {
    this.#counters[name] = (this.#counters[name] ?? 0) + 1;
  }

  #arm(): void {
    this.#disarm();
    const at = this.#prober.nextDeadline();
    if (!this.#running || at === undefined) return;
    this.#disarm = systemClock.after(Math.max(0, Math.ceil(at - clock())), () => this.#step({ kind: 'tick' }));
  }

  #stirred(peer: PeerId): void {
    const path = this.#prober.path(peer);
    if (path !== undefined) this.#listener(peer, path);
  }

  #report(peer: PeerId): void {
    const p = this.#peers.get(peer);
    if (p !== undefined) this.#config.onReport({ kind: 'path', path: this.#describe(peer, p, clock()) });
  }

  #describe(peer: PeerId, { name, way, sealed }: Peer, now: Millis): PathReport {
    const facts = { peer, name, way, sealed, path: this.#prober.path(peer), refusal: this.#device(way)?.refusal() };
    const carried = this.#traffic.carried(peer);
    const bytes = carried && { tx: carried.tx.bytes, rx: carried.rx.bytes };
    const more = { bytes, ceiling: this.#ceiling, port: this.#config.vxlanPort };
    return reportOf({ ...facts, ...more }, now);
  }

  #flushAnnouncements(): void {
    const more = this.#announcer.flush();
    this.#announceTimer = more ? setTimeout(() => this.#flushAnnouncements(), BATCH_MS) : undefined;
  }
}

const plus = (at: Millis, ms: number): Millis => (at + ms) as Millis;
const clock = (): Millis => systemClock.now();

function readProc(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
