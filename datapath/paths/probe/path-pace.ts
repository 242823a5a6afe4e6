// When a path is probed: how quickly in each state, by whom of the two, and together with which others.
import type { Millis } from '../../../router/types.js';
import type { Path } from './path-state.js';

export const QUICK_MS = 200;
const DOWN_MS = 1_000;
/** A path that is down for this long may never have been one: behind a hub most are not. One that comes back is still up, and
 *  trusted, within five seconds. */
const LONG_DOWN_AFTER_MS = 60_000;
const LONG_DOWN_MS = 3_000;
/** While the pair has traffic: three losses at this pace are known within a second. */
export const BUSY_MS = 200;
/** Then too only the leading side probes; the other probes itself when the next is late by this. */
const BUSY_GRACE_MS = 50;
/** The pace of a side that hears nothing, or hears that it is not heard: so that both know within a second. */
const ASKING_MS = 100;
export const IDLE_MS = 5_000;
/** Paths whose turns are no further apart are probed together, for to wake costs more than to probe: idle and busy ones. */
const TOGETHER_SHARE = 1 / 16;
const BUSY_TOGETHER_MS = 60;
/** When idle only the leading side probes; the other waits this much longer, and takes the probe as its evidence. */
const FOLLOW_GRACE_MS = 1_000;
/** Nobody has any use for the path: so long between two probes while it works, a quarter more or less. */
export const REST_MS = 300_000;
/** The same of a path that has been down for long. */
const REST_DOWN_MS = 60_000;

export function paceMs(p: Path, now: Millis): number {
  switch (p.kind) {
    case 'probing':
      return QUICK_MS;
    case 'down':
      if (p.echoes > 0) return QUICK_MS;
      if (now - (p.losingSince ?? now) < LONG_DOWN_AFTER_MS) return DOWN_MS;
      return p.rests ? REST_DOWN_MS : LONG_DOWN_MS;
    case 'up':
      return isBusy(p, now) ? busyMs(p) : idleMs(p);
  }
}

function busyMs(p: Path): number {
  if (p.losses > 0) return ASKING_MS;
  if (p.leads) return BUSY_MS;
  return p.isHeard ? BUSY_MS + BUSY_GRACE_MS : ASKING_MS;
}

const idleMs = (p: Path): number => (p.leads ? p.idleMs : p.idleMs + FOLLOW_GRACE_MS);

/** May it be probed together with others, rather than at its own moment? */
export const isNear = (p: Path, now: Millis): boolean =>
  p.kind === 'up' && p.losses === 0 && (isTurnNear(p, now) || isCheckNear(p, now));

export const isTurnNear = (p: Path, now: Millis): boolean =>
  isBusy(p, now) ? p.leads && p.nextAt <= now + BUSY_TOGETHER_MS : p.nextAt <= now + p.idleMs * TOGETHER_SHARE;

export const isCheckNear = (p: Path, now: Millis): boolean =>
  p.checkAt <= now + BUSY_TOGETHER_MS && isCheckDue(p, max(now, p.checkAt));

export const isSearchDue = (p: Path, now: Millis): boolean =>
  p.kind === 'up' && p.search === undefined && !p.rests && p.searchAt <= now;

export const isCheckDue = (p: Path, now: Millis): boolean =>
  p.kind === 'up' &&
  !p.rests &&
  p.search === undefined &&
  p.mtu !== undefined &&
  now < p.checksUntil &&
  p.checkAt <= now;

export const isBusy = (p: Path, now: Millis): boolean => now < p.busyUntil;

const max = (a: Millis, b: Millis): Millis => (a > b ? a : b);
