// The side with the higher id: it answers, and asks for a handshake when it needs one.
//
//   event                               what is done
//   initiate                            send answer; remember the handshake for 10 s, two of a peer at most
//   initiate, seen                      the same answer again
//   finish of a handshake remembered    session; send confirm; forget the others
//   finish of the session               the same confirm again
//   no session for 0.2 s, then 1, 2 ..  send request
//   the session is old, or worn         send request
import type { Millis, PeerId } from '../types.js';
import { TokenBucket } from '../token-bucket.js';
import { backoff, jittered, NEVER } from '../waiting.js';
import { sameBytes } from '../wire/bytes.js';
import { keysNamed } from '../trust/keyring.js';
import { decodeInitiate, SessionType, TOKEN_BYTES } from '../wire/session.js';
import { accept, answer, type Answer, type Naming, type Part } from './handshake.js';
import { HANDSHAKE_MS, MAX_FAULTS, newPart, Tenure, type Shared, type Side, type SideFx } from './side.js';

const MAX_ANSWERED = 2; // a real one and a late one
const ANSWERS_PER_S = 1;
const ANSWERS_BURST = 4;
const FIRST_REQUEST_MS = 200; // as a rule the initiator comes first
const LATE_REKEY_MS = 160_000; // the initiator ought to have begun long ago
const REQUEST_HOLDOFF_MS = 1_000;

/** A handshake whose third message has not come. */
interface Answered {
  readonly naming: Naming;
  /** The body of the initiate. */
  readonly initiated: Uint8Array;
  readonly message: Uint8Array;
  readonly part: Part;
  readonly answer: Answer;
  readonly until: Millis;
  faults: number;
}

export class Responder implements Side {
  readonly #peer: PeerId;
  readonly #shared: Shared;
  readonly #tenure: Tenure;
  readonly #answers = new TokenBucket(ANSWERS_PER_S, ANSWERS_BURST);
  #answered: Answered[] = [];
  #confirm: Uint8Array = new Uint8Array(0);
  #failures = 0;
  #isCutOff = false;
  #requestAt: Millis;
  #requestedAt = -Infinity as Millis;

  constructor(peer: PeerId, shared: Shared, now: Millis) {
    this.#peer = peer;
    this.#shared = shared;
    this.#tenure = new Tenure(shared.indices);
    this.#requestAt = (now + FIRST_REQUEST_MS) as Millis;
  }

  get dueAt(): Millis {
    return Math.min(this.#requestAt, this.#answered[0]?.until ?? NEVER) as Millis;
  }

  get hasSession(): boolean {
    return this.#tenure.current !== undefined;
  }

  tick(now: Millis): SideFx[] {
    this.#forget((a) => now >= a.until);
    return now >= this.#requestAt ? this.#request(now) : [];
  }

  received(type: number, token: Uint8Array, body: Uint8Array, now: Millis): SideFx[] {
    switch (type) {
      case SessionType.initiate:
        return this.#initiated(token, body, now);
      case SessionType.finish:
        return this.#finished(token, body, now);
      default:
        return [{ kind: 'drop', reason: 'session-role' }];
    }
  }

  worn(now: Millis): void {
    this.#requestAt = Math.min(this.#requestAt, Math.max(now, this.#requestedAt + REQUEST_HOLDOFF_MS)) as Millis;
  }

  /** It begins when it wants to. */
  restarted(now: Millis): void {
    this.reachable(true, now);
  }

  reachable(direct: boolean, now: Millis): void {
    if (direct) this.#failures = 0;
    if (this.#isCutOff || (direct && !this.hasSession)) this.worn(now);
  }

  end(): void {
    this.#forget(() => true);
    this.#tenure.end();
    this.#requestAt = NEVER;
  }

  #request(now: Millis): SideFx[] {
    this.#isCutOff = !this.#shared.reaches(this.#peer);
    this.#requestAt = this.#isCutOff ? NEVER : ((now + backoff(this.#failures++, this.#shared.random)) as Millis);
    if (this.#isCutOff) return [];
    this.#requestedAt = now;
    return [this.#say(SessionType.request, new Uint8Array(TOKEN_BYTES), new Uint8Array(0))];
  }

  #initiated(token: Uint8Array, body: Uint8Array, now: Millis): SideFx[] {
    const seen = this.#answered.find((a) => sameBytes(a.naming.token, token));
    if (seen !== undefined)
      return sameBytes(seen.initiated, body)
        ? [this.#say(SessionType.answer, token, seen.answer.message)]
        : [{ kind: 'drop', reason: 'session-token' }];
    if (this.#isCurrent(token)) return [{ kind: 'drop', reason: 'session-token' }];
    const said = decodeInitiate(body);
    const keys = typeof said === 'string' ? undefined : keysNamed(this.#shared.trust(), said.keyId);
    if (typeof said === 'string' || keys === undefined) return [{ kind: 'drop', reason: 'session-secret' }];
    if (!this.#answers.take(now) || !this.#shared.answers.take(now)) return [{ kind: 'drop', reason: 'session-rate' }];
    const naming = { initiator: this.#peer, responder: this.#shared.self, token: token.slice(), keys };
    return this.#answer(naming, body.slice(), said.message.slice(), now);
  }

  #answer(naming: Naming, initiated: Uint8Array, message: Uint8Array, now: Millis): SideFx[] {
    const part = newPart(this.#shared);
    const reply = answer(this.#shared.party, naming, part, message);
    if (typeof reply === 'string') {
      this.#shared.indices.release(part.terms.index);
      return [{ kind: 'drop', reason: `session-${reply}` }];
    }
    const oldest = this.#answered.length < MAX_ANSWERED ? undefined : this.#answered[0];
    this.#forget((a) => a === oldest);
    const until = (now + HANDSHAKE_MS) as Millis;
    this.#answered.push({ naming, initiated, message, part, answer: reply, until, faults: 0 });
    return [this.#say(SessionType.answer, naming.token, reply.message)];
  }

  #finished(token: Uint8Array, body: Uint8Array, now: Millis): SideFx[] {
    if (this.#isCurrent(token)) return [this.#say(SessionType.confirm, token, this.#confirm)];
    const open = this.#answered.find((a) => sameBytes(a.naming.token, token));
    if (open === undefined) return [{ kind: 'drop', reason: 'session-token' }];
    const agreed = accept(this.#shared.party, open.naming, open.part, open.message, open.answer, body);
    if (typeof agreed === 'string') {
      if (++open.faults >= MAX_FAULTS) this.#forget((a) => a === open);
      return [{ kind: 'drop', reason: `session-${agreed}` }];
    }
    this.#answered = this.#answered.filter((a) => a !== open); // its index is the session's now
    this.#forget(() => true);
    this.#confirm = agreed.confirm;
    this.#failures = 0;
    this.#requestAt = (now + jittered(LATE_REKEY_MS, this.#shared.random)) as Millis;
    const about = { peer: this.#peer, initiatedBy: 'peer', confirmed: true, at: now } as const;
    const session = this.#tenure.adopt(open.naming.token, open.part, agreed, about);
    return [session, this.#say(SessionType.confirm, open.naming.token, agreed.confirm)];
  }

  #isCurrent(token: Uint8Array): boolean {
    return this.#tenure.current !== undefined && sameBytes(this.#tenure.current.token, token);
  }

  #forget(which: (a: Answered) => boolean): void {
    for (const a of this.#answered) if (which(a)) this.#shared.indices.release(a.part.terms.index);
    this.#answered = this.#answered.filter((a) => !which(a));
  }

  #say(type: number, token: Uint8Array, body: Uint8Array): SideFx {
    return { kind: 'say', to: this.#peer, type, token, body };
  }
}
