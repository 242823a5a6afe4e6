// Ids of peers for tests, by number.
import { createHash } from 'node:crypto';
import type { PeerId } from '../../router/types.js';

/** Ascending, as their numbers are. */
export const peerOf = (n: number): PeerId => n.toString(16).padStart(32, '0') as PeerId;

/** All over the range of ids, as real ones are. */
export const scatteredPeer = (n: number): PeerId =>
  createHash('sha256').update(`${n}`).digest('hex').slice(0, 32) as PeerId;
