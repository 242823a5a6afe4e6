// Whom a router listens to before it knows who it is: streams that were accepted and are half open, counted and rated by source
// and in all. Whoever is turned away costs an accept and a close.
import { ipBytes } from '../address.js';
import { TokenBucket } from '../token-bucket.js';
import type { Ip, Millis } from '../types.js';
import {
  HANDSHAKES_BURST,
  HANDSHAKES_BURST_PER_SOURCE,
  HANDSHAKES_PER_S,
  HANDSHAKES_PER_S_PER_SOURCE,
  MAX_HALF_OPEN,
  MAX_HALF_OPEN_PER_SOURCE,
  MAX_SOURCES,
} from './limits.js';

interface Source {
  readonly rate: TokenBucket;
  halfOpen: number;
}

/** By what it is counted. */
export type NotAdmitted = 'half-open' | 'half-open-source' | 'handshake-rate' | 'handshake-rate-source';

export class Admission {
  readonly #all = new TokenBucket(HANDSHAKES_PER_S, HANDSHAKES_BURST);
  /** The one that was silent the longest first. */
  readonly #sources = new Map<string, Source>();
  #halfOpen = 0;

  /** A stream was accepted. @returns why it is to be closed at once; undefined: it is half open now, until `done` */
  admit(ip: Ip, now: Millis): NotAdmitted | undefined {
    const source = this.#source(sourceOf(ip));
    if (source.halfOpen >= MAX_HALF_OPEN_PER_SOURCE) return 'half-open-source';
    if (!source.rate.take(now)) return 'handshake-rate-source';
    if (this.#halfOpen >= MAX_HALF_OPEN) return 'half-open';
    if (!this.#all.take(now)) return 'handshake-rate';
    source.halfOpen++;
    this.#halfOpen++;
    return undefined;
  }

  /** It has shown who it is, or is closed; once for each that was admitted. */
  done(ip: Ip): void {
    this.#halfOpen--;
    const source = this.#sources.get(sourceOf(ip));
    if (source !== undefined) source.halfOpen--;
  }

  #source(key: string): Source {
    const known = this.#sources.get(key) ?? {
      rate: new TokenBucket(HANDSHAKES_PER_S_PER_SOURCE, HANDSHAKES_BURST_PER_SOURCE),
      halfOpen: 0,
    };
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

/** An IPv4 address, or the /64 of an IPv6 one: a host has as many of those as it likes. */
export function sourceOf(ip: Ip): string {
  const bytes = ipBytes(ip);
  return bytes.length === 4 ? ip : Buffer.from(bytes.subarray(0, 8)).toString('hex');
}
