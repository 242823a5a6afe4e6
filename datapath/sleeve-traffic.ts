// Which peers the sleeve moves frames for, by its counters.
import type { PeerId } from '../router/types.js';
import type { Sleeve } from './sleeve/sleeve.js';

export interface Moving {
  readonly direct: readonly PeerId[];
  readonly relay: readonly PeerId[];
}

export class SleeveTraffic {
  readonly #framesSeen = new Map<PeerId, number>();

  /** @returns those of `peers` whose counters moved since the last look, by the way that their frames take */
  look(peers: Iterable<PeerId>, sleeve: Sleeve, isRelayed: (peer: PeerId) => boolean): Moving {
    const moving = { direct: new Array<PeerId>(), relay: new Array<PeerId>() };
    for (const peer of peers) {
      const counted = sleeve.peerCounters(peer);
      const frames = counted && counted.txFrames + counted.rxFrames;
      const before = this.#framesSeen.get(peer);
      if (frames === undefined || frames === before) continue;
      this.#framesSeen.set(peer, frames);
      if (before !== undefined) moving[isRelayed(peer) ? 'relay' : 'direct'].push(peer);
    }
    return moving;
  }

  forget(peer: PeerId): void {
    this.#framesSeen.delete(peer);
  }
}
