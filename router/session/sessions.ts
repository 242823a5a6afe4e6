// The keys of the sleeve, for each peer that the datapath wants some for: a Noise XX handshake carried by the control plane,
// repeated until it succeeds, and again every two minutes. The lower id of two begins. Events in, effects out.
//
// Nothing is kept or computed for a peer that is not wanted. Of one that is: four answers at once and one a second after, two
// handshakes whose third message has not come, three forgeries of each; of all together 200 answers a second.
import type { Core, Random } from '../core.js';
import { Indices } from '../indices.js';
import { TokenBucket } from '../token-bucket.js';
import type { Trust } from '../trust/trust.js';
import type { Millis, PeerId } from '../types.js';
import { NEVER } from '../waiting.js';
import { sameBytes } from '../wire/bytes.js';
import { SessionType, type SessionFrame } from '../wire/session.js';
import { Initiator } from './initiator.js';
import { KEY_BYTES } from './noise-xx.js';
import { Responder } from './responder.js';
import type { LostReason, Shared, Side, SideFx } from './side.js';

export interface SessionOptions {
  /** Who we are and the secrets of the mesh, now: who does not know one has other keys. */
  readonly trust: () => Trust;
  /** Does this machine seal AES in hardware? */
  readonly aes: boolean;
}

export type SessionsEvent =
  | { readonly kind: 'tick' }
  /** Wanted twice is wanted once. `launch`: of the peer, if a connection told. */
  | {
      readonly kind: 'wanted';
      readonly peer: PeerId;
      readonly wanted: boolean;
      readonly launch?: Uint8Array | undefined;
    }
  | { readonly kind: 'worn'; readonly peer: PeerId }
  /** For us. */
  | { readonly kind: 'frame'; readonly frame: SessionFrame }
  /** A connection to the peer came up. */
  | { readonly kind: 'up'; readonly peer: PeerId; readonly launch: Uint8Array }
  /** The topology changed: who could not be reached may be now. */
  | { readonly kind: 'ways' }
  | { readonly kind: 'gone'; readonly peer: PeerId; readonly reason: LostReason };

interface Wanted {
  readonly side: Side;
  launch: Uint8Array | undefined;
}

/** Work of one tick, some 300 µs a handshake begun: the event loop is not ours alone. */
const STEPS_PER_TICK = 16;
const ANSWERS_PER_S = 200; // some 80 ms of a core each second
const ANSWERS_BURST = 400;
const KNOWN_TYPES: ReadonlySet<number> = new Set(Object.values(SessionType));

export class Sessions implements Core<SessionsEvent, SideFx> {
  readonly #shared: Shared;
  readonly #peers = new Map<PeerId, Wanted>();

  /** @param reaches can a frame be sent towards the peer? */
  constructor(self: PeerId, options: SessionOptions, random: Random, reaches: (peer: PeerId) => boolean) {
    const { trust, aes } = options;
    const { crypto, signer, entropy } = trust();
    this.#shared = {
      self,
      party: { crypto, signer, staticKey: crypto.noise.keyPair(entropy(KEY_BYTES)) },
      trust,
      aes,
      random,
      entropy,
      indices: new Indices(entropy),
      answers: new TokenBucket(ANSWERS_PER_S, ANSWERS_BURST),
      reaches,
    };
  }

  /** Wanted peers. */
  get count(): number {
    return this.#peers.size;
  }

  /** Session indices in use: what grows if a handshake is not given up. */
  get indices(): number {
    return this.#shared.indices.count;
  }

  handle(ev: SessionsEvent, now: Millis): readonly SideFx[] {
    switch (ev.kind) {
      case 'tick':
        return this.#tick(now);
      case 'wanted':
        return ev.wanted ? this.#want(ev.peer, ev.launch, now) : this.#end(ev.peer, 'unwanted');
      case 'worn':
        this.#peers.get(ev.peer)?.side.worn(now);
        return [];
      case 'frame':
        return this.#frame(ev.frame, now);
      case 'up':
        return this.#up(ev.peer, ev.launch, now);
      case 'ways':
        for (const { side } of this.#peers.values()) side.reachable(false, now);
        return [];
      case 'gone':
        return this.#end(ev.peer, ev.reason);
    }
  }

  nextDeadline(): Millis | undefined {
    let at = NEVER;
    for (const { side } of this.#peers.values()) if (side.dueAt < at) at = side.dueAt;
    return at === NEVER ? undefined : at;
  }

  #tick(now: Millis): SideFx[] {
    const fx: SideFx[] = [];
    let steps = 0;
    for (const { side } of this.#peers.values()) {
      if (side.dueAt > now) continue;
      if (++steps > STEPS_PER_TICK) break; // still due: the next tick comes at once
      fx.push(...side.tick(now));
    }
    return fx;
  }

  #want(peer: PeerId, launch: Uint8Array | undefined, now: Millis): SideFx[] {
    if (this.#peers.has(peer) || peer === this.#shared.self) return [];
    const NewSide = this.#shared.self < peer ? Initiator : Responder;
    this.#peers.set(peer, { side: new NewSide(peer, this.#shared, now), launch });
    return [];
  }

  #frame({ src, type, token, body }: SessionFrame, now: Millis): SideFx[] {
    if (!KNOWN_TYPES.has(type)) return [{ kind: 'drop', reason: 'session-type' }];
    const wanted = this.#peers.get(src);
    if (wanted === undefined) return [{ kind: 'drop', reason: 'session-unwanted' }];
    return wanted.side.received(type, token, body, now);
  }

  #up(peer: PeerId, launch: Uint8Array, now: Millis): SideFx[] {
    const wanted = this.#peers.get(peer);
    if (wanted === undefined) return [];
    const isAnew = wanted.launch !== undefined && !sameBytes(wanted.launch, launch);
    wanted.launch = launch;
    if (isAnew) wanted.side.restarted(now);
    else wanted.side.reachable(true, now);
    return [];
  }

  #end(peer: PeerId, reason: LostReason): SideFx[] {
    const wanted = this.#peers.get(peer);
    if (wanted === undefined) return [];
    this.#peers.delete(peer);
    const { hasSession } = wanted.side;
    wanted.side.end();
    return hasSession ? [{ kind: 'sessionLost', peer, reason }] : [];
  }
}
