// Which secret a launch has: the one that it is given, else the one on disk, else a new one if it founds a mesh.
import { randomBytes } from 'node:crypto';
import {
  jsonFile,
  meshKeys,
  OPEN_KEYS,
  stretch,
  type Identity,
  type Log,
  type MeshKeys,
  type StateDir,
} from '../../router/index.js';
import { ENTROPY_BYTES, parseSecret, secretOf, type Secret } from '../../router/trust/secret.js';
import type { PeerId } from '../../router/types.js';
import type { SecretChoice } from '../secret-option.js';
import { Refused } from './control.js';

interface SecretOnDisk {
  /** Whose directory it is: neither key file can be another host's. */
  readonly peer: PeerId;
  readonly text: string;
  /** 32 bytes in hex: a password is stretched once. */
  readonly root: string;
}

const secretFile = jsonFile<SecretOnDisk>(
  'secret.json',
  1,
  (secret) => ({ ...secret }),
  ({ peer, text, root }) =>
    typeof peer === 'string' && typeof text === 'string' && typeof root === 'string' && /^[0-9a-f]{64}$/.test(root)
      ? { peer: peer as PeerId, text, root }
      : undefined,
);

/** What a launch is asked to do. */
export interface Founding {
  readonly choice: SecretChoice | undefined;
  /** Whom it is to dial: it joins. */
  readonly peers: readonly string[];
  /** The disk knows of a mesh that it was in. */
  readonly wasInMesh: boolean;
}

export class MeshSecret {
  readonly #dir: StateDir;
  readonly #identity: Identity;
  #text: string | undefined;
  #keys: MeshKeys;
  /** Was it made by this launch? */
  readonly isNew: boolean;

  private constructor(dir: StateDir, identity: Identity, kept: SecretOnDisk | undefined, isNew: boolean) {
    this.#dir = dir;
    this.#identity = identity;
    this.#text = kept?.text;
    this.#keys = kept === undefined ? OPEN_KEYS : meshKeys(new Uint8Array(Buffer.from(kept.root, 'hex')));
    this.isNew = isNew;
  }

  /** @throws Refused, StateDirError */
  static async load(dir: StateDir, identity: Identity, founding: Founding, log: Log): Promise<MeshSecret> {
    const kept = dir.load(secretFile);
    if (kept !== undefined && kept.peer !== identity.id) throw swapped(dir);
    const { choice } = founding;
    if (choice === 'open') {
      if (kept !== undefined)
        throw new Refused("this host's mesh has a secret", 'mesh reset, or launch without --open');
      return new MeshSecret(dir, identity, undefined, false);
    }
    if (choice === undefined && kept !== undefined) return new MeshSecret(dir, identity, kept, false);
    const made = choice ?? found(founding);
    if (kept !== undefined && kept.text === made.text) return new MeshSecret(dir, identity, kept, false);
    const secret = new MeshSecret(dir, identity, undefined, choice === undefined);
    await secret.replace(made);
    if (kept !== undefined) log.write('secret-replaced', {});
    return secret;
  }

  /** As it is typed; undefined: an open mesh. */
  get text(): string | undefined {
    return this.#text;
  }

  get keys(): MeshKeys {
    return this.#keys;
  }

  /** On disk when it resolves. @throws StateDirError */
  async replace(secret: Secret): Promise<void> {
    const root = await stretch(secret);
    this.#dir.saveSync(secretFile, {
      peer: this.#identity.id,
      text: secret.text,
      root: Buffer.from(root).toString('hex'),
    });
    this.#text = secret.text;
    this.#keys = meshKeys(root);
  }
}

/** @throws Refused for one that is to join, or was in a mesh, and says nothing of a secret */
function found({ peers, wasInMesh }: Founding): Secret {
  const remedy = '`mesh secret` on a host of that mesh prints the line to type here; --open is a mesh without';
  if (peers.length > 0) throw new Refused(`it takes the secret of the mesh that "${peers[0]}" is in`, remedy);
  if (wasInMesh) throw new Refused('this host was in a mesh, and its secret is not on disk', remedy);
  return secretOf(new Uint8Array(randomBytes(ENTROPY_BYTES)));
}

const swapped = (dir: StateDir): Refused =>
  new Refused(
    `of identity.json and secret.json in "${dir.path}" one is another host's`,
    `put the right one back, or begin anew: rm -r ${dir.path}`,
  );

/** @throws Refused with status 400 */
export function secretFrom(text: string): Secret {
  const secret = parseSecret(text);
  if (secret.kind === 'fault') throw new Refused(`the secret will not do: ${secret.why}`, undefined, 400);
  return secret;
}
