// Which secrets a router accepts: its mesh's, and while that is changed another as well (docs/protocol.md, Rotation).
import type { MeshKeys } from './mesh-keys.js';
import type { Trust } from './trust.js';

type Keyring = Pick<Trust, 'keys' | 'alsoAccepted'>;

/** All under which something may be opened, each with an id of its own. The first is the one to seal with. */
export const acceptedKeys = ({ keys, alsoAccepted }: Keyring): readonly MeshKeys[] => [keys, ...alsoAccepted];

/** @param id what the other side says in clear. @returns undefined: its secret is not accepted, or no longer */
export const keysNamed = (ring: Keyring, id: string): MeshKeys | undefined =>
  acceptedKeys(ring).find((keys) => keys.id === id);
