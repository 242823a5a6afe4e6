// One peer's vxlan path as a state machine: probes go out, echoes come back, and from both follow up or down, RTT and MTU.
//
//   probing ──echo──► up ──3 probes lost──► down ──3 echoes in a row──► up
//      └────────────3 probes lost───────────►┘
import type { Random } from '../../../router/core.js';
import type { Millis } from '../../../router/types.js';
import {
  BUSY_MS,
  IDLE_MS,
  isBusy,
  isCheckDue,
  isCheckNear,
  isSearchDue,
  isTurnNear,
  paceMs,
  QUICK_MS,
} from './path-pace.js';
import { sizeLost, sizePassed, startCheck, startSearch, type MtuSearch } from './mtu-search.js';

/** Consecutive losses that take a path down, and consecutive echoes that bring it back. */
export const LOSSES_TO_DOWN = 3;
export const ECHOES_TO_UP = 3;
/** Traffic keeps the quick pace for this long. */
export const BUSY_FOR_MS = 5_000;
/** It is seen at two looks in a row, 2 s apart: a container's lone router solicitation is no conversation. */
export const CONVERSATION_MS = 3_000;
export const RESEARCH_IDLE_MS = 600_000;
export const RESEARCH_BUSY_MS = 60_000;
/** While traffic lasts: whether what passed still passes. That it does not is known within two seconds. */
export const CHECK_MS = 800;
/** It lasts when it is still seen this long after it began: what a container multicasts to everybody does not. */
export const LASTING_MS = 3_000;
/** A path that does not take what the network sends is looked at again after this, whether it has traffic or not. */
export const NARROW_MS = 60_000;
/** One that was found narrower by a check, sooner: it may have been losses. */
export const DOUBT_MS = 5_000;

/** Somebody has to know soon whether the path works: quick for this long. */
export const HURRY_FOR_MS = 2_000;

const FIRST_TIMEOUT_MS = 600; // nothing is known of the path yet: it may lead around the world
const MIN_TIMEOUT_MS = 200;
const MAX_TIMEOUT_MS = 1_000;
const KEEP_MS = 3_000; // an echo that is late by less still counts
const MAX_SENT = 32;
/** What a busy machine adds to a round trip is in some samples; what the network takes is in all. */
const RTT_SAMPLES = 8;

/** A probe on its way. `packetBytes` is undefined for the small ones that decide on up and down. */
interface Sent {
  readonly nonce: number;
  /** When it was due, and once it has gone (the `sent` event) when that was. */
  readonly at: Millis;
  readonly packetBytes: number | undefined;
  readonly overdue: boolean;
}

export interface Path {
  readonly kind: 'probing' | 'up' | 'down';
  /** Is it ours to probe while idle? Exactly one side says yes. */
  readonly leads: boolean;
  /** Between two probes while the pair has no traffic. */
  readonly idleMs: number;
  /** Has nobody any use for it? Then what is too large is not searched for either. */
  readonly rests: boolean;
  readonly sent: readonly Sent[];
  /** Small probes overdue since something was last heard. */
  readonly losses: number;
  /** When the oldest of those was sent; undefined while there is none. */
  readonly losingSince: Millis | undefined;
  /** Echoes since the last loss. */
  readonly echoes: number;
  readonly nextAt: Millis;
  readonly sentAt: Millis;
  readonly busyUntil: Millis;
  readonly busySince: Millis;
  /** When traffic was last seen; undefined before the first. */
  readonly trafficAt: Millis | undefined;
  /** When a frame of the peer last came, of either kind. */
  readonly heardAt: Millis | undefined;
  /** Does the peer hear us, by the last that came of it? */
  readonly isHeard: boolean;
  /** The network's round trip: the least of `rtts`; undefined when there is none. */
  readonly rttMs: number | undefined;
  /** The last round trips that either side measured, ms, the newest last. */
  readonly rtts: readonly number[];
  /** The last that we measured; the peer is told this, for a minimum told to and fro would never age. */
  readonly measuredMs: number | undefined;
  /** From a probe to its echo being handled, both routers' load included, which timeouts must allow for. Smoothed as RFC 6298. */
  readonly answerMs: number | undefined;
  readonly mtu: number | undefined;
  readonly search: MtuSearch | undefined;
  readonly checkAt: Millis;
  readonly checksUntil: Millis;
  readonly searchAt: Millis;
  readonly searchedAt: Millis | undefined;
}

export type PathEvent =
  | { readonly kind: 'tick' }
  /** Others are probed now, and its own turn is near. */
  | { readonly kind: 'early' }
  /** A probe goes out now. */
  | { readonly kind: 'sent'; readonly nonce: number }
  /** `arrivedAt`: when the kernel received it, at most now. `heldMs`: how long the peer says that it held the probe. */
  | { readonly kind: 'echo'; readonly nonce: number; readonly arrivedAt: Millis; readonly heldMs: number }
  /** The peer probes us. `rttMs` is its measurement: it hears us too. */
  | { readonly kind: 'probe'; readonly nonce: number; readonly arrivedAt: Millis; readonly rttMs: number | undefined }
  | { readonly kind: 'traffic' }
  /** Whether it works is to be known soon. */
  | { readonly kind: 'hurry' }
  /** Nobody has any use for it, or somebody has again; `idleMs` is the pace from now on. */
  | { readonly kind: 'rest'; readonly rests: boolean; readonly idleMs: number }
  /** Another pace while it is idle, unless it rests. */
  | { readonly kind: 'pace'; readonly idleMs: number }
  /** The largest packet anyone wants to send, or the address of either side, is another. */
  | { readonly kind: 'resize' };

export type PathEffect =
  /** `packetBytes` 0: as small as possible. `rttMs` undefined: we do not hear the peer. */
  | {
      readonly kind: 'probe';
      readonly nonce: number;
      readonly packetBytes: number;
      readonly rttMs: number | undefined;
    }
  /** The answer to a probe that is held since `heldSince`. */
  | { readonly kind: 'echo'; readonly nonce: number; readonly heldSince: Millis }
  /** An echo nobody asked for. */
  | { readonly kind: 'unasked' };

export interface PathLimits {
  /** Largest packet anyone wants to send, and the one that passes by definition of IP: inner IP packets, bytes. */
  readonly ceiling: number;
  readonly floor: number;
  readonly random: Random;
}

export const newPath = (leads: boolean, now: Millis, idleMs = IDLE_MS): Path => ({
  kind: 'probing',
  leads,
  idleMs,
  rests: false,
  sent: [],
  losses: 0,
  losingSince: undefined,
  echoes: 0,
  nextAt: now,
  sentAt: 0 as Millis,
  busyUntil: 0 as Millis,
  busySince: 0 as Millis,
  trafficAt: undefined,
  heardAt: undefined,
  isHeard: true,
  rttMs: undefined,
  rtts: [],
  measuredMs: undefined,
  answerMs: undefined,
  mtu: undefined,
  search: undefined,
  checkAt: now,
  checksUntil: 0 as Millis,
  searchAt: now,
  searchedAt: undefined,
});

export function stepPath(p: Path, ev: PathEvent, now: Millis, limits: PathLimits): [Path, readonly PathEffect[]] {
  switch (ev.kind) {
    case 'tick':
      return advance(expire(p, now), now, limits);
    case 'early': {
      const nextAt = isTurnNear(p, now) ? min(p.nextAt, now) : p.nextAt;
      const checkAt = isCheckNear(p, now) ? min(p.checkAt, now) : p.checkAt;
      return advance({ ...p, nextAt, checkAt }, now, limits);
    }
    case 'sent':
      return [{ ...p, sent: p.sent.map((s) => (s.nonce === ev.nonce ? { ...s, at: now } : s)) }, []];
    case 'echo': {
      const sent = p.sent.find((s) => s.nonce === ev.nonce);
      return sent === undefined ? [p, [{ kind: 'unasked' }]] : advance(echoed(p, sent, ev, now), now, limits);
    }
    case 'probe': {
      const echo: PathEffect = { kind: 'echo', nonce: ev.nonce, heldSince: ev.arrivedAt };
      const [next, effects] = advance(probed(p, ev.rttMs, now), now, limits);
      return [next, [echo, ...effects]];
    }
    case 'traffic':
      return advance(trafficked(p, now), now, limits);
    case 'hurry': {
      const until = plus(now, HURRY_FOR_MS);
      const [busyUntil, checksUntil] = [max(p.busyUntil, until), max(p.checksUntil, until)];
      return advance({ ...p, busyUntil, checksUntil, nextAt: min(p.nextAt, now), checkAt: now }, now, limits);
    }
    case 'rest': {
      const nextAt = ev.rests ? p.nextAt : min(p.nextAt, now);
      return advance({ ...p, rests: ev.rests, idleMs: ev.idleMs, nextAt }, now, limits);
    }
    case 'pace':
      return advance(p.rests ? p : { ...p, idleMs: ev.idleMs }, now, limits);
    case 'resize':
      return advance({ ...p, mtu: undefined, search: undefined, searchAt: now }, now, limits);
  }
}

/** When the path next wants a tick. */
export function pathDeadline(p: Path): Millis {
  let at = p.nextAt;
  if (isSearchDue(p, p.searchAt) && p.searchAt < at) at = p.searchAt;
  if (p.checkAt < at && isCheckDue(p, p.checkAt)) at = p.checkAt;
  for (const s of p.sent) {
    const due = dueAt(p, s);
    if (!s.overdue && due < at) at = due;
  }
  return at;
}

/** The largest packet that may pass: what was found, less what has been lost since. Undefined: nothing is known yet. */
export function passesAtMost(p: Path): number | undefined {
  const lost = p.search === undefined ? Infinity : p.search.hi - 1;
  return p.mtu === undefined && p.search === undefined ? undefined : Math.min(p.mtu ?? Infinity, lost);
}

/** The largest packet that is known to pass. */
export function passesAtLeast(p: Path): number | undefined {
  const isInDoubt = p.search !== undefined && p.mtu !== undefined && p.search.hi <= p.mtu;
  return isInDoubt || p.mtu === undefined ? p.search?.lo : p.mtu;
}

const plus = (at: Millis, ms: number): Millis => (at + ms) as Millis;
const min = (a: Millis, b: Millis): Millis => (a < b ? a : b);
const max = (a: Millis, b: Millis): Millis => (a > b ? a : b);
const dueAt = (p: Path, s: Sent): Millis =>
  plus(
    s.at,
    p.answerMs === undefined
      ? FIRST_TIMEOUT_MS
      : Math.min(MAX_TIMEOUT_MS, Math.max(MIN_TIMEOUT_MS, 2 * p.answerMs + 100)),
  );

/** Counts what is overdue. */
function expire(p: Path, now: Millis): Path {
  const late = p.sent.filter((s) => !s.overdue && dueAt(p, s) <= now);
  if (late.length === 0) return p;
  const lost = late.filter((s) => s.packetBytes === undefined);
  const small = lost.length;
  const losses = p.losses + small;
  const losingSince = p.losingSince ?? lost[0]?.at;
  const sent = p.sent.map((s) => (late.includes(s) ? { ...s, overdue: true } : s));
  const next: Path = { ...p, losses, losingSince, sent, echoes: small > 0 ? 0 : p.echoes };
  if (losses >= LOSSES_TO_DOWN && p.kind !== 'down') return { ...next, kind: 'down', search: undefined };
  const search = late.reduce((s, l) => (s && l.packetBytes !== undefined ? sizeLost(s, l.packetBytes) : s), p.search);
  // A loss is asked about at once; before the first echo and after the fall the pace is steady.
  return { ...next, search, nextAt: small > 0 && p.kind === 'up' ? min(p.nextAt, now) : p.nextAt };
}

function echoed(p: Path, sent: Sent, echo: { arrivedAt: Millis; heldMs: number }, now: Millis): Path {
  const small = sent.packetBytes === undefined;
  const next: Path = {
    ...(small ? timed(p, sent, echo) : p),
    answerMs: answered(p, now - sent.at),
    isHeard: true,
    sent: p.sent.filter((s) => s !== sent),
    losses: 0,
    losingSince: undefined,
    echoes: p.echoes + 1,
    heardAt: now,
    search: small || p.search === undefined ? p.search : sizePassed(p.search, sent.packetBytes),
  };
  if (p.kind === 'up') return next;
  if (p.kind === 'probing' || next.echoes >= ECHOES_TO_UP)
    return {
      ...next,
      ...sampled(next.rtts.slice(-next.echoes)), // what was measured before the fall may be another way
      kind: 'up',
      searchAt: now,
      search: undefined,
      nextAt: plus(now, paceMs({ ...next, kind: 'up' }, now)),
    };
  return { ...next, nextAt: min(p.nextAt, plus(now, QUICK_MS)) };
}

function probed(p: Path, rttMs: number | undefined, now: Millis): Path {
  const heard: Path = { ...p, heardAt: now, isHeard: rttMs !== undefined };
  if (p.kind !== 'up' || rttMs === undefined)
    return { ...heard, nextAt: min(p.nextAt, max(now, plus(p.sentAt, QUICK_MS))) };
  const known: Path = { ...heard, ...sampled([...p.rtts, rttMs]), losses: 0, losingSince: undefined };
  return isBusy(p, now) && p.leads ? known : { ...known, nextAt: plus(now, paceMs(known, now)) };
}

function trafficked(p: Path, now: Millis): Path {
  const isConversation = p.trafficAt !== undefined && now - p.trafficAt <= CONVERSATION_MS;
  if (!isConversation) return { ...p, trafficAt: now };
  const busySince = isBusy(p, now) ? p.busySince : now;
  const lasts = now - busySince >= LASTING_MS;
  return {
    ...p,
    trafficAt: now,
    busySince,
    busyUntil: plus(now, BUSY_FOR_MS),
    checksUntil: lasts ? plus(now, BUSY_FOR_MS) : p.checksUntil,
    nextAt: min(p.nextAt, plus(now, BUSY_MS)),
    searchAt: p.searchedAt === undefined ? p.searchAt : min(p.searchAt, plus(p.searchedAt, RESEARCH_BUSY_MS)),
  };
}

function timed(p: Path, sent: Sent, echo: { arrivedAt: Millis; heldMs: number }): Path {
  const measuredMs = Math.max(0, echo.arrivedAt - sent.at - echo.heldMs);
  return { ...p, ...sampled([...p.rtts, measuredMs]), measuredMs };
}

const answered = ({ answerMs }: Path, ms: number): number =>
  answerMs === undefined ? ms : answerMs + (ms - answerMs) / 8;

function sampled(all: readonly number[]): Pick<Path, 'rttMs' | 'rtts'> {
  const rtts = all.slice(-RTT_SAMPLES);
  return { rtts, rttMs: rtts.length === 0 ? undefined : Math.min(...rtts) };
}

/** Sends what is due by now. */
function advance(p: Path, now: Millis, limits: PathLimits): [Path, readonly PathEffect[]] {
  const effects: PathEffect[] = [];
  let q = searched(p, now, limits);
  const size = q.search?.size;
  const large = size !== undefined && !q.sent.some((s) => s.packetBytes !== undefined && !s.overdue);
  if (large) q = send(q, size, now, limits, effects);
  // Every large probe has a small one beside it, so that a dead path is not taken for a narrow one; but for the first of a
  // check, which is not lost as a rule.
  const isRoutine = q.search !== undefined && q.search.known > 0 && q.search.losses === 0;
  if ((large && !isRoutine) || q.nextAt <= now) {
    q = send(q, undefined, now, limits, effects);
    q = { ...q, nextAt: plus(now, paceMs(q, now)) };
  }
  return [q, effects];
}

/** Begins a search that is due, and takes the result of one that is over. */
function searched(p: Path, now: Millis, limits: PathLimits): Path {
  if (p.kind !== 'up') return p;
  let q = p;
  if (isSearchDue(q, now)) q = { ...q, search: startSearch(limits.floor, limits.ceiling, q.mtu) };
  else if (isCheckDue(q, now)) q = { ...q, search: startCheck(limits.floor, q.mtu!) };
  if (q.search === undefined || q.search.size !== undefined) return q;
  const found: Path = { ...q, mtu: q.search.lo, search: undefined, checkAt: plus(now, CHECK_MS) };
  const isNarrow = found.mtu! < limits.ceiling;
  if (q.search.known === 0)
    return { ...found, searchedAt: now, searchAt: plus(now, isNarrow ? NARROW_MS : RESEARCH_IDLE_MS) };
  return found.mtu! < q.mtu! ? { ...found, searchAt: min(q.searchAt, plus(now, DOUBT_MS)) } : found;
}

function send(p: Path, packetBytes: number | undefined, now: Millis, limits: PathLimits, effects: PathEffect[]): Path {
  const nonce = Math.floor(limits.random() * 2 ** 32);
  const hears = p.kind === 'up' && p.losses === 0;
  effects.push({
    kind: 'probe',
    nonce,
    packetBytes: packetBytes ?? 0,
    rttMs: hears ? p.measuredMs : undefined,
  });
  const kept = p.sent.filter((s) => now - s.at < KEEP_MS).slice(1 - MAX_SENT);
  return { ...p, sent: [...kept, { nonce, at: now, packetBytes, overdue: false }], sentAt: now };
}
