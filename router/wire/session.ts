// How two routers agree on the keys of a session: frames on the control streams (FrameType.session), handed from router to
// router until they reach their destination, and what is sealed inside them.
import type { PeerId } from '../types.js';
import { joined, Reader, Writer } from './bytes.js';
import { MAX_HOPS } from './datagram.js';
import { PUBLIC_KEY_BYTES, SIGNATURE_BYTES } from './hello.js';
import { KEY_ID_BYTES } from './knock.js';

export const SESSION_VERSION = 2;
export const TOKEN_BYTES = 8;
export const CONFIRM_BYTES = 16;
export const SESSION_HEADER_BYTES = 44;
/** The longest of today has 260; there is room for what else may come. */
export const MAX_SESSION_BYTES = 1024;

/** Numbers are append-only. A relay does not look at them; a destination drops what it does not know. */
export const SessionType = { request: 1, initiate: 2, answer: 3, finish: 4, confirm: 5 } as const;

export interface SessionFrame {
  /** SessionType, or a number of a later version. */
  readonly type: number;
  /** 1 .. MAX_HOPS: 1 may be received, and is not sent on. */
  readonly hops: number;
  readonly src: PeerId;
  readonly dst: PeerId;
  /** Names the handshake; drawn at random by the initiator. */
  readonly token: Uint8Array;
  readonly body: Uint8Array;
}

export type SessionDrop = 'short' | 'oversize' | 'version' | 'hops';

const HOPS_AT = 2;

/** Session frame, ours, big-endian: 44 bytes, then the body to the end of the frame.
 *    off len field
 *     0   1  version      2
 *     1   1  type         1 request, 2 initiate, 3 answer, 4 finish, 5 confirm
 *     2   1  hops         1 .. 8, the only byte that a relay changes
 *     3   1  flags        0 when sent, ignored when read
 *     4  16  source       peer id
 *    20  16  destination  peer id
 *    36   8  token        random; 0 in a request
 *    44   n  body         0 .. 980 bytes
 *                         request  empty
 *                         initiate the secret's key id, 4; Noise XX, message 1: 32, empty payload
 *                         answer   message 2: 96 and the sealed introduction
 *                         finish   message 3: 64 and the sealed introduction
 *                         confirm  16, derived with the session's keys
 * @throws RangeError if a field is out of range: a bug of the caller */
export function encodeSession(f: SessionFrame): Uint8Array {
  if (f.token.length !== TOKEN_BYTES) throw new RangeError(`token of ${f.token.length} bytes`);
  if (!Number.isInteger(f.hops) || f.hops < 1 || f.hops > MAX_HOPS) throw new RangeError(`hop limit ${f.hops}`);
  const w = new Writer(MAX_SESSION_BYTES, SESSION_HEADER_BYTES + f.body.length);
  for (const byte of [SESSION_VERSION, f.type, f.hops, 0]) w.u8(byte);
  w.peerId(f.src);
  w.peerId(f.dst);
  w.bytes(f.token);
  w.bytes(f.body);
  return w.finish();
}

/** @returns the frame, its bytes views into `b`, or why it is dropped */
export function decodeSession(b: Uint8Array): SessionFrame | SessionDrop {
  if (b.length < 1) return 'short';
  if (b[0] !== SESSION_VERSION) return 'version'; // before the length: another version may have another one
  if (b.length < SESSION_HEADER_BYTES) return 'short';
  if (b.length > MAX_SESSION_BYTES) return 'oversize';
  const r = new Reader(b.subarray(1));
  const [type, hops] = [r.u8(), r.u8()];
  r.u8();
  if (hops < 1 || hops > MAX_HOPS) return 'hops';
  return { type, hops, src: r.peerId(), dst: r.peerId(), token: r.bytes(TOKEN_BYTES), body: r.bytes(r.remaining) };
}

/** For a relay. @param b what `decodeSession` accepted. @returns a copy with one hop less, or that it ends here */
export function relaySession(b: Uint8Array): Uint8Array | 'expired' {
  if (b[HOPS_AT]! <= 1) return 'expired';
  const relayed = b.slice();
  relayed[HOPS_AT]!--;
  return relayed;
}

/** What each side says of its sleeve, sealed in the answer and in the finish. */
export interface Terms {
  /** Of the sleeve's format: the newest this side speaks and the oldest it understands, 1 .. 255. */
  readonly version: number;
  readonly oldest: number;
  /** Has it aes-256-gcm in hardware? chacha20-poly1305 everybody has. */
  readonly aes: boolean;
  /** By which this side knows the session in what it receives, 1 .. 2^32-1. */
  readonly index: number;
}

const AES_256_GCM = 0x0001;
const CHACHA20_POLY1305 = 0x0002;
export const TERMS_BYTES = 8;

/** Terms, ours, big-endian; what follows is not theirs.
 *    off len field
 *     0   1  version  newest version of the sleeve, 1 .. 255
 *     1   1  oldest   1 .. version
 *     2   2  ciphers  0x0001 aes-256-gcm, 0x0002 chacha20-poly1305, always; other bits 0 when sent, ignored when read
 *     4   4  index    1 .. 2^32-1                                                                              */
export function encodeTerms(t: Terms): Uint8Array {
  const w = new Writer(TERMS_BYTES, TERMS_BYTES);
  w.u8(t.version);
  w.u8(t.oldest);
  w.u16(CHACHA20_POLY1305 | (t.aes ? AES_256_GCM : 0));
  w.u32(t.index);
  return w.finish();
}

export function decodeTerms(b: Uint8Array): Terms | 'short' | 'range' {
  const r = new Reader(b);
  const [version, oldest, ciphers, index] = [r.u8(), r.u8(), r.u16(), r.u32()];
  if (r.fault !== undefined) return 'short';
  if (oldest < 1 || oldest > version || index === 0 || (ciphers & CHACHA20_POLY1305) === 0) return 'range';
  return { version, oldest, aes: (ciphers & AES_256_GCM) !== 0, index };
}

/** All that one side says of itself: its terms, and who it is. */
export interface Introduction {
  readonly terms: Terms;
  /** Ed25519, raw: the peer's id is its hash. */
  readonly publicKey: Uint8Array;
  /** Over this handshake, by that key. */
  readonly signature: Uint8Array;
}

/** Introduction, ours. Trailing bytes are ignored: a later version may add fields.
 *    off len field
 *     0   8  terms
 *     8  32  public key  Ed25519
 *    40  64  signature                                                                                        */
export function encodeIntroduction({ terms, publicKey, signature }: Introduction): Uint8Array {
  return joined(encodeTerms(terms), publicKey, signature);
}

/** @returns it, its bytes views into `b` */
export function decodeIntroduction(b: Uint8Array): Introduction | 'short' | 'range' {
  const terms = decodeTerms(b);
  if (typeof terms === 'string') return terms;
  const r = new Reader(b.subarray(TERMS_BYTES));
  const [publicKey, signature] = [r.bytes(PUBLIC_KEY_BYTES), r.bytes(SIGNATURE_BYTES)];
  return r.fault === undefined ? { terms, publicKey, signature } : 'short';
}

/** The body of an initiate: which secret it is under, 8 hex digits, and message 1. */
export const encodeInitiate = (keyId: string, message: Uint8Array): Uint8Array =>
  joined(Buffer.from(keyId, 'hex'), message);

/** @returns both, the message a view into `b` */
export function decodeInitiate(b: Uint8Array): { readonly keyId: string; readonly message: Uint8Array } | 'short' {
  if (b.length < KEY_ID_BYTES) return 'short';
  return { keyId: Buffer.from(b.subarray(0, KEY_ID_BYTES)).toString('hex'), message: b.subarray(KEY_ID_BYTES) };
}
