// Since when the path to each peer has been as it is.
import type { Millis, PathReport, PeerId } from './types.js';

export class PathTimes {
  readonly #paths = new Map<PeerId, { readonly isUp: boolean; readonly at: Millis }>();

  report({ peer, state }: PathReport, now: Millis): void {
    const isUp = state === 'up';
    if (this.#paths.get(peer)?.isUp !== isUp) this.#paths.set(peer, { isUp, at: now });
  }

  /** When it came up, or ceased to be up; undefined before the first report. */
  since(peer: PeerId): Millis | undefined {
    return this.#paths.get(peer)?.at;
  }

  forget(peer: PeerId): void {
    this.#paths.delete(peer);
  }
}
