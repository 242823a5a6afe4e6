// A router that founded a mesh and has nothing in it yet gives way to another mesh: it takes that one's secret.
import { formatSocketAddress } from '../../router/address.js';
import { snapshotRouter } from '../../router/index.js';
import type { SecretDocument } from '../api.js';
import { DEFAULT_PORT } from '../options.js';
import { Refused } from './control.js';
import type { Daemon } from './launch.js';
import { secretFrom } from './mesh-secret.js';

/** The secret of the mesh that the operator wants to be in. One that we have already is no change. @throws Refused, StateDirError */
export async function takeSecret(d: Daemon, text: string): Promise<void> {
  const secret = secretFrom(text);
  if (secret.text === d.secret.text) return;
  const { peers } = snapshotRouter(d.router.core, d.router.now);
  const has = [
    ...some(peers.filter((p) => p.state !== 'left').length, 'peer'),
    ...some(d.endpoints.list().length, 'endpoint'),
    ...some(d.exposures.list().length, 'exposed network'),
  ];
  if (has.length > 0)
    throw new Refused(
      `this router's mesh has another secret, and is in use: ${has.join(', ')}`,
      'mesh reset, then launch with --secret',
    );
  await d.secret.replace(secret);
  d.router.dispatch({ kind: 'trusted', keys: d.secret.keys, alsoAccepted: [] });
}

const some = (n: number, what: string): readonly string[] => (n === 0 ? [] : [`${n} ${what}${n === 1 ? '' : 's'}`]);

export function secretDocument(d: Daemon): SecretDocument {
  const [first] = d.addresses();
  const peer = first === undefined ? 'HOST' : first.port === DEFAULT_PORT ? first.ip : formatSocketAddress(first);
  return { secret: d.secret.text ?? null, founded: d.secret.isNew, peer };
}
