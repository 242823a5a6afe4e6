// How a mesh changes its secret: the order to do so, which its author signs, and the three frames about it (FrameType.rotation).
import type { PeerId } from '../types.js';
import { Reader, Writer } from './bytes.js';
import { PUBLIC_KEY_BYTES, SIGNATURE_BYTES } from './hello.js';
import { PEER_ID_BYTES } from './peer-id.js';

export const SECRET_ROOT_BYTES = 32;
export const MAX_SECRET_BYTES = 256;
export const PROOF_BYTES = 32;
/** Rotations are counted; one that says more is none of ours. */
export const MAX_ROTATION = 2 ** 48;
/** Peers that an order names as put out, and as told. */
export const MAX_ORDER_EVICTED = 1_024;
export const MAX_ORDER_MEMBERS = 16_384;

const FORMAT = 1;
const KEY_ID_DIGITS = 8;
const KINDS = { have: 1, want: 2, tell: 3 } as const;
const MAX_ORDER_BYTES = 512 + MAX_SECRET_BYTES + PEER_ID_BYTES * (MAX_ORDER_EVICTED + MAX_ORDER_MEMBERS);

/** What a router was told to make the secret of the mesh, and whom it is told to. */
export interface Order {
  /** Ed25519, of its author, raw. */
  readonly author: Uint8Array;
  /** 1 .. 2^48: above that of the secret before. */
  readonly number: number;
  /** Of the keys, 32 bytes. */
  readonly root: Uint8Array;
  /** As it is typed: 1 .. 256 printable characters. */
  readonly text: string;
  /** Who is out of the mesh before anybody else is told. */
  readonly evicted: readonly PeerId[];
  /** Who was in the mesh. Nobody else is told: whoever has the old secret alone can become a member while it is accepted. */
  readonly members: readonly PeerId[];
}

export type RotationFrame =
  /** The sender has this secret. `proof`: 32 bytes that only who has it can know, of this stream and direction alone. */
  | { readonly kind: 'have'; readonly number: number; readonly keyId: string; readonly proof: Uint8Array }
  | { readonly kind: 'want'; readonly keyId: string }
  /** `order`: signed, as its author wrote it. */
  | { readonly kind: 'tell'; readonly order: Uint8Array };

export type RotationDrop = 'short' | 'range' | 'text' | 'kind' | 'format';

/** Order, ours, big-endian; what follows it is ignored, and signed as all of it.
 *    off len field
 *     0   1  format     1
 *     1  32  author     Ed25519
 *    33   8  number     1 .. 2^48
 *    41  32  root
 *    73   2  length     1 .. 256
 *    75   n  text       printable ASCII without space
 *     .   2  evicted    0 .. 1024, their ids of 16 bytes behind it
 *     .   2  members    0 .. 16384, their ids of 16 bytes behind it
 * @throws RangeError if there are more: a bug of the caller */
export function encodeOrder(o: Order): Uint8Array {
  const w = new Writer(MAX_ORDER_BYTES);
  w.u8(FORMAT);
  w.bytes(o.author);
  w.u64(o.number);
  w.bytes(o.root);
  w.u16(o.text.length);
  w.text(o.text);
  for (const ids of [o.evicted, o.members]) {
    w.u16(ids.length);
    ids.forEach((id) => w.peerId(id));
  }
  return w.finish();
}

export function decodeOrder(b: Uint8Array): Order | RotationDrop {
  const r = new Reader(b);
  if (r.u8() !== FORMAT) return r.fault ?? 'format';
  const [author, number, root] = [r.bytes(PUBLIC_KEY_BYTES).slice(), r.u64(), r.bytes(SECRET_ROOT_BYTES).slice()];
  const length = r.u16();
  if (length < 1 || length > MAX_SECRET_BYTES) return r.fault ?? 'range';
  const text = r.text(length);
  const evicted = peersIn(r, MAX_ORDER_EVICTED);
  const members = evicted && peersIn(r, MAX_ORDER_MEMBERS);
  if (r.fault !== undefined) return r.fault;
  if (evicted === undefined || members === undefined || !isNumber(number)) return 'range';
  return { author, number, root, text, evicted, members };
}

/** @returns undefined: more than there may be, or fewer than it says */
function peersIn(r: Reader, max: number): readonly PeerId[] | undefined {
  const count = r.u16();
  if (count > max || count * PEER_ID_BYTES > r.remaining) return undefined;
  return Array.from({ length: count }, () => r.peerId());
}

const isNumber = (n: number): boolean => n >= 1 && n <= MAX_ROTATION;

/** The order behind the signature of its author. */
export function decodeSigned(b: Uint8Array): { readonly signature: Uint8Array; readonly order: Uint8Array } | 'short' {
  if (b.length < SIGNATURE_BYTES) return 'short';
  return { signature: b.subarray(0, SIGNATURE_BYTES), order: b.subarray(SIGNATURE_BYTES) };
}

/** Rotation, ours, big-endian. What follows a have or a want is ignored.
 *    off len field
 *     0   1  kind       1 have, 2 want, 3 tell
 *     1   4  key id     have, want
 *     5   8  number     have: 0 .. 2^48
 *    13  32  proof      have
 *     1   n  signed     tell: 64 bytes of signature, the order                                                     */
export function encodeRotation(f: RotationFrame): Uint8Array {
  const w = new Writer(1 + SIGNATURE_BYTES + MAX_ORDER_BYTES, 1 + 4 + 8 + PROOF_BYTES);
  w.u8(KINDS[f.kind]);
  if (f.kind === 'tell') w.bytes(f.order);
  else w.u32(parseInt(f.keyId, 16));
  if (f.kind === 'have') {
    w.u64(f.number);
    w.bytes(f.proof);
  }
  return w.finish();
}

/** Never throws. @returns the frame, its bytes copied */
export function decodeRotation(b: Uint8Array): RotationFrame | RotationDrop {
  const r = new Reader(b);
  const kind = r.u8();
  if (r.fault !== undefined) return r.fault;
  if (kind === KINDS.tell) return { kind: 'tell', order: b.slice(1) };
  if (kind !== KINDS.have && kind !== KINDS.want) return 'kind';
  const keyId = r.u32().toString(16).padStart(KEY_ID_DIGITS, '0');
  if (kind === KINDS.want) return r.fault ?? { kind: 'want', keyId };
  const [number, proof] = [r.u64(), r.bytes(PROOF_BYTES).slice()];
  if (r.fault !== undefined) return r.fault;
  return number > MAX_ROTATION ? 'range' : { kind: 'have', number, keyId, proof };
}
