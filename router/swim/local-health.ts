// How far a router doubts itself: Lifeguard's local health multiplier (arXiv 1707.00788 §IV-A). Who gets no processor time
// hears nobody in time, and would accuse them all; so it slows down instead. Pure.

/** 0 .. 8: up with each sign that it is we who are slow, down with each answer to a probe of ours. */
export type Doubt = number;

/** Lifeguard's S: at the most everything takes nine times as long. */
const MAX_DOUBT = 8;

/**
 * A timer came late, or somebody suspected us. Unlike Lifeguard a probe without an answer is no such sign: without nacks from
 * helpers it says as much of the other side, and half a mesh that is cut off would be found out late.
 */
export const raised = (doubt: Doubt): Doubt => Math.min(MAX_DOUBT, doubt + 1);

export const lowered = (doubt: Doubt): Doubt => Math.max(0, doubt - 1);

/** Every wait of the detector is this much longer. */
export const stretched = (doubt: Doubt, ms: number): number => ms * (1 + doubt);
