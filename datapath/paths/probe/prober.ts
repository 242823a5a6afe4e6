// All peers' paths in one core: it says what to send and which path is worth a report.
import type { Core, Random } from '../../../router/core.js';
import { Deadlines } from '../../../router/deadlines.js';
import type { Millis, PeerId } from '../../../router/types.js';
import { PROBE_MIN_BYTES, type ProbeFrame } from './frame.js';
import { IDLE_MS, isNear, REST_MS } from './path-pace.js';
import {
  newPath,
  passesAtLeast,
  passesAtMost,
  pathDeadline,
  stepPath,
  type Path,
  type PathEffect,
  type PathEvent,
} from './path-state.js';

/** The smallest IP MTU that an underlay may have and still be searched, bytes (RFC 791: every host takes 576). */
export const MIN_UNDERLAY_BYTES = 576;
/** A change of RTT is worth a report when it doubles or halves, and by this much, ms: less matters to nobody. */
const RTT_NEWS_MS = 1;
/** Many idle paths are probed slower, so that all of them together are not more than ten probes a second. */
const IDLE_MS_PER_PATH = 100;

export type ProberEvent =
  | { readonly kind: 'tick' }
  /** A peer that can be probed, or (undefined) no more. `overheadBytes`: outer IP, UDP, VXLAN and inner Ethernet header. */
  | { readonly kind: 'peer'; readonly peer: PeerId; readonly overheadBytes: number | undefined }
  /** `arrivedAt`: when the kernel received it, at most now. */
  | { readonly kind: 'frame'; readonly frame: ProbeFrame; readonly arrivedAt: Millis }
  /** A probe goes out now. */
  | { readonly kind: 'sent'; readonly peer: PeerId; readonly nonce: number }
  | { readonly kind: 'traffic'; readonly peers: readonly PeerId[] }
  /** Whether the path works is to be known soon. */
  | { readonly kind: 'hurry'; readonly peer: PeerId }
  /** Nobody has any use for the path to a peer, probed now or later; or somebody has again. */
  | { readonly kind: 'rest'; readonly peer: PeerId; readonly rests: boolean }
  /** The largest packet any network of ours carries, bytes. */
  | { readonly kind: 'ceiling'; readonly bytes: number };

export type ProberEffect =
  /** An echo answers a probe that is held since `heldSince`: its `timeUs` is to be set when it goes out. */
  | { readonly kind: 'send'; readonly to: PeerId; readonly frame: ProbeFrame; readonly heldSince: Millis | undefined }
  /** The peer was heard or not heard, or its path's state or MTU changed: whoever chooses among paths looks again. */
  | { readonly kind: 'stirred'; readonly peer: PeerId }
  /** State, MTU or (by much) RTT of a peer's path changed. */
  | { readonly kind: 'news'; readonly peer: PeerId }
  | { readonly kind: 'drop'; readonly reason: 'unknown-peer' | 'unasked' };

interface Probed {
  path: Path;
  readonly floor: number;
  told: { readonly kind: Path['kind']; readonly rttMs: number | undefined; readonly mtu: number | undefined };
}

export class Prober implements Core<ProberEvent, ProberEffect> {
  readonly #self: PeerId;
  readonly #random: Random;
  readonly #peers = new Map<PeerId, Probed>();
  /** When to look at each. */
  readonly #deadlines = new Deadlines<PeerId>();
  readonly #leastIdleMs: number;
  #idleMs: number;
  readonly #resting = new Set<PeerId>();
  #ceiling: number;

  /** @param idleMs between two probes of a path without traffic, where there are few */
  constructor(self: PeerId, ceiling: number, random: Random, idleMs = IDLE_MS) {
    this.#self = self;
    this.#leastIdleMs = this.#idleMs = idleMs;
    this.#ceiling = ceiling;
    this.#random = random;
  }

  handle(ev: ProberEvent, now: Millis): readonly ProberEffect[] {
    switch (ev.kind) {
      case 'tick':
        return this.#tick(now);
      case 'peer':
        return this.#setPeer(ev.peer, ev.overheadBytes, now);
      case 'frame':
        return this.#frame(ev.frame, ev.arrivedAt, now);
      case 'sent':
        return this.#step(ev.peer, { kind: 'sent', nonce: ev.nonce }, now);
      case 'traffic':
        return ev.peers.flatMap((peer) => this.#step(peer, { kind: 'traffic' }, now));
      case 'hurry':
        return this.#step(ev.peer, { kind: 'hurry' }, now);
      case 'rest':
        if (ev.rests) this.#resting.add(ev.peer);
        else this.#resting.delete(ev.peer);
        return this.#step(ev.peer, this.#pace(ev.peer), now);
      case 'ceiling':
        if (ev.bytes === this.#ceiling) return [];
        this.#ceiling = ev.bytes;
        return this.#stepAll({ kind: 'resize' }, now);
    }
  }

  nextDeadline(): Millis | undefined {
    return this.#deadlines.next;
  }

  /** @returns undefined for a peer that is not probed */
  path(peer: PeerId): Path | undefined {
    return this.#peers.get(peer)?.path;
  }

  #setPeer(peer: PeerId, overheadBytes: number | undefined, now: Millis): readonly ProberEffect[] {
    if (overheadBytes === undefined) {
      this.#peers.delete(peer);
      this.#deadlines.delete(peer);
      return this.#repace(now);
    }
    const path = newPath(leadsTo(this.#self, peer), now, this.#idleMs);
    const told = { kind: path.kind, rttMs: undefined, mtu: undefined };
    this.#peers.set(peer, { path, floor: MIN_UNDERLAY_BYTES - overheadBytes, told });
    const first = this.#step(peer, this.#resting.has(peer) ? this.#pace(peer) : { kind: 'tick' }, now);
    return [...first, ...this.#repace(now)];
  }

  /** It changes where the number of paths passes a power of two, and so seldom. */
  #repace(now: Millis): readonly ProberEffect[] {
    const idleMs = Math.max(this.#leastIdleMs, IDLE_MS_PER_PATH * 2 ** Math.ceil(Math.log2(this.#peers.size || 1)));
    if (idleMs === this.#idleMs) return [];
    this.#idleMs = idleMs;
    return this.#stepAll({ kind: 'pace', idleMs }, now);
  }

  #pace(peer: PeerId): PathEvent {
    const rests = this.#resting.has(peer);
    return { kind: 'rest', rests, idleMs: rests ? restMs(this.#self, peer) : this.#idleMs };
  }

  #frame({ kind, from, nonce, timeUs }: ProbeFrame, arrivedAt: Millis, now: Millis): readonly ProberEffect[] {
    if (!this.#peers.has(from)) return [{ kind: 'drop', reason: 'unknown-peer' }];
    const ms = timeUs / 1000;
    if (kind === 'echo') return this.#step(from, { kind, nonce, arrivedAt, heldMs: ms }, now);
    return this.#step(from, { kind, nonce, arrivedAt, rttMs: ms === 0 ? undefined : ms }, now);
  }

  /** What is due, and with it the idle paths whose turn is near. */
  #tick(now: Millis): readonly ProberEffect[] {
    if ((this.#deadlines.next ?? Infinity) > now) return [];
    const turns: (readonly [PeerId, PathEvent])[] = [];
    for (let peer = this.#deadlines.first; peer !== undefined; peer = this.#deadlines.first) {
      const isDue = this.#deadlines.next! <= now;
      if (!isDue && !isNear(this.#peers.get(peer)!.path, now)) break;
      turns.push([peer, { kind: isDue ? 'tick' : 'early' }]);
      this.#deadlines.delete(peer);
    }
    return turns.flatMap(([peer, ev]) => this.#step(peer, ev, now));
  }

  #stepAll(ev: PathEvent, now: Millis): readonly ProberEffect[] {
    return [...this.#peers.keys()].flatMap((peer) => this.#step(peer, ev, now));
  }

  #step(peer: PeerId, ev: PathEvent, now: Millis): readonly ProberEffect[] {
    const probed = this.#peers.get(peer);
    if (probed === undefined) return [];
    const limits = { ceiling: this.#ceiling, floor: probed.floor, random: this.#random };
    const [path, effects] = stepPath(probed.path, ev, now, limits);
    const out = effects.map((fx) => this.#effect(peer, fx));
    if (isStirred(probed.path, path)) out.push({ kind: 'stirred', peer });
    probed.path = path;
    this.#deadlines.set(peer, pathDeadline(path));
    if (!isNews(probed)) return out;
    probed.told = { kind: path.kind, rttMs: path.rttMs, mtu: path.mtu };
    return [...out, { kind: 'news', peer }];
  }

  #effect(peer: PeerId, fx: PathEffect): ProberEffect {
    if (fx.kind === 'unasked') return { kind: 'drop', reason: 'unasked' };
    const frame = { kind: fx.kind, from: this.#self, nonce: fx.nonce, timeUs: 0, sizeBytes: PROBE_MIN_BYTES };
    if (fx.kind === 'echo') return { kind: 'send', to: peer, frame, heldSince: fx.heldSince };
    const timeUs = fx.rttMs === undefined ? 0 : Math.max(1, Math.round(fx.rttMs * 1000));
    const sizeBytes = Math.max(PROBE_MIN_BYTES, fx.packetBytes + ETHERNET_BYTES);
    return { kind: 'send', to: peer, frame: { ...frame, timeUs, sizeBytes }, heldSince: undefined };
  }
}

const ETHERNET_BYTES = 14;

const isStirred = (was: Path, is: Path): boolean =>
  was.kind !== is.kind ||
  passesAtMost(was) !== passesAtMost(is) ||
  passesAtLeast(was) !== passesAtLeast(is) ||
  was.losingSince !== is.losingSince ||
  was.heardAt !== is.heardAt;

function isNews({ path, told }: Probed): boolean {
  if (path.kind !== told.kind || path.mtu !== told.mtu) return true;
  if (path.rttMs === undefined || told.rttMs === undefined) return path.rttMs !== told.rttMs;
  const [low, high] = path.rttMs < told.rttMs ? [path.rttMs, told.rttMs] : [told.rttMs, path.rttMs];
  return high >= low * 2 && high - low >= RTT_NEWS_MS;
}

/**
 * Which of the two probes while both are idle. By parity of their ids, so that both ends agree and a router leads about
 * half of its paths: if the lower id led, the lowest would pay for the whole mesh.
 */
function leadsTo(self: PeerId, peer: PeerId): boolean {
  const isOdd = (parseInt(self.slice(-1), 16) + parseInt(peer.slice(-1), 16)) % 2 === 1;
  return self < peer !== isOdd;
}

/** The same at both ends, and another for each pair: so that what began to rest together is not probed together for ever. */
function restMs(self: PeerId, peer: PeerId): number {
  const spread = (parseInt(self.slice(-4), 16) + parseInt(peer.slice(-4), 16)) % 0x10000;
  return REST_MS * (0.75 + spread / 0x20000);
}
