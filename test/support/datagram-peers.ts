// Peers that know in which launch each of them runs, for what they say by datagrams.
import { Datagrams } from '../../router/trust/datagrams.js';
import { OPEN_KEYS, type MeshKeys } from '../../router/trust/mesh-keys.js';
import type { PeerId } from '../../router/types.js';
import { LAUNCH_BYTES } from '../../router/wire/hello.js';
import { HOPS_AT, MAX_HOPS } from '../../router/wire/datagram.js';
import { cheapCrypto } from './cheap-trust.js';

/** @param n of a peer's launches */
export const launchOf = (peer: PeerId, n = 1): Uint8Array =>
  new Uint8Array(LAUNCH_BYTES).map((_, i) => (i === 0 ? n : peer.charCodeAt(i - 1)));

export class DatagramPeers {
  readonly #ids: readonly PeerId[];
  readonly #senders: ReadonlyMap<PeerId, Datagrams>;

  constructor(...ids: readonly PeerId[]) {
    this.#ids = ids;
    this.#senders = new Map(ids.map((id) => [id, this.fresh(id)]));
  }

  /** One of them that has heard nothing. @param n which of its launches it is. @param crypto left out: the cheap one */
  fresh(id: PeerId, n = 1, keys: MeshKeys = OPEN_KEYS, crypto = cheapCrypto): Datagrams {
    const trust = { keys, alsoAccepted: [], crypto };
    const made = new Datagrams({ self: id, launch: launchOf(id, n), trust });
    for (const other of this.#ids) made.learn(other, launchOf(other), 1);
    return made;
  }

  /** What `src` says next to `dst`, as it comes with so many hops left. */
  datagram(src: PeerId, dst: PeerId, hops = MAX_HOPS, payload = Uint8Array.of(7)): Uint8Array {
    const bytes = this.#senders.get(src)!.seal('swim', dst, payload)!;
    bytes[HOPS_AT] = hops;
    return bytes;
  }
}
