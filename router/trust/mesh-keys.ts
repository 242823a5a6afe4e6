// From the secret of a mesh to the keys that prove it: one root, and a key for each use.
import { hkdfSync } from 'node:crypto';
import { KEY_ID_BYTES } from '../wire/knock.js';

/** What a mesh's secret comes to. Whoever has one of the keys has none of the others. */
export interface MeshKeys {
  /** Says in clear which secret is meant, and nothing else about it: 8 hex digits. All zeros: an open mesh. */
  readonly id: string;
  /** 32 bytes each. */
  readonly control: Uint8Array;
  /** Of stamps and proofs, by which a handshake's first message is known for genuine. */
  readonly first: Uint8Array;
  readonly datagram: Uint8Array;
  readonly session: Uint8Array;
  /** By which one who has the secret shows it to another, while the mesh changes to it. */
  readonly held: Uint8Array;
}

export const ROOT_BYTES = 32;
export const OPEN_KEY_ID = '00000000';

const expand = (root: Uint8Array, use: string, bytes: number): Uint8Array =>
  new Uint8Array(hkdfSync('sha256', root, 'mesh secret 1', use, bytes));

/** Of twelve words, which need no stretching. */
export const rootOf = (entropy: Uint8Array): Uint8Array => expand(entropy, 'root', ROOT_BYTES);

/** HKDF-SHA256 (RFC 5869). @param root 32 bytes */
export function meshKeys(root: Uint8Array): MeshKeys {
  const id = Buffer.from(expand(root, 'key id', KEY_ID_BYTES)).toString('hex');
  return {
    id: id === OPEN_KEY_ID ? '00000001' : id,
    control: expand(root, 'control', 32),
    first: expand(root, 'first', 32),
    datagram: expand(root, 'datagram', 32),
    session: expand(root, 'session', 32),
    held: expand(root, 'held', 32),
  };
}

/** Of a mesh without a secret: known to everybody, so that sealed and open routers are one program. */
export const OPEN_KEYS: MeshKeys = { ...meshKeys(new Uint8Array(ROOT_BYTES)), id: OPEN_KEY_ID };
