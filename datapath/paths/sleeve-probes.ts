// The shell of probing the sleeve: the prober that vxlan paths have, over datagrams of the sleeve's sessions. The peer's
// receiving thread answers by itself, so both sides probe, and slowly while the sleeve is not what carries.
import type { Millis, PeerId } from '../../router/types.js';
import { SLEEVE_OVERHEAD } from '../mtu.js';
import type { Family } from './path-report.js';
import type { Clock } from '../clock.js';
import { PROBE_MIN_BYTES } from './probe/frame.js';
import type { Path } from './probe/path-state.js';
import { Prober, type ProberEvent } from './probe/prober.js';

/**
 * Both sides probe, 114 bytes on the wire each way: with nine peers 45 B/s. The vxlan's first loss asks at once, so what
 * this is late to see costs 400 ms at most: what is taken for down has to answer three times.
 */
const IDLE_MS = 45_000;
/** An empty probe: outer headers, probe, tag. */
const SMALL_BYTES = 100;
const ETHERNET_BYTES = 14;
/** An answer that is late by more is of no use to the prober. */
const KEEP_MS = 3_000;

export interface SleeveProbesHooks {
  /** @param bytes of the whole IP packet */
  probe(peer: PeerId, bytes: number, token: number): void;
  /** Look at `path` again. */
  stirred(peer: PeerId): void;
  /** State, MTU or (by much) RTT changed: worth a report. */
  news(peer: PeerId): void;
}

export class SleeveProbes {
  readonly #clock: Clock;
  readonly #hooks: SleeveProbesHooks;
  readonly #prober: Prober;
  readonly #peers = new Map<PeerId, { readonly family: Family; readonly sentAt: Map<number, Millis> }>();
  #disarm: () => void = () => undefined;
  #isStopped = false;

  /** @param ceiling the largest packet that any network carries, bytes */
  constructor(self: PeerId, ceiling: number, clock: Clock, hooks: SleeveProbesHooks) {
    this.#clock = clock;
    this.#hooks = hooks;
    this.#prober = new Prober(self, ceiling, Math.random, IDLE_MS);
  }

  /** Begins anew where the family changed; undefined: no more. */
  setPeer(peer: PeerId, family: Family | undefined): void {
    if (this.#peers.get(peer)?.family === family) return;
    if (family === undefined) this.#peers.delete(peer);
    else this.#peers.set(peer, { family, sentAt: new Map() });
    this.#step({ kind: 'peer', peer, overheadBytes: family && SLEEVE_OVERHEAD[family] });
  }

  /** Nothing that was found out holds any longer: it is another way, or there are keys at last. */
  restart(peer: PeerId, family: Family): void {
    this.setPeer(peer, undefined);
    this.setPeer(peer, family);
  }

  setCeiling(bytes: number): void {
    this.#step({ kind: 'ceiling', bytes });
  }

  traffic(peers: readonly PeerId[]): void {
    this.#step({ kind: 'traffic', peers });
  }

  hurry(peer: PeerId): void {
    this.#step({ kind: 'hurry', peer });
  }

  /** @param rttMs as the threads measured it, without what this one was late. @returns was it to a probe of ours? */
  reply(peer: PeerId, token: number, rttMs: number): boolean {
    const [now, sentAt] = [this.#clock.now(), this.#peers.get(peer)?.sentAt.get(token)];
    if (sentAt === undefined) return false;
    this.#peers.get(peer)!.sentAt.delete(token);
    const lateUs = Math.max(0, Math.round((now - sentAt - rttMs) * 1_000));
    const frame = { kind: 'echo', from: peer, nonce: token, timeUs: lateUs, sizeBytes: 0 } as const;
    this.#step({ kind: 'frame', frame, arrivedAt: now });
    return true;
  }

  path(peer: PeerId): Path | undefined {
    return this.#prober.path(peer);
  }

  stop(): void {
    this.#isStopped = true;
    this.#disarm();
  }

  #step(ev: ProberEvent): void {
    for (const fx of this.#prober.handle(ev, this.#clock.now()))
      switch (fx.kind) {
        case 'send':
          this.#send(fx.to, fx.frame.nonce, fx.frame.sizeBytes);
          break;
        case 'stirred':
          this.#hooks.stirred(fx.peer);
          break;
        case 'news':
          this.#hooks.news(fx.peer);
          break;
        case 'drop':
          break; // an answer that came too late
      }
    this.#arm();
  }

  /** @param frameBytes of the Ethernet frame that would be as long */
  #send(peer: PeerId, token: number, frameBytes: number): void {
    const known = this.#peers.get(peer);
    if (known === undefined) return;
    const now = this.#clock.now();
    for (const [old, at] of known.sentAt) if (now - at > KEEP_MS) known.sentAt.delete(old);
    known.sentAt.set(token, now);
    const isSmall = frameBytes <= PROBE_MIN_BYTES;
    this.#hooks.probe(peer, isSmall ? SMALL_BYTES : frameBytes - ETHERNET_BYTES + SLEEVE_OVERHEAD[known.family], token);
  }

  #arm(): void {
    this.#disarm();
    const at = this.#prober.nextDeadline();
    if (this.#isStopped || at === undefined) return;
    this.#disarm = this.#clock.after(Math.max(0, Math.ceil(at - this.#clock.now())), () =>
      this.#step({ kind: 'tick' }),
    );
  }
}
