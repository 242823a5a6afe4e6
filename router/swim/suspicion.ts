// How long a suspect has to refute: Lifeguard's dynamic suspicion (arXiv 1707.00788 §IV-B; memberlist suspicion.go).
import type { Millis, PeerId } from '../types.js';
import type { SwimTiming } from './timing.js';

export interface Suspicion {
  readonly startedAt: Millis;
  readonly accusers: ReadonlySet<PeerId>;
  /** Another router has already given it up. */
  readonly condemned: boolean;
  /** We heard from the suspect since. */
  readonly answered: boolean;
}

/** Accusers beyond the first that bring the time to refute down to its minimum. */
const CONFIRMATIONS = 2;

/** @param members all that are not faulty, ourselves included; fewer than four cannot confirm as much */
export const confirmationsWanted = (members: number): number => Math.max(0, Math.min(CONFIRMATIONS, members - 2));

/**
 * When the suspect is faulty. One accuser alone may have itself to blame and waits long; each that agrees shortens the
 * wait, on a logarithmic scale, down to the time that news takes to reach the suspect and its word to come back. Beyond
 * Lifeguard: who has just heard from the suspect is not talked out of it, and waits in full for it to refute.
 */
export function faultyAt(s: Suspicion, members: number, timing: SwimTiming): Millis {
  const minMs = timing.suspicionMinMs * Math.max(1, (9 + Math.log10(members)) / 10);
  const maxMs = minMs * timing.suspicionMaxFactor;
  const wanted = confirmationsWanted(members);
  const confirmed = Math.min(wanted, s.accusers.size - 1);
  if (s.answered) return (s.startedAt + maxMs) as Millis;
  if (s.condemned || confirmed === wanted) return (s.startedAt + minMs) as Millis;
  const share = Math.log(confirmed + 1) / Math.log(wanted + 1);
  return (s.startedAt + maxMs - share * (maxMs - minMs)) as Millis;
}
