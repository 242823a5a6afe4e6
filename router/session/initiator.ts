// The side with the lower id: it begins every handshake, so two never cross.
//
//   step      event                          next      what is done
//   rest      due, no way to the peer        rest      look again when there is one
//   rest      due                            asked     send initiate
//   asked     no answer for 1, 2, 4 .. s     asked     the same again; after 10 s a new handshake
//   asked     answer                         finished  send finish; session, not confirmed
//   asked     three forged answers           rest      a new handshake when the time comes
//                                                       (forged: not the peer's signature, another secret, or damage)
//   finished  no confirm for 1, 2, 4 s       finished  the same again; after 10 s a new handshake
//   finished  confirm                        rest      sessionConfirmed; due again in 120 s
//   rest      request, session worn          rest      due now
//   any       the peer runs anew             rest      due now
import type { Millis, PeerId } from '../types.js';
import { backoff, jittered, NEVER } from '../waiting.js';
import { sameBytes } from '../wire/bytes.js';
import { encodeInitiate, SessionType, TOKEN_BYTES } from '../wire/session.js';
import { finish, initiate, type Naming, type Part } from './handshake.js';
import { isConfirm } from './session-keys.js';
import { HANDSHAKE_MS, MAX_FAULTS, newPart, Tenure, type Shared, type Side, type SideFx } from './side.js';

const REKEY_MS = 120_000;
const REQUEST_HOLDOFF_MS = 5_000; // after a session: a request that was long under way is none
const RESEND_HOLDOFF_MS = 200; // a request while we ask means that the peer has just begun to listen

type Step =
  | { readonly kind: 'rest' }
  | { readonly kind: 'asked'; readonly naming: Naming; readonly part: Part; readonly since: Millis; faults: number }
  | { readonly kind: 'finished'; readonly token: Uint8Array; readonly since: Millis };

export class Initiator implements Side {
  readonly #peer: PeerId;
  readonly #shared: Shared;
  readonly #tenure: Tenure;
  #step: Step = { kind: 'rest' };
  /** What is repeated until it is answered. */
  #said: SideFx[] = [];
  #saidAt = -Infinity as Millis;
  /** Undefined: the session is confirmed, or there is none. */
  #confirm: Uint8Array | undefined;
  #failures = 0;
  #isCutOff = false;
  #dueAt: Millis;

  constructor(peer: PeerId, shared: Shared, now: Millis) {
    this.#peer = peer;
    this.#shared = shared;
    this.#tenure = new Tenure(shared.indices);
    this.#dueAt = now;
  }

  get dueAt(): Millis {
    return this.#dueAt;
  }

  get hasSession(): boolean {
    return this.#tenure.current !== undefined;
  }

  tick(now: Millis): SideFx[] {
    if (now < this.#dueAt) return [];
    if (this.#step.kind === 'rest' || now - this.#step.since >= HANDSHAKE_MS) return this.#begin(now);
    return this.#say(this.#said, now);
  }

  received(type: number, token: Uint8Array, body: Uint8Array, now: Millis): SideFx[] {
    switch (type) {
      case SessionType.answer:
        return this.#answered(token, body, now);
      case SessionType.confirm:
        return this.#confirmed(token, body, now);
      case SessionType.request:
        this.#requested(now);
        return [];
      default:
        return [{ kind: 'drop', reason: 'session-role' }];
    }
  }

  worn(now: Millis): void {
    if (this.#step.kind === 'rest') this.#dueAt = Math.min(this.#dueAt, now) as Millis;
  }

  restarted(now: Millis): void {
    this.#rest();
    this.#failures = 0;
    this.#dueAt = now;
  }

  reachable(direct: boolean, now: Millis): void {
    if (this.#isCutOff || (direct && this.#step.kind !== 'rest')) this.#dueAt = now;
    if (direct) this.#failures = 0;
  }

  end(): void {
    this.#rest();
    this.#tenure.end();
    this.#dueAt = NEVER;
  }

  #begin(now: Millis): SideFx[] {
    this.#rest();
    this.#isCutOff = !this.#shared.reaches(this.#peer);
    if (this.#isCutOff) {
      this.#dueAt = NEVER;
      return [];
    }
    const token = this.#shared.entropy(TOKEN_BYTES);
    const { keys } = this.#shared.trust();
    const naming = { initiator: this.#shared.self, responder: this.#peer, token, keys };
    const part = newPart(this.#shared);
    this.#step = { kind: 'asked', naming, part, since: now, faults: 0 };
    const body = encodeInitiate(keys.id, initiate(this.#shared.party, naming, part));
    return this.#say([{ kind: 'say', to: this.#peer, type: SessionType.initiate, token, body }], now);
  }

  #say(what: SideFx[], now: Millis): SideFx[] {
    this.#said = what;
    this.#saidAt = now;
    this.#dueAt = (now + backoff(this.#failures++, this.#shared.random)) as Millis;
    return what;
  }

  #rest(): void {
    if (this.#step.kind === 'asked') this.#shared.indices.release(this.#step.part.terms.index);
    this.#step = { kind: 'rest' };
  }

  #answered(token: Uint8Array, body: Uint8Array, now: Millis): SideFx[] {
    const step = this.#step;
    if (step.kind !== 'asked' || !sameBytes(step.naming.token, token))
      return [{ kind: 'drop', reason: 'session-token' }];
    const done = finish(this.#shared.party, step.naming, step.part, body);
    if (typeof done === 'string') {
      if (++step.faults >= MAX_FAULTS) this.#rest();
      return [{ kind: 'drop', reason: `session-${done}` }];
    }
    this.#step = { kind: 'finished', token, since: now };
    this.#confirm = done.agreed.confirm;
    this.#failures = 0;
    const about = { peer: this.#peer, initiatedBy: 'self', confirmed: false, at: now } as const;
    const session = this.#tenure.adopt(step.naming.token, step.part, done.agreed, about);
    const say: SideFx = {
      kind: 'say',
      to: this.#peer,
      type: SessionType.finish,
      token: step.naming.token,
      body: done.message,
    };
    this.#say([say], now);
    return [session, say]; // whoever opens is ready before the peer can send
  }

  /** Also of a handshake that we gave up: the peer has its keys, and so have we. */
  #confirmed(token: Uint8Array, body: Uint8Array, now: Millis): SideFx[] {
    const { current } = this.#tenure;
    if (current === undefined || this.#confirm === undefined || !sameBytes(current.token, token))
      return [{ kind: 'drop', reason: 'session-token' }];
    if (!isConfirm(this.#confirm, body)) return [{ kind: 'drop', reason: 'session-forged' }];
    this.#confirm = undefined;
    if (this.#step.kind === 'finished') {
      this.#step = { kind: 'rest' };
      this.#failures = 0;
      this.#dueAt = (now + jittered(REKEY_MS, this.#shared.random)) as Millis;
    }
    return [{ kind: 'sessionConfirmed', peer: this.#peer, receiveIndex: current.receiveIndex }];
  }

  #requested(now: Millis): void {
    if (this.#step.kind === 'rest') {
      const sessionAt = this.#tenure.current?.at ?? -Infinity;
      if (now - sessionAt >= REQUEST_HOLDOFF_MS) this.#dueAt = Math.min(this.#dueAt, now) as Millis;
    } else if (now - this.#saidAt >= RESEND_HOLDOFF_MS) this.#dueAt = now;
  }
}
