// The sessions that the receiving worker opens datagrams of, by the index that is in the clear header.
import type { PeerId } from '../../../router/types.js';
import { Assembler } from '../frame/assembler.js';
import type { Opener, Sealing } from '../native/sealing.js';
import type { ReplayWindow } from '../../../router/replay.js';
import type { SessionKeys } from './messages.js';
import type { SendPeer } from './peers.js';
import { sessionState } from './shared.js';

/** What comes in a session by one of the ways. Segments of two inlets are never joined. */
export interface Inlet {
  readonly counters: Float64Array;
}

export interface OpenSession {
  readonly receiveIndex: number;
  readonly peer: SendPeer;
  readonly inlets: readonly [direct: Inlet, relayed: Inlet];
  readonly openers: readonly [Opener, Opener];
  readonly windows: readonly [ReplayWindow, ReplayWindow];
  readonly assembler: Assembler;
  /** Was a datagram of it opened? */
  isHeard: boolean;
}

export class OpenSessions {
  readonly #byIndex = new Map<number, OpenSession>();
  readonly #sealing: Sealing;
  #lastIndex = -1;
  #last: OpenSession | undefined;

  constructor(sealing: Sealing) {
    this.#sealing = sealing;
  }

  find(index: number): OpenSession | undefined {
    if (index !== this.#lastIndex) {
      this.#last = this.#byIndex.get(index);
      this.#lastIndex = index;
    }
    return this.#last;
  }

  add(peer: SendPeer, keys: SessionKeys): void {
    if (this.#byIndex.has(keys.receiveIndex)) return; // it waited, and is now sent with as well
    const { cipher, receiveKey: key, receiveIndex: receiver } = keys;
    const session = {
      receiveIndex: receiver,
      peer,
      inlets: [{ counters: peer.counted.direct }, { counters: peer.counted.relay }] as const,
      openers: [
        this.#sealing.opener({ cipher, key, lane: 0, receiver }),
        this.#sealing.opener({ cipher, key, lane: 1, receiver }),
      ] as const,
      windows: sessionState(keys.state).windows,
      assembler: new Assembler(),
      isHeard: false,
    };
    this.#byIndex.set(receiver, session);
    this.#lastIndex = -1;
  }

  expire(receiveIndex: number): void {
    const session = this.#byIndex.get(receiveIndex);
    if (!session) return;
    this.#byIndex.delete(receiveIndex);
    this.#lastIndex = -1;
    for (const opener of session.openers) opener.close();
  }

  drop(peer: PeerId): void {
    for (const session of [...this.#byIndex.values()]) if (session.peer.id === peer) this.expire(session.receiveIndex);
  }
}
