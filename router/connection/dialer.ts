// Whom to dial and when. Two sorts of targets: hosts an operator named (kept until forgotten), and peers that gossip told of.
import type { Random } from '../core.js';
import type { Millis, PeerId, SocketAddress } from '../types.js';
import type { ConnId } from './connections.js';
import { Deadlines } from '../deadlines.js';
import { SECRET_BACKOFF_MS } from '../trust/limits.js';

/** A name or address as the operator typed it, split. Names are resolved at each dial. */
export interface Target {
  readonly text: string;
  readonly host: string;
  readonly port: number;
}

export type DialFx = {
  readonly kind: 'dial';
  readonly conn: ConnId;
  readonly host: string;
  readonly port: number;
  readonly timeoutMs: number;
};

/** How a target stands, for `status`. */
export interface TargetState {
  readonly text: string;
  readonly peer: PeerId | undefined;
  readonly state: 'dialling' | 'waiting' | 'refused';
  readonly reason: string;
}

interface Job {
  readonly key: string;
  /** Undefined for a target whose id no hello has told yet. */
  peer: PeerId | undefined;
  candidates: readonly { readonly host: string; readonly port: number }[];
  next: number;
  /** In a row: dials that failed, and connections that did not last. */
  failures: number;
  dueAt: Millis;
  dialledAt: Millis;
  conn: ConnId | undefined;
  reason: string;
  stopped: boolean;
  /** What refused it is not mended by dialling sooner. */
  isPatient: boolean;
  /** How often in a row it was refused for its secret: the next dial is with another. */
  turn: number;
}

/** How soon another dial may do better: `soon`, when an operator has done something, never (our own address, another protocol). */
export type Hope = 'soon' | 'late' | 'never';

const DIAL_TIMEOUT_MS = 1_500; // a lost SYN is sent again after 1 s (RFC 6298 §2.1); longer waits only hide a heal
const BACKOFF_MS = [300, 600, 1_000, 1_500, 2_000]; // capped low: a cut must be healed within 5 s of the link's return
const LATE_BACKOFF_MS = 10_000;
const LATE_AFTER_FAILURES = 300; // about ten minutes
const MAX_DIALS_AT_ONCE = 32;
const LASTING_MS = 10_000; // a connection that ends sooner is a dial that failed: it may go on so for ever
const NO_JOBS: ReadonlySet<Job> = new Set();
const MIN_GAP_MS = 300; // between two dials of all candidates, whatever says that now is a good time

export class Dialer {
  readonly #random: Random;
  readonly #jobs = new Map<string, Job>();
  readonly #byConn = new Map<ConnId, Job>();
  readonly #byPeer = new Map<PeerId, Set<Job>>();
  /** Jobs that may have to be dialled. One whose peer needs no dial is taken out when it falls due, and comes back by `wake`. */
  readonly #due = new Deadlines<Job>();
  #nextConn = 1;

  constructor(random: Random) {
    this.#random = random;
  }

  addTarget(t: Target, now: Millis): void {
    const key = `target/${t.text}`;
    const known = this.#jobs.get(key);
    if (known === undefined || known.stopped)
      return this.#put(job(key, undefined, [{ host: t.host, port: t.port }], now));
    known.dueAt = now;
    this.#schedule(known);
  }

  removeTarget(text: string): boolean {
    return this.#remove(`target/${text}`);
  }

  /** A peer that should be connected, at the addresses it published, best first. Called again when they change. */
  addPeer(peer: PeerId, addresses: readonly SocketAddress[], dueAt: Millis): void {
    const key = `peer/${peer}`;
    const candidates = addresses.map((a) => ({ host: a.ip, port: a.port }));
    const known = this.#jobs.get(key);
    if (known === undefined) return this.#put(job(key, peer, candidates, dueAt));
    known.candidates = candidates;
    this.#schedule(known);
  }

  /** No connection to it is wanted any more; a target that led to it stays one. */
  removePeer(peer: PeerId): void {
    this.#remove(`peer/${peer}`);
  }

  /** There is no such peer any more: a target that led to it leads nowhere that we know of. */
  forgetPeer(peer: PeerId): void {
    this.removePeer(peer);
    for (const j of [...this.#jobsOf(peer)]) {
      this.#setPeer(j, undefined);
      this.#schedule(j);
    }
  }

  /** Does an operator's target lead to it? */
  hasTarget(peer: PeerId): boolean {
    return [...this.#jobsOf(peer)].some((j) => j.key.startsWith('target/'));
  }

  /** The text of the target that a stream was dialled for, if it was. */
  targetOf(conn: ConnId): string | undefined {
    const key = this.#byConn.get(conn)?.key;
    return key?.startsWith('target/') === true ? key.slice(7) : undefined;
  }

  /** Dials whose outcome is awaited. */
  get dialling(): number {
    return this.#byConn.size;
  }

  targets(): readonly TargetState[] {
    return [...this.#jobs.values()]
      .filter((j) => j.key.startsWith('target/'))
      .map((j) => ({
        text: j.key.slice(7),
        peer: j.peer,
        state: j.stopped ? 'refused' : j.conn !== undefined ? 'dialling' : 'waiting',
        reason: j.reason,
      }));
  }

  /** The stream became a connection to `peer`. */
  succeeded(conn: ConnId, peer: PeerId): void {
    const j = this.#byConn.get(conn);
    if (j === undefined) return;
    this.#byConn.delete(conn);
    const failures = Math.min(j.failures, BACKOFF_MS.length - 1);
    Object.assign(j, { conn: undefined, failures, reason: '', isPatient: false, turn: 0 });
    const before = j.peer;
    this.#setPeer(j, peer);
    this.#schedule(j);
    this.#wakeOthers(before, j);
    this.#wakeOthers(peer, j);
  }

  /** The connection to `peer` is no more. One that lasted is dialled again at once. */
  ended(peer: PeerId, upAt: Millis, now: Millis): void {
    for (const j of this.#jobsOf(peer)) {
      j.failures = now - upAt < LASTING_MS ? j.failures + 1 : 0;
      j.dueAt = (j.failures === 0 && !j.isPatient ? now : now + this.#backoffMs(j)) as Millis;
      this.#schedule(j);
    }
  }

  /** What needed no dial may need one now. */
  wake(peer: PeerId): void {
    for (const j of this.#jobsOf(peer)) this.#schedule(j);
  }

  /** Of a dial: how many secrets were tried before it, in vain. */
  turnOf(conn: ConnId): number {
    return this.#byConn.get(conn)?.turn ?? 0;
  }

  /** It was refused for its secret, and dialled anew at once with the next. @returns false: all `ways` were tried, it has failed */
  tryNextSecret(conn: ConnId, ways: number, now: Millis): boolean {
    const j = this.#byConn.get(conn);
    if (j === undefined) return false;
    j.turn = (j.turn + 1) % ways;
    if (j.turn === 0) return false;
    this.#byConn.delete(conn);
    Object.assign(j, { conn: undefined, dueAt: now });
    this.#schedule(j);
    return true;
  }

  failed(conn: ConnId, reason: string, hope: Hope, now: Millis): void {
    const j = this.#byConn.get(conn);
    if (j === undefined) return;
    this.#byConn.delete(conn);
    j.conn = undefined;
    j.reason = reason;
    j.isPatient = hope === 'late';
    j.stopped = hope === 'never' && j.candidates.length === 1 && j.peer === undefined;
    j.next = (j.next + 1) % Math.max(1, j.candidates.length);
    if (j.next === 0) j.failures++;
    j.dueAt = (j.next === 0 ? now + this.#backoffMs(j) : now) as Millis;
    this.#schedule(j);
    this.#wakeOthers(j.peer, j);
  }

  /** The peer parts from us for good: its connection ends next. */
  turnedAway(peer: PeerId, reason: string): void {
    for (const j of this.#jobsOf(peer)) Object.assign(j, { isPatient: true, reason });
  }

  /** Something says that now is a good time: dial without waiting for the back-off. */
  hurry(peer: PeerId, now: Millis): void {
    for (const j of this.#jobsOf(peer)) {
      if (j.dueAt <= now || j.isPatient) continue;
      j.dueAt = Math.min(j.dueAt, Math.max(now, j.dialledAt + MIN_GAP_MS)) as Millis;
      this.#schedule(j);
    }
  }

  /** What kept them out may be gone: those that wait for an operator are dialled now. */
  retry(now: Millis): void {
    for (const j of this.#jobs.values()) {
      if (!j.isPatient) continue;
      Object.assign(j, { isPatient: false, dueAt: now });
      this.#schedule(j);
    }
  }

  /** @param rests those need no dial: until `ended` or `wake` is said of them */
  tick(now: Millis, rests: (peer: PeerId) => boolean): DialFx[] {
    const fx: DialFx[] = [];
    while (this.#byConn.size < MAX_DIALS_AT_ONCE) {
      const j = this.#firstDue(rests);
      if (j === undefined || j.dueAt > now) break;
      this.#due.delete(j);
      const { host, port } = j.candidates[j.next % j.candidates.length]!;
      j.conn = this.#nextConn++;
      j.dialledAt = now;
      this.#byConn.set(j.conn, j);
      fx.push({ kind: 'dial', conn: j.conn, host, port, timeoutMs: DIAL_TIMEOUT_MS });
    }
    return fx;
  }

  nextDeadline(rests: (peer: PeerId) => boolean): Millis | undefined {
    if (this.#byConn.size >= MAX_DIALS_AT_ONCE) return undefined; // an outcome will come first
    return this.#firstDue(rests)?.dueAt;
  }

  /** Of those that need a dial. */
  #firstDue(rests: (peer: PeerId) => boolean): Job | undefined {
    for (;;) {
      const j = this.#due.first;
      if (j?.peer === undefined || !(rests(j.peer) || this.#isDialling(j.peer))) return j;
      this.#due.delete(j);
    }
  }

  #schedule(j: Job): void {
    if (j.stopped || j.conn !== undefined || j.candidates.length === 0) this.#due.delete(j);
    else this.#due.set(j, j.dueAt);
  }

  /** A target and the peer behind it are two jobs and need one dial. */
  #isDialling(peer: PeerId): boolean {
    for (const j of this.#jobsOf(peer)) if (j.conn !== undefined) return true;
    return false;
  }

  /** They waited for the outcome of a dial of `except`. */
  #wakeOthers(peer: PeerId | undefined, except: Job): void {
    if (peer === undefined) return;
    for (const j of this.#jobsOf(peer)) if (j !== except) this.#schedule(j);
  }

  #jobsOf(peer: PeerId): ReadonlySet<Job> {
    return this.#byPeer.get(peer) ?? NO_JOBS;
  }

  #setPeer(j: Job, peer: PeerId | undefined): void {
    const before = j.peer === undefined ? undefined : this.#byPeer.get(j.peer);
    before?.delete(j);
    if (before?.size === 0) this.#byPeer.delete(j.peer!);
    j.peer = peer;
    if (peer !== undefined) this.#byPeer.set(peer, new Set([...this.#jobsOf(peer), j]));
  }

  #put(j: Job): void {
    this.#remove(j.key);
    this.#jobs.set(j.key, j);
    this.#setPeer(j, j.peer);
    this.#schedule(j);
  }

  #backoffMs({ failures, isPatient }: Job): number {
    if (isPatient) return SECRET_BACKOFF_MS * (1 + this.#random() / 4);
    const base =
      failures > LATE_AFTER_FAILURES ? LATE_BACKOFF_MS : BACKOFF_MS[Math.min(failures, BACKOFF_MS.length) - 1]!;
    return base * (0.75 + this.#random() / 2); // spread, so that a healed cut is not a thundering herd
  }

  #remove(key: string): boolean {
    const j = this.#jobs.get(key);
    if (j === undefined) return false;
    if (j.conn !== undefined) this.#byConn.delete(j.conn);
    const { peer } = j;
    this.#setPeer(j, undefined);
    this.#due.delete(j);
    this.#wakeOthers(peer, j);
    return this.#jobs.delete(key);
  }
}

const job = (key: string, peer: PeerId | undefined, candidates: Job['candidates'], dueAt: Millis): Job => ({
  key,
  peer,
  candidates,
  next: 0,
  failures: 0,
  dueAt,
  dialledAt: -Infinity as Millis,
  conn: undefined,
  reason: '',
  stopped: false,
  isPatient: false,
  turn: 0,
});
