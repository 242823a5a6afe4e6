// Sends announcements out of bridge devices, a few at a time: ten thousand addresses that move at once must not
// drown the containers that hear of it.
import type { Ip, LinkIndex, Mac } from '../../../router/types.js';
import { announcement } from './frame.js';

/** At most BATCH frames every BATCH_MS: 2000 a second. */
const BATCH = 100;
export const BATCH_MS = 50;
/** What waits beyond this is dropped and counted: the caches it would mend expire by themselves. */
export const MAX_WAITING = 20_000;

/** Sends one frame out of a link. @returns undefined, or why not */
export type SendFrame = (link: LinkIndex, frame: Uint8Array) => string | undefined;

interface Waiting {
  readonly bridge: LinkIndex;
  readonly ip: Ip;
  readonly mac: Mac;
}

/** A queue in which the last word on an address counts. It owns no timer: call `flush` every BATCH_MS while it says so. */
export class Announcer {
  readonly #waiting = new Map<string, Waiting>();
  readonly #send: SendFrame;
  readonly #count: (name: string) => void;

  constructor(send: SendFrame, count: (name: string) => void) {
    this.#send = send;
    this.#count = count;
  }

  add(bridge: LinkIndex, entries: readonly { readonly ip: Ip; readonly mac: Mac }[]): void {
    for (const { ip, mac } of entries) {
      const key = `${bridge} ${ip}`;
      if (this.#waiting.size >= MAX_WAITING && !this.#waiting.has(key)) this.#count('announce-overflow');
      else this.#waiting.set(key, { bridge, ip, mac });
    }
  }

  /** Sends the next batch. @returns whether more is waiting */
  flush(): boolean {
    let left = BATCH;
    for (const [key, { bridge, ip, mac }] of this.#waiting) {
      if (left-- === 0) break;
      this.#waiting.delete(key);
      const refused = this.#send(bridge, announcement(ip, mac));
      this.#count(refused === undefined ? 'announce-sent' : `announce-${refused}`);
    }
    return this.#waiting.size > 0;
  }
}
