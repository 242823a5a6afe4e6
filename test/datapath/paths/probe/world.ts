// Probers in virtual time, joined by links that a test can cut, narrow or delay. Nothing sleeps.
import { Prober, type ProberEffect, type ProberEvent } from '../../../../datapath/paths/probe/prober.js';
import { decodeProbe, encodeProbe, setHeld } from '../../../../datapath/paths/probe/frame.js';
import type { Millis, PeerId } from '../../../../router/types.js';
import { CoreTime } from '../../../support/core-time.js';
import { seededRandom } from '../../../support/virtual-time.js';

export const OVERHEAD = 50;

export class ProbeWorld {
  /** One way in ms, the largest inner packet, and whether a frame from `a` to `b` is lost. */
  delayMs = 1;
  mtu = 1450;
  /** How long after a frame's arrival its router handles it, ms; and whether the kernel tells of the arrival. */
  stallMs: () => number = () => 0;
  hasTimestamps = true;
  loses: (a: PeerId, b: PeerId, frameBytes: number) => boolean = () => false;
  /** Bytes on the underlay and frames, by sender. */
  readonly sentBytes = new Map<PeerId, number>();
  readonly news: { readonly at: number; readonly by: PeerId; readonly peer: PeerId; readonly kind: string }[] = [];
  readonly drops: string[] = [];
  readonly #probers = new Map<PeerId, Prober>();
  readonly #random: () => number;
  readonly #time: CoreTime;

  constructor(ids: readonly PeerId[], ceiling: number, seed: number) {
    this.#random = seededRandom(seed);
    for (const id of ids) this.#probers.set(id, new Prober(id, ceiling, this.#random));
    this.#time = new CoreTime(
      [...this.#probers].map(([id, prober]) => ({
        nextDeadline: () => prober.nextDeadline(),
        tick: () => this.tell(id, { kind: 'tick' }),
      })),
    );
    for (const a of ids)
      for (const b of ids) if (a !== b) this.tell(a, { kind: 'peer', peer: b, overheadBytes: OVERHEAD });
  }

  get now(): Millis {
    return this.#time.now;
  }

  chance(): number {
    return this.#random();
  }

  path(of: PeerId, to: PeerId) {
    return this.#probers.get(of)!.path(to)!;
  }

  tell(who: PeerId, ev: ProberEvent): void {
    for (const fx of this.#probers.get(who)!.handle(ev, this.now)) this.#perform(who, fx);
  }

  run(ms: number): void {
    this.#time.run(ms);
  }

  #deliver(to: PeerId, bytes: Uint8Array, arrivedAt: Millis): void {
    const frame = decodeProbe(bytes);
    if (typeof frame === 'string') this.drops.push(frame);
    else this.tell(to, { kind: 'frame', frame, arrivedAt: this.hasTimestamps ? arrivedAt : this.now });
  }

  /** Everybody sees traffic with everybody, at two looks in a row. */
  converse(): void {
    const ids = [...this.#probers.keys()];
    for (let look = 0; look < 2; look++)
      for (const by of ids) this.tell(by, { kind: 'traffic', peers: ids.filter((id) => id !== by) });
  }

  #perform(by: PeerId, fx: ProberEffect): void {
    if (fx.kind === 'stirred') return;
    if (fx.kind === 'drop') return void this.drops.push(fx.reason);
    if (fx.kind === 'news')
      return void this.news.push({ at: this.now, by, peer: fx.peer, kind: this.path(by, fx.peer).kind });
    const bytes = encodeProbe(fx.to, fx.frame);
    if (fx.heldSince !== undefined) setHeld(bytes, this.now - fx.heldSince);
    else this.tell(by, { kind: 'sent', peer: fx.to, nonce: fx.frame.nonce });
    this.sentBytes.set(by, (this.sentBytes.get(by) ?? 0) + bytes.length + OVERHEAD);
    if (this.loses(by, fx.to, bytes.length) || bytes.length - 14 > this.mtu) return;
    const arrivedAt = (this.now + this.delayMs) as Millis;
    this.#time.later(this.delayMs + this.stallMs(), () => this.#deliver(fx.to, bytes, arrivedAt));
  }
}
