// Whom a router listens to before it knows who it is: streams that were accepted and are half open, counted and rated by source
// and in all. Members' addresses have their own share, so that no flood of strangers keeps one from coming back.
import { ipBytes } from '../address.js';
import { TokenBucket } from '../token-bucket.js';
import type { Ip, Millis } from '../types.js';
import { OF_MEMBERS, OF_STRANGERS, MAX_SOURCES, type CallerLimits } from './limits.js';

interface Source {
  readonly rate: TokenBucket;
  halfOpen: number;
}

/** By what it is counted. */
export type NotAdmitted = 'half-open-source' | 'handshake-rate' | 'handshake-rate-source';

/** `displaced`: there were too many half open, and the oldest of them is to be closed: it had its time. */
export type Admitted =
  | { readonly kind: 'refused'; readonly why: NotAdmitted }
  | { readonly kind: 'admitted'; readonly displaced: number | undefined };

export class Admission {
  readonly #strangers = new Callers(OF_STRANGERS);
  readonly #members = new Callers(OF_MEMBERS);
  readonly #isMember: (ip: Ip) => boolean;
  readonly #halfOpen = new Map<number, Callers>();

  /** @param isMember whether a member was last reached or may be there */
  constructor(isMember: (ip: Ip) => boolean) {
    this.#isMember = isMember;
  }

  /** A stream was accepted. @returns whether it is half open now, until `done` */
  admit(conn: number, ip: Ip, now: Millis): Admitted {
    const callers = this.#isMember(ip) ? this.#members : this.#strangers;
    const admitted = callers.admit(conn, ip, now);
    if (admitted.kind === 'admitted') this.#halfOpen.set(conn, callers);
    return admitted;
  }

  /** Its first message is genuine, or was once. @returns whether it is answered as it is; else it has to show that it is no recording */
  isWelcome(conn: number, now: Millis): boolean {
    return this.#halfOpen.get(conn)?.isWelcome(now) ?? false;
  }

  /** How much is remembered: no more than `2 * MAX_SOURCES`, and what may be half open. */
  get entries(): { readonly sources: number; readonly halfOpen: number } {
    const all = [this.#strangers, this.#members];
    return { sources: all.reduce((sum, { sources }) => sum + sources, 0), halfOpen: this.#halfOpen.size };
  }

  /** It has shown who it is, or is closed. Idempotent, and no matter for streams that were not admitted. */
  done(conn: number): void {
    this.#halfOpen.get(conn)?.done(conn);
    this.#halfOpen.delete(conn);
  }
}

/** One share. */
class Callers {
  readonly #limits: CallerLimits;
  readonly #all: TokenBucket;
  readonly #unproven: TokenBucket;
  /** The one that was silent the longest first. */
  readonly #sources = new Map<string, Source>();
  /** The oldest first. */
  readonly #halfOpen = new Map<number, Source>();

  constructor(limits: CallerLimits) {
    this.#limits = limits;
    this.#all = new TokenBucket(limits.perS, limits.burst);
    this.#unproven = new TokenBucket(limits.unprovenPerS, limits.unprovenBurst);
  }

  admit(conn: number, ip: Ip, now: Millis): Admitted {
    const source = this.#source(sourceOf(ip));
    if (source.halfOpen >= this.#limits.halfOpenPerSource) return refused('half-open-source');
    if (!source.rate.take(now)) return refused('handshake-rate-source');
    if (!this.#all.take(now)) return refused('handshake-rate');
    const displaced = this.#halfOpen.size < this.#limits.halfOpen ? undefined : this.#halfOpen.keys().next().value;
    source.halfOpen++;
    this.#halfOpen.set(conn, source);
    return { kind: 'admitted', displaced };
  }

  get sources(): number {
    return this.#sources.size;
  }

  isWelcome(now: Millis): boolean {
    return this.#unproven.take(now);
  }

  done(conn: number): void {
    const source = this.#halfOpen.get(conn);
    if (source !== undefined) source.halfOpen--;
    this.#halfOpen.delete(conn);
  }

  #source(key: string): Source {
    const { perSPerSource, burstPerSource } = this.#limits;
    const known = this.#sources.get(key) ?? { rate: new TokenBucket(perSPerSource, burstPerSource), halfOpen: 0 };
    this.#sources.delete(key);
    this.#sources.set(key, known);
    if (this.#sources.size > MAX_SOURCES) this.#forgetOne();
    return known;
  }

  /** Never one with a stream that is half open: of those there are fewer than sources. */
  #forgetOne(): void {
    for (const [key, { halfOpen }] of this.#sources) if (halfOpen === 0) return void this.#sources.delete(key);
  }
}

const refused = (why: NotAdmitted): Admitted => ({ kind: 'refused', why });

/** An IPv4 address, or the /64 of an IPv6 one: a host has as many of those as it likes. */
export function sourceOf(ip: Ip): string {
  const bytes = ipBytes(ip);
  return bytes.length === 4 ? ip : Buffer.from(bytes.subarray(0, 8)).toString('hex');
}
