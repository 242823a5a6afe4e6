// What a peer that is only played says: its records, and its answers to what SWIM asks of it.
import { randomBytes } from 'node:crypto';
import { openStore } from '../../router/open-store.js';
import { deriveDatagramKey } from '../../router/trust/datagram-key.js';
import { Datagrams } from '../../router/trust/datagrams.js';
import type { PeerId } from '../../router/types.js';
import { LAUNCH_BYTES } from '../../router/wire/hello.js';
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
import { benchKeys, NETWORK } from './bare-router.js';
import { manyIp, manyMac } from './many.js';

export interface PlayedPeer extends Pick<PeerRecord, 'name' | 'addresses' | 'vxlanPort'>, TestIdentity {
  readonly launch: Uint8Array;
  readonly connectedTo: readonly PeerId[];
  /** Numbers of `many.ts`. */
  readonly endpoints: Iterable<number>;
}

/** All its records, as blocks of its first launch. */
export function blocksOf(peer: PlayedPeer): readonly Uint8Array[] {
  const { id: self, name, addresses, vxlanPort, signatures, launch } = peer;
  const { store } = openStore({ self, incarnation: 1, signatures }, undefined);
  store.put('core', PEER_KEY, encodePeer({ name, addresses, vxlanPort, state: 'running', version: 'bench', launch }));
  for (const to of peer.connectedTo)
    store.put('core', connKey(to), encodeConn({ overlay: 'vxlan', rttMs: 1, mtu: 1376 }));
  for (const n of peer.endpoints) {
    const mac = manyMac(n);
    store.put(NETWORK, macKey(mac), encodeMac(), 1);
    store.put(NETWORK, ipKey(manyIp(n)), encodeIp({ mac }), 1);
  }
  return store.flush();
}

export const newLaunch = (): Uint8Array => new Uint8Array(randomBytes(LAUNCH_BYTES));

/** What a played peer seals and opens with. */
export const playedDatagrams = (id: PeerId, launch: Uint8Array): Datagrams =>
  new Datagrams({
    self: id,
    launch,
    trust: { keys: benchKeys(), alsoAccepted: [], crypto: { datagramKey: deriveDatagramKey } },
  });

/** @returns what the peer would answer; undefined if nothing, or if it is for another or of nobody that it knows */
export function swimAnswer(self: PeerId, datagrams: Datagrams, bytes: Uint8Array): Uint8Array | undefined {
  const d = datagrams.open(bytes, () => false);
  if (typeof d === 'string' || d.dst !== self) return undefined;
  const messages = decodeSwim(d.payload);
  if (typeof messages === 'string') return undefined;
  const answers = messages.flatMap((m): SwimMessage[] => {
    if (m.kind === 'ping' || m.kind === 'pingReq') return [{ kind: 'ack', seq: m.seq }];
    return m.kind === 'sync' ? [alive(d.dst)] : [];
  });
  return answers.length === 0 ? undefined : datagrams.seal('swim', d.src, encodeSwim(answers));
}

export const alive = (peer: PeerId): SwimMessage => ({
  kind: 'update',
  claim: { peer, status: 'alive', incarnation: 1 },
});
