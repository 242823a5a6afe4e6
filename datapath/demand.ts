// To which peers traffic goes, as far as the router has to know: it keeps a connection to them.
import type { DatapathReport, Millis, PeerId } from '../router/types.js';

/** Traffic is over when none was seen for so long, ms. */
export const QUIET_MS = 300_000;

export class Demand {
  /** When traffic was last seen, the latest last. */
  readonly #seenAt = new Map<PeerId, Millis>();

  /** @param peers whose traffic moved since the last look: there may be none. @returns what changed */
  seen(peers: readonly PeerId[], now: Millis): readonly DatapathReport[] {
    const reports: DatapathReport[] = [];
    for (const peer of peers) {
      if (!this.#seenAt.delete(peer)) reports.push({ kind: 'peerWanted', peer, wanted: true });
      this.#seenAt.set(peer, now);
    }
    for (const [peer, at] of this.#seenAt) {
      if (now - at < QUIET_MS) break;
      this.#seenAt.delete(peer);
      reports.push({ kind: 'peerWanted', peer, wanted: false });
    }
    return reports;
  }

  /** There is no such peer any more. */
  forget(peer: PeerId): void {
    this.#seenAt.delete(peer);
  }
}
