// A thousand peers that are not there: their records, and their answers to what SWIM asks of them.
import type { RecordStore } from '../../router/gossip/store.js';
import type { PeerId } from '../../router/types.js';
import { connKey, encodeConn } from '../../router/wire/records.js';
import { decodeDatagram, type LaunchName } from '../../router/wire/datagram.js';
import { deriveDatagramKey } from '../../router/trust/datagram-key.js';
import type { Datagrams } from '../../router/trust/datagrams.js';
import { encodeSwim } from '../../router/wire/swim.js';
import { benchKeys } from '../support/bare-router.js';
import { alive, blocksOf, newLaunch, playedDatagrams, swimAnswer } from '../support/played-peer.js';
import { newIdentity, type TestIdentity } from '../../test/support/identity.js';

/** Connections that each publishes, besides the one to whom we go through. */
const DEGREE = 15;
const CLAIMS_A_DATAGRAM = 40;

interface Member extends TestIdentity {
  readonly launch: Uint8Array;
  readonly datagrams: Datagrams;
}

export class Crowd {
  answered = 0;
  readonly ids: readonly PeerId[];
  readonly #members: readonly Member[];
  readonly #endpointsEach: number;
  readonly #byName: ReadonlyMap<LaunchName, Member>;

  constructor(peers: number, endpointsEach: number) {
    this.#members = Array.from({ length: peers }, newMember);
    this.ids = this.#members.map(({ id }) => id);
    const { datagram } = benchKeys();
    this.#byName = new Map(this.#members.map((m) => [deriveDatagramKey(datagram, m.id, m.launch).name, m]));
    this.#endpointsEach = endpointsEach;
  }

  /** Puts the records of all into `store`, and that `via` is connected to each. */
  fill(store: RecordStore, via: PeerId): void {
    this.#members.forEach(({ id, signatures, launch }, i) => {
      const near = Array.from({ length: DEGREE }, (_, d) => this.ids[(i + d - 7 + this.ids.length) % this.ids.length]!);
      const connectedTo = [via, ...near.filter((other) => other !== id)];
      const endpoints = Array.from({ length: this.#endpointsEach }, (_, e) => i * this.#endpointsEach + e);
      const about = { id, signatures, launch, name: `crowd-${i}`, addresses: [], vxlanPort: 6785 };
      const peer = { ...about, connectedTo, endpoints };
      for (const block of blocksOf(peer)) store.receive(block);
      store.put('core', connKey(id), encodeConn({ overlay: 'vxlan' }));
    });
  }

  /** From now on all know in which launch the router runs that they answer to. */
  meet(router: PeerId, launch: Uint8Array): void {
    for (const { datagrams } of this.#members) datagrams.learn(router, launch, 1);
  }

  /** Datagrams by which the first tells `to` that all are alive. */
  *news(to: PeerId): Iterable<Uint8Array> {
    for (let at = 0; at < this.ids.length; at += CLAIMS_A_DATAGRAM) {
      const claims = this.ids.slice(at, at + CLAIMS_A_DATAGRAM).map(alive);
      yield this.#members[0]!.datagrams.seal('swim', to, encodeSwim(claims))!;
    }
  }

  /** @returns what the peer that the datagram is for would answer; undefined if it is for nobody of these */
  reply(bytes: Uint8Array): Uint8Array | undefined {
    const header = decodeDatagram(bytes);
    const member = typeof header === 'string' ? undefined : this.#byName.get(header.dst);
    const answer = member && swimAnswer(member.id, member.datagrams, bytes);
    if (answer !== undefined) this.answered++;
    return answer;
  }
}

function newMember(): Member {
  const [identity, launch] = [newIdentity(), newLaunch()];
  return { ...identity, launch, datagrams: playedDatagrams(identity.id, launch) };
}
