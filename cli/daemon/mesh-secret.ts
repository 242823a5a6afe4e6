// Which secrets a launch has: the one that it is given, else those on disk, else a new one if it founds a mesh.
import { randomBytes } from 'node:crypto';
import { heldSecret, jsonFile, newestOf, onlySecret, stretch } from '../../router/index.js';
import type { HeldSecret, Identity, Log, Secrets, StateDir } from '../../router/index.js';
import { ENTROPY_BYTES, parseSecret, secretOf, type Secret } from '../../router/trust/secret.js';
import type { PeerId } from '../../router/types.js';
import type { SecretChoice } from '../secret-option.js';
import { Refused } from './control.js';

interface SecretsOnDisk {
  /** Whose directory it is: neither key file can be another host's. */
  readonly peer: PeerId;
  readonly secrets: Secrets;
}

/** Bytes are in hex; the root is there so that a password is stretched once. */
const secretFile = jsonFile<SecretsOnDisk>(
  'secret.json',
  2,
  ({ peer, secrets: { held, former } }) => ({ peer, held: held.map(heldFields), former }),
  ({ peer, held, former }) => {
    const parsed = Array.isArray(held) ? held.map(heldIn) : [];
    if (typeof peer !== 'string' || parsed.length === 0 || parsed.includes(undefined)) return undefined;
    const ids = Array.isArray(former) ? former.filter((id) => typeof id === 'string') : [];
    return { peer: peer as PeerId, secrets: { held: parsed as HeldSecret[], former: ids } };
  },
);

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));

const heldFields = ({ text, root, number, order }: HeldSecret): Readonly<Record<string, unknown>> => ({
  ...{ text, root: hex(root), number },
  ...(order && { order: hex(order) }),
});

function heldIn(value: unknown): HeldSecret | undefined {
  const { text, root, number, order } = (value ?? {}) as Readonly<Record<string, unknown>>;
  if (typeof text !== 'string' || typeof root !== 'string' || !/^[0-9a-f]{64}$/.test(root)) return undefined;
  if (!Number.isSafeInteger(number) || (number as number) < 0) return undefined;
  return heldSecret(text, bytes(root), number as number, typeof order === 'string' ? bytes(order) : undefined);
}

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
  #secrets: Secrets | undefined;
  /** Was it made by this launch? */
  readonly isNew: boolean;

  private constructor(dir: StateDir, identity: Identity, secrets: Secrets | undefined, isNew: boolean) {
    this.#dir = dir;
    this.#identity = identity;
    this.#secrets = secrets;
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
    if (choice === undefined && kept !== undefined) return new MeshSecret(dir, identity, kept.secrets, false);
    const made = choice ?? found(founding);
    if (kept?.secrets.held.some(({ text }) => text === made.text) === true)
      return new MeshSecret(dir, identity, kept.secrets, false);
    const given = await held(made);
    if (kept?.secrets.former.includes(given.keys.id) === true) {
      log.write('secret-former', {}); // a service's file may have it for ever
      return new MeshSecret(dir, identity, kept.secrets, false);
    }
    const secret = new MeshSecret(dir, identity, undefined, choice === undefined);
    secret.keep(onlySecret(given));
    if (kept !== undefined) log.write('secret-replaced', {});
    return secret;
  }

  /** The newest, as it is typed; undefined: an open mesh. */
  get text(): string | undefined {
    return this.#secrets && newestOf(this.#secrets).text;
  }

  get secrets(): Secrets | undefined {
    return this.#secrets;
  }

  /** On disk when it returns; they hold from now on, also where they cannot be written. @throws StateDirError */
  keep(secrets: Secrets): void {
    this.#secrets = secrets;
    this.#dir.saveSync(secretFile, { peer: this.#identity.id, secrets });
  }
}

export const held = async (secret: Secret): Promise<HeldSecret> => heldSecret(secret.text, await stretch(secret));

/** @throws Refused for one that is to join, or was in a mesh, and says nothing of a secret */
function found({ peers, wasInMesh }: Founding): Secret {
  const remedy = '`mesh secret` on a host of that mesh prints the line to type here; --open is a mesh without';
  if (peers.length > 0) throw new Refused(`it takes the secret of the mesh that "${peers[0]}" is in`, remedy);
  if (wasInMesh) throw new Refused('this host was in a mesh, and its secret is not on disk', remedy);
  return newSecret();
}

export const newSecret = (): Secret => secretOf(new Uint8Array(randomBytes(ENTROPY_BYTES)));

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
