// What the two sides of a handshake have in common: the words they use, how they wait, and the session that they hold.
import type { Entropy, Random } from '../core.js';
import type { Indices } from '../indices.js';
import type { TokenBucket } from '../token-bucket.js';
import type { Trust } from '../trust/trust.js';
import type { Millis, PeerId, SessionKeys } from '../types.js';
import type { Terms } from '../wire/session.js';
import type { Agreed, Party, Part } from './handshake.js';
import { OLDEST_SLEEVE_VERSION, SLEEVE_VERSION } from './session-keys.js';

/** What two sides came to. `receiveIndex` is unlike that of every other session of this router. */
export interface Session extends SessionKeys {
  readonly peer: PeerId;
  readonly initiatedBy: 'self' | 'peer';
  readonly at: Millis;
  /**
   * Has the peer proven that it holds the keys? If not, open with this session, and go on sending with the one before, if
   * there is one, until `sessionConfirmed` or the first datagram that opens. The next session takes the place of one that
   * was never confirmed.
   */
  readonly confirmed: boolean;
}

export type LostReason = 'unwanted' | 'left' | 'forgotten';

export type SessionFx =
  | ({ readonly kind: 'session' } & Session)
  | { readonly kind: 'sessionConfirmed'; readonly peer: PeerId; readonly receiveIndex: number }
  /** None of the peer's sessions is to be used any more. */
  | { readonly kind: 'sessionLost'; readonly peer: PeerId; readonly reason: LostReason };

export type SideFx =
  | SessionFx
  | {
      readonly kind: 'say';
      readonly to: PeerId;
      readonly type: number;
      readonly token: Uint8Array;
      readonly body: Uint8Array;
    }
  | { readonly kind: 'drop'; readonly reason: string };

/** What all handshakes of a router share. */
export interface Shared {
  readonly self: PeerId;
  readonly party: Party;
  /** As it is now: its keys change. */
  readonly trust: () => Trust;
  readonly aes: boolean;
  readonly random: Random;
  readonly entropy: Entropy;
  readonly indices: Indices;
  /** Of the answers that this router gives, whoever asks. */
  readonly answers: TokenBucket;
  /** Can a frame be sent towards the peer? */
  reaches(peer: PeerId): boolean;
}

/** Our part towards one peer. Every method may be called at any time; only `tick` looks at the time that has come. */
export interface Side {
  /** Due work, at most one handshake's worth. Infinity: none. */
  readonly dueAt: Millis;
  tick(now: Millis): SideFx[];
  received(type: number, token: Uint8Array, body: Uint8Array, now: Millis): SideFx[];
  /** The session has sealed as much as it may: a new one, soon. */
  worn(now: Millis): void;
  /** The peer runs anew: it has none of our sessions. */
  restarted(now: Millis): void;
  /** There is a way to the peer that was not there before. `direct`: a connection. */
  reachable(direct: boolean, now: Millis): void;
  readonly hasSession: boolean;
  /** Gives up everything. */
  end(): void;
}

/** How long the messages of one handshake are repeated before another one is begun, and answered. */
export const HANDSHAKE_MS = 10_000;
/** Forged messages that one handshake survives: each costs a signature's worth of work. */
export const MAX_FAULTS = 3;

export const newPart = (s: Shared): Part => {
  const terms: Terms = {
    version: SLEEVE_VERSION,
    oldest: OLDEST_SLEEVE_VERSION,
    aes: s.aes,
    index: s.indices.draw(),
  };
  return { ephemeral: s.party.crypto.noise.keyPair(s.entropy(32)), terms };
};

/** The session in force, and the index of the one before, in which data may still be under way. */
export class Tenure {
  readonly #indices: Indices;
  current: { readonly token: Uint8Array; readonly receiveIndex: number; readonly at: Millis } | undefined;
  #former: number | undefined;

  constructor(indices: Indices) {
    this.#indices = indices;
  }

  /** @param part becomes the session's; its index is released when there have been two others */
  adopt(
    token: Uint8Array,
    part: Part,
    agreed: Agreed,
    about: Pick<Session, 'peer' | 'initiatedBy' | 'confirmed' | 'at'>,
  ): SideFx {
    this.#indices.release(this.#former);
    this.#former = this.current?.receiveIndex;
    const [sendIndex, receiveIndex] = [agreed.theirs.index, part.terms.index];
    this.current = { token, receiveIndex, at: about.at };
    const { sendKey, receiveKey, cipher } = agreed;
    return { kind: 'session', ...about, sendKey, receiveKey, sendIndex, receiveIndex, cipher };
  }

  end(): void {
    this.#indices.release(this.current?.receiveIndex);
    this.#indices.release(this.#former);
    this.current = undefined;
    this.#former = undefined;
  }
}
