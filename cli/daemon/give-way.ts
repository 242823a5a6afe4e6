// Which secret an operator gives to a router that runs: of another mesh, to one that is alone; of its own mesh, to one that was away
// when it was changed.
import { formatSocketAddress } from '../../router/address.js';
import { onlySecret, snapshotRouter } from '../../router/index.js';
import type { SecretDocument } from '../api.js';
import { DEFAULT_PORT } from '../options.js';
import { Refused } from './control.js';
import type { Daemon } from './launch.js';
import { held, secretFrom } from './mesh-secret.js';
import { rotationStatus } from './rotate.js';

/** The secret of the mesh that the operator wants to be in. One that is accepted already is no change. @throws Refused */
export async function takeSecret(d: Daemon, text: string): Promise<void> {
  const secret = await held(secretFrom(text));
  const known = d.secret.secrets?.held ?? [];
  if (known.some((other) => other.text === secret.text)) return;
  const uses = usesOf(d);
  if (uses.length === 0) return d.router.dispatch({ kind: 'trusted', secrets: onlySecret(secret) });
  if (known.length === 0)
    throw new Refused(
      `this router's mesh is open, and in use: ${uses.join(', ')}`,
      'mesh reset, then launch with --secret',
    );
  d.router.dispatch({ kind: 'offer', secret });
}

/** None of those whom we were to meet by it did. */
export const refuseSecret = (d: Daemon): void => d.router.dispatch({ kind: 'offer', secret: undefined });

/** Why it does not give way to another mesh. */
function usesOf(d: Daemon): readonly string[] {
  const { peers } = snapshotRouter(d.router.core, d.router.now);
  return [
    ...some(peers.filter((p) => p.state !== 'left').length, 'peer'),
    ...some(d.endpoints.list().length, 'endpoint'),
    ...some(d.exposures.list().length, 'exposed network'),
  ];
}

const some = (n: number, what: string): readonly string[] => (n === 0 ? [] : [`${n} ${what}${n === 1 ? '' : 's'}`]);

export function secretDocument(d: Daemon): SecretDocument {
  return { secret: d.secret.text ?? null, founded: d.secret.isNew, peer: joinAddress(d), rotation: rotationStatus(d) };
}

/** HOST or HOST:PORT, by which another host reaches this one. */
export function joinAddress(d: Pick<Daemon, 'addresses'>): string {
  const [first] = d.addresses();
  return first === undefined ? 'HOST' : first.port === DEFAULT_PORT ? first.ip : formatSocketAddress(first);
}
