// What a change of the mesh's secret needs of a router: its streams, its book of peers, its records.
import { CUT_FRAME } from './farewells.js';
import type { Ledger } from './ledger.js';
import type { Outbox } from './outbox.js';
import type { Partings } from './partings.js';
import type { RouterCore } from './router.js';
import type { RotationHooks } from './trust/rotation.js';
import type { PeerId } from './types.js';
import { parseKey } from './wire/records.js';

type Parts = Pick<RouterCore, 'connections' | 'ledger'>;

export function rotationHooks(
  { connections, ledger }: Parts,
  partings: Partings,
  out: Outbox,
  send: RotationHooks['send'],
  trusts: RotationHooks['trusts'],
): RotationHooks {
  const { book } = ledger;
  return {
    send,
    trusts,
    neighbours: () => connections.peers,
    stream: (peer) => connections.sealed(peer),
    members: () => book.ids().filter((peer) => isMember(ledger, peer)),
    isAlive: (peer) => ['alive', 'suspect'].includes(book.get(peer)?.state ?? ''),
    evicted: () => evictedPeers(ledger),
    evict: (peer) => ledger.evict(peer),
    keep: (secrets) => out.push({ kind: 'keepSecrets', secrets }),
    publish: (keyId) => ledger.publisher.secret(keyId),
    cut: (peer, now) => partings.part(peer, CUT_FRAME, 'it does not have the new secret of the mesh', now),
    log: (event, fields) => out.log(event, fields),
  };
}

const isMember = ({ book }: Ledger, peer: PeerId): boolean =>
  book.get(peer)?.record !== undefined && book.get(peer)?.state !== 'left';

function evictedPeers({ claims }: Ledger): readonly PeerId[] {
  const peers: PeerId[] = [];
  for (const [key] of claims.holders('core')) {
    const parsed = parseKey(key);
    if (parsed?.kind === 'evicted') peers.push(parsed.peer);
  }
  return peers;
}
