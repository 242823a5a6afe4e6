// What a change of the mesh's secret needs of its router.
import type { Millis, PeerId } from '../types.js';
import type { SealedStream } from './holders.js';
import type { Secrets } from './secrets.js';
import type { Trust } from './trust.js';

export interface RotationHooks {
  neighbours(): readonly PeerId[];
  /** Of a neighbour. */
  stream(peer: PeerId): SealedStream | undefined;
  /** Everyone else who is in the mesh, alive or not. */
  members(): readonly PeerId[];
  isAlive(peer: PeerId): boolean;
  evicted(): readonly PeerId[];
  evict(peer: PeerId): void;
  /** To disk, before anything that is sent after it. */
  keep(secrets: Secrets): void;
  /** What is accepted is other, or what is begun is under another. */
  trusts(trust: Trust): void;
  /** In our own records. */
  publish(keyId: string): void;
  send(to: PeerId, body: Uint8Array): void;
  /** Ends the connection to one that has no secret which is accepted. */
  cut(peer: PeerId, now: Millis): void;
  log(event: string, fields: Readonly<Record<string, string | number>>): void;
}
