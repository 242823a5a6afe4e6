// Who is suspected, and what is due about it: to look for ourselves, to ask others, to bury. Pure.
import type { Millis, PeerId } from '../types.js';
import { confirmationsWanted, faultyAt, type Suspicion } from './suspicion.js';
import type { SwimTiming } from './timing.js';

interface Suspect extends Suspicion {
  readonly accuser: PeerId;
  /** When we look for ourselves, and tell it; undefined when that is left to others. */
  readonly lookAt: Millis | undefined;
  /** When others were asked if they know better; undefined before that. */
  readonly askedAt: Millis | undefined;
}

export interface SuspectsOptions {
  readonly timing: SwimTiming;
  /** All that are not faulty, ourselves included, now. */
  readonly members: () => number;
  /** A wait of so many ms, as long as we take it now. */
  readonly stretched: (ms: number) => number;
}

/** `look`: probe it and tell it; `ask`: others, if they know better; `bury`: nobody did. */
export interface DueSuspect {
  readonly peer: PeerId;
  readonly what: 'look' | 'ask' | 'bury';
}

export class Suspects {
  readonly #options: SuspectsOptions;
  /** In a partition half of the mesh. */
  readonly #suspects = new Map<PeerId, Suspect>();
  /** What is due next, looked up with so many members and this patience; undefined after a change. */
  #next: { readonly at: number; readonly members: number; readonly waitMs: number } | undefined;

  constructor(options: SuspectsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#suspects.size;
  }

  has(peer: PeerId): boolean {
    return this.#suspects.has(peer);
  }

  /** Who suspected it first, as far as we know. */
  accuserOf(peer: PeerId): PeerId | undefined {
    return this.#suspects.get(peer)?.accuser;
  }

  /** @param looks now and again, until it is over */
  begin(
    peer: PeerId,
    by: { readonly accuser: PeerId; readonly condemned: boolean; readonly looks: boolean },
    now: Millis,
  ): void {
    const { accuser, condemned, looks } = by;
    const lookAt = looks ? now : undefined; // the next tick, which is at once
    const accusers = new Set([accuser]);
    this.#set(peer, {
      startedAt: now,
      accusers,
      condemned,
      accuser,
      answered: false,
      lookAt,
      askedAt: undefined,
    });
  }

  end(peer: PeerId): void {
    if (this.#suspects.delete(peer)) this.#next = undefined;
  }

  /** @returns is it one more that counts? */
  accuse(peer: PeerId, accuser: PeerId): boolean {
    const suspect = this.#suspects.get(peer);
    if (suspect === undefined || suspect.accusers.has(accuser)) return false;
    if (suspect.accusers.size > confirmationsWanted(this.#options.members())) return false;
    this.#set(peer, { ...suspect, accusers: new Set([...suspect.accusers, accuser]) });
    return true;
  }

  /** Another router has given it up. */
  condemn(peer: PeerId): void {
    if (this.#suspects.get(peer)?.condemned === false) this.#change(peer, { condemned: true });
  }

  /** We heard from it. */
  answered(peer: PeerId): void {
    if (this.#suspects.get(peer)?.answered === false) this.#change(peer, { answered: true });
  }

  /** It has as long again. */
  restart(peer: PeerId, now: Millis): void {
    this.#change(peer, { startedAt: now, askedAt: undefined });
  }

  /** We stood still for so long: what had begun by then has as much more. Whom others have given up gains nothing from it. */
  postpone(ms: number, now: Millis): void {
    for (const [peer, s] of this.#suspects)
      if (!s.condemned) this.restart(peer, Math.min(s.startedAt + ms, now) as Millis);
  }

  /** Asked for after every event, and few of those change anything here. Infinity when nothing is due. */
  nextDeadline(): number {
    if (this.#suspects.size === 0) return Infinity;
    const [members, waitMs] = [this.#options.members(), this.#options.stretched(1_000)];
    if (this.#next?.members === members && this.#next.waitMs === waitMs) return this.#next.at;
    let at = Infinity;
    for (const s of this.#suspects.values()) at = Math.min(at, this.#askAt(s), this.#buryAt(s), s.lookAt ?? Infinity);
    this.#next = { at, members, waitMs };
    return at;
  }

  /** One thing for each at a time; `look` comes again after a while, `ask` once. Whoever buries ends the suspicion, too. */
  due(now: Millis): readonly DueSuspect[] {
    const due: DueSuspect[] = [];
    for (const [peer, s] of this.#suspects)
      if (now >= this.#buryAt(s)) due.push({ peer, what: 'bury' });
      else if (now >= this.#askAt(s)) {
        this.#change(peer, { askedAt: now });
        due.push({ peer, what: 'ask' });
      } else if (s.lookAt !== undefined && now >= s.lookAt) {
        this.#change(peer, { lookAt: this.#in(this.#options.timing.pingTimeoutMs, now) });
        due.push({ peer, what: 'look' });
      }
    return due;
  }

  #change(peer: PeerId, change: Partial<Suspect>): void {
    const suspect = this.#suspects.get(peer);
    if (suspect !== undefined) this.#set(peer, { ...suspect, ...change });
  }

  #set(peer: PeerId, suspect: Suspect): void {
    this.#suspects.set(peer, suspect);
    this.#next = undefined;
  }

  /** Whom another has given up, who may well be on time, does not gain from our being late. */
  #faultyAt(s: Suspicion): Millis {
    const at = faultyAt(s, this.#options.members(), this.#options.timing);
    return s.condemned ? at : this.#in(at - s.startedAt, s.startedAt);
  }

  /** So early that who is asked can answer by the end; later only when accusers brought the end nearer. */
  #askAt(s: Suspect): number {
    const { timing, stretched } = this.#options;
    return s.askedAt === undefined ? this.#faultyAt(s) - stretched(timing.pingTimeoutMs) : Infinity;
  }

  #buryAt(s: Suspect): number {
    if (s.askedAt === undefined) return Infinity;
    return Math.max(this.#faultyAt(s), this.#in(this.#options.timing.pingTimeoutMs, s.askedAt));
  }

  #in(ms: number, from: Millis): Millis {
    return (from + this.#options.stretched(ms)) as Millis;
  }
}
