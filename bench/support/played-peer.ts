// What a peer that is only played says: its records, and its answers to what SWIM asks of it.
import { openStore } from '../../router/open-store.js';
import type { PeerId } from '../../router/types.js';
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
  type PeerRecord,
} from '../../router/wire/records.js';
import { decodeSwim, encodeSwim, type SwimMessage } from '../../router/wire/swim.js';
import type { TestIdentity } from '../../test/support/identity.js';
import { NETWORK } from './bare-router.js';
import { manyIp, manyMac } from './many.js';

export interface PlayedPeer extends Pick<PeerRecord, 'name' | 'addresses' | 'vxlanPort'>, TestIdentity {
  readonly connectedTo: readonly PeerId[];
  /** Numbers of `many.ts`. */
  readonly endpoints: Iterable<number>;
}

/** All its records, as blocks of its first launch. */
export function blocksOf(peer: PlayedPeer): readonly Uint8Array[] {
  const { id: self, name, addresses, vxlanPort, signatures } = peer;
  const { store } = openStore({ self, incarnation: 1, signatures }, undefined);
  store.put('core', PEER_KEY, encodePeer({ name, addresses, vxlanPort, state: 'running', version: 'bench' }));
  for (const to of peer.connectedTo)
    store.put('core', connKey(to), encodeConn({ overlay: 'vxlan', rttMs: 1, mtu: 1376 }));
  for (const n of peer.endpoints) {
    const mac = manyMac(n);
    store.put(NETWORK, macKey(mac), encodeMac(), 1);
    store.put(NETWORK, ipKey(manyIp(n)), encodeIp({ mac }), 1);
  }
  return store.flush();
}

/** @returns what the peer that the datagram is for would answer; undefined if nothing, or if it is not played here */
export function swimAnswer(bytes: Uint8Array, isPlayed: (peer: PeerId) => boolean): Uint8Array | undefined {
  const d = decodeDatagram(bytes);
  if (typeof d === 'string' || !isPlayed(d.dst)) return undefined;
  const messages = decodeSwim(d.payload);
  if (typeof messages === 'string') return undefined;
  const answers = messages.flatMap((m): SwimMessage[] => {
    if (m.kind === 'ping' || m.kind === 'pingReq') return [{ kind: 'ack', seq: m.seq }];
    return m.kind === 'sync' ? [alive(d.dst)] : [];
  });
  return answers.length === 0 ? undefined : swimDatagram(d.dst, d.src, answers);
}

export const swimDatagram = (src: PeerId, dst: PeerId, messages: readonly SwimMessage[]): Uint8Array =>
  encodeDatagram({ kind: 'swim', hops: MAX_HOPS, src, dst, payload: encodeSwim(messages) });

export const alive = (peer: PeerId): SwimMessage => ({
  kind: 'update',
  claim: { peer, status: 'alive', incarnation: 1 },
});
