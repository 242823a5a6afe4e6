// The secrets that a router has: the newest, and while the mesh changes from one to another the old ones that it still accepts.
// This is what is on disk. Pure.
import { sameBytes } from '../wire/bytes.js';
import { MAX_FORMER_SECRETS, MAX_HELD_SECRETS } from './limits.js';
import { meshKeys, type MeshKeys } from './mesh-keys.js';

export interface HeldSecret {
  /** As it is typed. */
  readonly text: string;
  /** 32 bytes. */
  readonly root: Uint8Array;
  readonly keys: MeshKeys;
  /** How many rotations led to it, as far as is known; 0: the one that the mesh was founded with. */
  readonly number: number;
  /** By which it became the mesh's, as its author signed it; undefined: it was given by an operator. */
  readonly order: Uint8Array | undefined;
}

export interface Secrets {
  /** Accepted, the newest first; one at least. */
  readonly held: readonly HeldSecret[];
  /** Key ids of those that are accepted no longer, the latest first. */
  readonly former: readonly string[];
}

/** @param root 32 bytes */
export const heldSecret = (text: string, root: Uint8Array, number = 0, order?: Uint8Array): HeldSecret => ({
  ...{ text, root, number, order },
  keys: meshKeys(root),
});

/** Of two secrets one is newer, to everybody: that of more rotations; of as many, that with the higher key id. */
export const isNewer = (a: HeldSecret, b: HeldSecret): boolean =>
  a.number === b.number ? a.keys.id > b.keys.id : a.number > b.number;

export const onlySecret = (secret: HeldSecret, former: readonly string[] = []): Secrets => ({ held: [secret], former });

export const newestOf = ({ held }: Secrets): HeldSecret => held[0]!;

export const heldNamed = ({ held }: Secrets, keyId: string): HeldSecret | undefined =>
  held.find(({ keys }) => keys.id === keyId);

/** Is it another secret under the key id of one that is held? It can never be. */
export const clashes = (s: Secrets, { keys, root }: HeldSecret): boolean => {
  const known = heldNamed(s, keys.id);
  return known !== undefined && !sameBytes(known.root, root);
};

/** @returns the same with it accepted, in its place; the oldest goes when there are too many. @param secret does not clash */
export function taken(s: Secrets, secret: HeldSecret): Secrets {
  const { id } = secret.keys;
  const known = heldNamed(s, id);
  const merged = known === undefined ? secret : merge(known, secret);
  const held = [...s.held.filter((other) => other !== known), merged].sort((a, b) => (isNewer(a, b) ? -1 : 1));
  return withoutOld({ held, former: s.former.filter((gone) => gone !== id) }, MAX_HELD_SECRETS);
}

/** One secret, of which two things are known: the higher number counts, and the order that goes with it. */
function merge(a: HeldSecret, b: HeldSecret): HeldSecret {
  const order = b.order !== undefined && (a.order === undefined || b.number > a.number) ? b.order : a.order;
  return { ...a, number: Math.max(a.number, b.number), order };
}

/** @returns with the newest alone */
export const retired = (s: Secrets): Secrets => withoutOld(s, 1);

function withoutOld({ held, former }: Secrets, keep: number): Secrets {
  const gone = held.slice(keep).map(({ keys }) => keys.id);
  return { held: held.slice(0, keep), former: [...new Set([...gone, ...former])].slice(0, MAX_FORMER_SECRETS) };
}
