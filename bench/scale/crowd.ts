// A thousand peers that are not there: their records, and their answers to what SWIM asks of them.
import { encodeSwim, decodeSwim, type SwimMessage } from '../../router/wire/swim.js';
import { openStore } from '../../router/open-store.js';
import type { RecordStore } from '../../router/gossip/store.js';
import type { Ip, Mac, NetworkName, PeerId } from '../../router/types.js';
import { decodeDatagram, encodeDatagram, MAX_HOPS } from '../../router/wire/datagram.js';
import {
  connKey,
  encodeConn,
  encodeIp,
  encodeMac,
  encodePeer,
  ipKey,
  macKey,
  PEER_KEY,
} from '../../router/wire/records.js';
import { manyIp, manyMac } from '../support/many.js';

const NETWORK = 'mesh' as NetworkName;
/** Connections that each publishes, besides the one to whom we go through. */
const DEGREE = 15;
const CLAIMS_A_DATAGRAM = 40;

export class Crowd {
  answered = 0;
  readonly ids: readonly PeerId[];
  readonly #endpointsEach: number;
  readonly #members: ReadonlySet<PeerId>;

  constructor(peers: number, endpointsEach: number) {
    this.ids = Array.from(
      { length: peers },
      (_, i) => `${(0x10000 + i).toString(16).padStart(8, '0')}${'c0'.repeat(12)}` as PeerId,
    );
    this.#members = new Set(this.ids);
    this.#endpointsEach = endpointsEach;
  }

  /** Puts the records of all into `store`, and that `via` is connected to each. */
  fill(store: RecordStore, via: PeerId): void {
    this.ids.forEach((self, i) => {
      const own = openStore({ self, incarnation: 1 }, undefined).store;
      const peer = { name: `crowd-${i}`, addresses: [], vxlanPort: 6785, state: 'running', version: 'bench' } as const;
      own.put('core', PEER_KEY, encodePeer(peer));
      const near = Array.from({ length: DEGREE }, (_, d) => this.ids[(i + d - 7 + this.ids.length) % this.ids.length]!);
      for (const to of [via, ...near.filter((id) => id !== self)])
        own.put('core', connKey(to), encodeConn({ overlay: 'vxlan', rttMs: 1, mtu: 1376 }));
      for (let e = 0; e < this.#endpointsEach; e++) {
        const [mac, ip]: [Mac, Ip] = [manyMac(i * this.#endpointsEach + e), manyIp(i * this.#endpointsEach + e)];
        own.put(NETWORK, macKey(mac), encodeMac(), 1);
        own.put(NETWORK, ipKey(ip), encodeIp({ mac }), 1);
      }
      for (const block of own.flush()) store.receive(block);
      store.put('core', connKey(self), encodeConn({ overlay: 'vxlan' }));
    });
  }

  /** Datagrams by which `from` tells `to` that all are alive. */
  *news(from: PeerId, to: PeerId): Iterable<Uint8Array> {
    for (let at = 0; at < this.ids.length; at += CLAIMS_A_DATAGRAM) {
      const messages = this.ids.slice(at, at + CLAIMS_A_DATAGRAM).map(alive);
      yield encodeDatagram({ kind: 'swim', hops: MAX_HOPS, src: from, dst: to, payload: encodeSwim(messages) });
    }
  }

  /** @returns what the peer that the datagram is for would answer; undefined if it is for nobody of these */
  reply(bytes: Uint8Array): Uint8Array | undefined {
    const d = decodeDatagram(bytes);
    if (typeof d === 'string' || !this.#members.has(d.dst)) return undefined;
    const messages = decodeSwim(d.payload);
    if (typeof messages === 'string') return undefined;
    const answers = messages.flatMap((m): SwimMessage[] => {
      if (m.kind === 'ping' || m.kind === 'pingReq') return [{ kind: 'ack', seq: m.seq }];
      return m.kind === 'sync' ? [alive(d.dst)] : [];
    });
    if (answers.length === 0) return undefined;
    this.answered++;
    return encodeDatagram({ kind: 'swim', hops: MAX_HOPS, src: d.dst, dst: d.src, payload: encodeSwim(answers) });
  }
}

const alive = (peer: PeerId): SwimMessage => ({ kind: 'update', claim: { peer, status: 'alive', incarnation: 1 } });
