// A thousand peers that are not there: their records, and their answers to what SWIM asks of them.
import type { RecordStore } from '../../router/gossip/store.js';
import type { PeerId } from '../../router/types.js';
import { connKey, encodeConn } from '../../router/wire/records.js';
import { alive, blocksOf, swimAnswer, swimDatagram } from '../support/played-peer.js';

import { newIdentity, type TestIdentity } from '../../test/support/identity.js';

/** Connections that each publishes, besides the one to whom we go through. */
const DEGREE = 15;
const CLAIMS_A_DATAGRAM = 40;

export class Crowd {
  answered = 0;
  readonly ids: readonly PeerId[];
  readonly #identities: readonly TestIdentity[];
  readonly #endpointsEach: number;
  readonly #members: ReadonlySet<PeerId>;

  constructor(peers: number, endpointsEach: number) {
    this.#identities = Array.from({ length: peers }, newIdentity);
    this.ids = this.#identities.map(({ id }) => id);
    this.#members = new Set(this.ids);
    this.#endpointsEach = endpointsEach;
  }

  /** Puts the records of all into `store`, and that `via` is connected to each. */
  fill(store: RecordStore, via: PeerId): void {
    this.#identities.forEach(({ id, signatures }, i) => {
      const near = Array.from({ length: DEGREE }, (_, d) => this.ids[(i + d - 7 + this.ids.length) % this.ids.length]!);
      const connectedTo = [via, ...near.filter((other) => other !== id)];
      const endpoints = Array.from({ length: this.#endpointsEach }, (_, e) => i * this.#endpointsEach + e);
      const peer = { id, signatures, name: `crowd-${i}`, addresses: [], vxlanPort: 6785, connectedTo, endpoints };
      for (const block of blocksOf(peer)) store.receive(block);
      store.put('core', connKey(id), encodeConn({ overlay: 'vxlan' }));
    });
  }

  /** Datagrams by which `from` tells `to` that all are alive. */
  *news(from: PeerId, to: PeerId): Iterable<Uint8Array> {
    for (let at = 0; at < this.ids.length; at += CLAIMS_A_DATAGRAM)
      yield swimDatagram(from, to, this.ids.slice(at, at + CLAIMS_A_DATAGRAM).map(alive));
  }

  /** @returns what the peer that the datagram is for would answer; undefined if it is for nobody of these */
  reply(bytes: Uint8Array): Uint8Array | undefined {
    const answer = swimAnswer(bytes, (peer) => this.#members.has(peer));
    if (answer !== undefined) this.answered++;
    return answer;
  }
}
