// A new secret for a mesh that runs: ordered here, and how far it has got.
import { newestOf } from '../../router/index.js';
import { shortPeer, type PeerId } from '../../router/types.js';
import type { RotationStatus } from '../api.js';
import { Refused } from './control.js';
import type { Daemon } from './launch.js';
import { held, newSecret, secretFrom } from './mesh-secret.js';

/**
 * @param text left out: words are made. @returns orders it. Nothing is changed before that is called
 * @throws Refused: an open mesh, a secret that will not do, or one that the mesh has or had
 */
export async function nextSecret(d: Daemon, text: string | undefined): Promise<() => void> {
  const { rotation } = d.router.core;
  if (rotation.secrets === undefined)
    throw new Refused('this mesh is open: it has no secret', 'mesh reset --force, then mesh launch');
  const secret = await held(text === undefined ? newSecret() : secretFrom(text));
  const objection = rotation.objection(secret.root);
  if (objection !== undefined) throw new Refused(`the new secret will not do: ${objection}`, 'mesh secret rotate');
  return () => d.router.dispatch({ kind: 'rotate', text: secret.text, root: secret.root });
}

/** Of the last rotation, done or not; null: the mesh has the secret that it was founded with, as far as is known, or none. */
export function rotationStatus({ router, config, identity }: Daemon): RotationStatus | null {
  const { rotation, ledger } = router.core;
  if (rotation.secrets === undefined || newestOf(rotation.secrets).number === 0) return null;
  const { orderedBy } = rotation;
  const members = ledger.book.ids().filter((peer) => isMember(ledger.book.get(peer)));
  const without = members.filter((peer) => !rotation.hasNewest(peer));
  return {
    key: newestOf(rotation.secrets).keys.id,
    number: newestOf(rotation.secrets).number,
    by: orderedBy === undefined ? '' : orderedBy === identity.id ? config.name : ledger.book.name(orderedBy),
    isOver: !rotation.isUnderWay,
    routers: members.length + 1,
    without: without.map((peer) => ({ id: peer, name: ledger.book.name(peer), why: whyNot(router.core, peer) })),
    oldEndsMs: rotation.oldEndsMs(router.now) ?? null,
  };
}

type Known = ReturnType<Daemon['router']['core']['ledger']['book']['get']>;
const isMember = (entry: Known): boolean => entry?.record !== undefined && entry.state !== 'left';

function whyNot({ rotation, ledger, connections }: Daemon['router']['core'], peer: PeerId): string {
  const state = ledger.book.get(peer)?.state;
  if (state === 'faulty') return 'it does not answer';
  if (state === 'stopped') return 'its router is stopped';
  if (!rotation.mayHave(peer)) return 'it was not known where the change was ordered';
  return connections.of(peer) === undefined
    ? 'no connection leads there'
    : `it has not said so yet (${shortPeer(peer)})`;
}
