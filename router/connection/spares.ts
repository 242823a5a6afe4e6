// Connections that nobody has a use for any longer. One is closed when both ends have said so, since each knows only its own
// reasons; until then it does no harm. The lower id closes it.
//
//   event            what is done
//   no use           look in SPARE_MS
//   look, can go     say `spare`; if the other has said so too, the lower id closes
//   look, cannot     look again in SPARE_MS, taking back what was said
//   a use again      take back what was said
import type { Random } from '../core.js';
import type { Millis, PeerId } from '../types.js';
import { Deadlines } from '../deadlines.js';

export type SpareFx =
  | { readonly kind: 'tell'; readonly peer: PeerId; readonly isSpare: boolean }
  | { readonly kind: 'close'; readonly peer: PeerId };

/** How long a connection is without use before it is said to be, ms; half as much again by chance. */
export const SPARE_MS = 180_000;

interface Both {
  /** We have no use for it, and said so. */
  said: boolean;
  /** The other has said so. */
  heard: boolean;
}

export class Spares {
  readonly #self: PeerId;
  readonly #random: Random;
  readonly #connections = new Map<PeerId, Both>();
  readonly #looks = new Deadlines<PeerId>();

  constructor(self: PeerId, random: Random) {
    this.#self = self;
    this.#random = random;
  }

  up(peer: PeerId, isNeeded: boolean, now: Millis): void {
    this.#connections.set(peer, { said: false, heard: false });
    if (isNeeded) this.#looks.delete(peer);
    else this.#later(peer, now);
  }

  /** @returns did it end because neither had a use for it? */
  down(peer: PeerId): boolean {
    const c = this.#connections.get(peer);
    this.#connections.delete(peer);
    this.#looks.delete(peer);
    return c !== undefined && c.said && c.heard;
  }

  /** Whether there is a use for it changed, or may have. */
  needs(peer: PeerId, isNeeded: boolean, now: Millis): SpareFx[] {
    const c = this.#connections.get(peer);
    if (c === undefined) return [];
    if (isNeeded) return this.#takeBack(peer, c);
    if (!c.said && !this.#looks.has(peer)) this.#later(peer, now);
    return [];
  }

  /** The other has no use for it, or has one again. */
  heard(peer: PeerId, isSpare: boolean, now: Millis): void {
    const c = this.#connections.get(peer);
    if (c === undefined) return;
    c.heard = isSpare;
    if (this.#isAgreed(peer, c)) this.#looks.set(peer, now);
  }

  /** Too few are left to do without any: what was said is taken back. */
  hold(now: Millis): SpareFx[] {
    const said = [...this.#connections].filter(([, c]) => c.said);
    for (const [peer] of said) this.#later(peer, now);
    return said.map(([peer, c]) => tell(peer, c, false));
  }

  /** @param canGo would all be well without it? */
  tick(now: Millis, canGo: (peer: PeerId) => boolean): SpareFx[] {
    const fx: SpareFx[] = [];
    for (let peer = this.#looks.first; peer !== undefined && this.#looks.next! <= now; peer = this.#looks.first) {
      this.#looks.delete(peer);
      fx.push(...this.#look(peer, this.#connections.get(peer)!, canGo(peer), now));
    }
    return fx;
  }

  nextDeadline(): Millis | undefined {
    return this.#looks.next;
  }

  #look(peer: PeerId, c: Both, canGo: boolean, now: Millis): SpareFx[] {
    if (!canGo) {
      this.#later(peer, now);
      return c.said ? [tell(peer, c, false)] : [];
    }
    const told = c.said ? [] : [tell(peer, c, true)];
    return this.#isAgreed(peer, c) ? [...told, { kind: 'close', peer }] : told;
  }

  #takeBack(peer: PeerId, c: Both): SpareFx[] {
    this.#looks.delete(peer);
    return c.said ? [tell(peer, c, false)] : [];
  }

  /** Is it for us to close it? */
  #isAgreed(peer: PeerId, { said, heard }: Both): boolean {
    return said && heard && this.#self < peer;
  }

  #later(peer: PeerId, now: Millis): void {
    this.#looks.set(peer, (now + SPARE_MS * (1 + this.#random() / 2)) as Millis);
  }
}

function tell(peer: PeerId, c: Both, isSpare: boolean): SpareFx {
  c.said = isSpare;
  return { kind: 'tell', peer, isSpare };
}
