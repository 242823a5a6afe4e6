// Who this router is: a key for life, and a counter that rises with each launch.
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import type { PeerId } from '../types.js';
import { peerIdOf } from '../wire/peer-id.js';
import type { StateDir } from './state-dir.js';
import { jsonFile } from './state-file.js';

export interface Identity {
  readonly id: PeerId;
  /** Ed25519, 32 bytes. */
  readonly publicKey: Uint8Array;
  readonly privateKey: KeyObject;
}

/** Stream versions are incarnation * 2^32 and must stay safe integers. */
export const MAX_INCARNATION = 2 ** 21 - 1;

const SPKI_HEADER_BYTES = 12; // RFC 8410 §4: what comes before the 32 bytes of an Ed25519 key

const identityFile = jsonFile<KeyObject>(
  'identity.json',
  1,
  (key) => ({ privateKey: key.export({ type: 'pkcs8', format: 'pem' }) }),
  ({ privateKey }) => (typeof privateKey === 'string' ? parseKey(privateKey) : undefined),
);

const incarnationFile = jsonFile<number>(
  'incarnation.json',
  1,
  (incarnation) => ({ incarnation }),
  ({ incarnation: n }) =>
    typeof n === 'number' && Number.isInteger(n) && n >= 1 && n <= MAX_INCARNATION ? n : undefined,
);

/** Makes the key at the first launch, and it is on disk when this returns. @throws StateDirError */
export function loadIdentity(dir: StateDir): Identity {
  const known = dir.load(identityFile);
  const identity = known === undefined ? newIdentity() : identityOf(known);
  if (known === undefined) dir.saveSync(identityFile, identity.privateKey);
  return identity;
}

/** That nobody had before. */
export const newIdentity = (): Identity => identityOf(generateKeyPairSync('ed25519').privateKey);

function identityOf(privateKey: KeyObject): Identity {
  const publicKey = rawPublicKey(privateKey);
  return { id: peerIdOf(publicKey), publicKey, privateKey };
}

/** The incarnation of this launch: above every one before it, and synced before it returns, so before it is sent. @throws StateDirError */
export const nextIncarnation = (dir: StateDir): number => raiseIncarnation(dir, dir.load(incarnationFile) ?? 0);

/** For a peer that saw itself newer, or was suspected. @returns what is in force and on disk now, above the given one. @throws StateDirError */
export function raiseIncarnation(dir: StateDir, above: number): number {
  const current = dir.load(incarnationFile) ?? 0;
  if (current > above || current === MAX_INCARNATION) return current;
  const raised = Math.min(above + 1, MAX_INCARNATION);
  dir.saveSync(incarnationFile, raised);
  return raised;
}

function parseKey(pem: string): KeyObject | undefined {
  try {
    const key = createPrivateKey(pem);
    return key.asymmetricKeyType === 'ed25519' ? key : undefined;
  } catch {
    return undefined;
  }
}

const rawPublicKey = (privateKey: KeyObject): Uint8Array =>
  new Uint8Array(createPublicKey(privateKey).export({ type: 'spki', format: 'der' }).subarray(SPKI_HEADER_BYTES));
