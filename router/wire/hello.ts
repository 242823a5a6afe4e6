// The first frame on a control stream, by which two routers introduce themselves, and the one by which they part.
import { ipBytes, ipFromBytes } from '../address.js';
import type { PeerId, SocketAddress } from '../types.js';
import { PEER_ID_BYTES, peerIdAt, peerIdBytes } from './peer-id.js';

export const PUBLIC_KEY_BYTES = 32;
/**
 * Random, new at each launch: two connections that show one id and two launches are a restart or a cloned machine. What a launch sends
 * by datagrams is sealed by a key of its own.
 */
export const LAUNCH_BYTES = 16;
export const MAX_NAME_BYTES = 64; // HOST_NAME_MAX of Linux
export const MAX_SOFTWARE_VERSION_BYTES = 32;
export const MAX_SENTENCE_BYTES = 240;

export interface Hello {
  readonly id: PeerId;
  /** Ed25519, raw; `id` is its hash, which the receiver checks. */
  readonly publicKey: Uint8Array;
  readonly name: string;
  /** 1 .. 2^32-1 */
  readonly incarnation: number;
  /** Where this side listens; the address is the one that the connection comes from. */
  readonly port: number;
  readonly launch: Uint8Array;
  /** The address that this side dialled, which is how the other learns what it is reachable at; undefined if it was dialled. */
  readonly dialled: SocketAddress | undefined;
  readonly softwareVersion: string;
}

export type HelloDrop = 'short' | 'text' | 'address' | 'range';

const encodeText = (text: string): Uint8Array => new TextEncoder().encode(text);

const LAUNCH_AT = PEER_ID_BYTES + PUBLIC_KEY_BYTES;
const INCARNATION_AT = LAUNCH_AT + LAUNCH_BYTES;
const FIXED_BYTES = INCARNATION_AT + 6;

/** Hello, ours, big-endian. Trailing bytes are ignored: a later version may add fields.
 *    off len field
 *     0  16  id
 *    16  32  public key       Ed25519
 *    48  16  launch           random
 *    64   4  incarnation      1 .. 2^32-1
 *    68   2  port             1 .. 65535
 *    70   1  dialled length   0 = was dialled, 4 = IPv4, 16 = IPv6
 *    71   n  dialled address
 *     .   2  dialled port     1 .. 65535; absent when the length is 0
 *     .   1  name length      1 .. 64
 *     .   n  name             UTF-8, no control characters
 *     .   1  version length   0 .. 32
 *     .   n  software version UTF-8, no control characters
 * @throws RangeError if a field is out of range: a bug of the caller */
export function encodeHello(h: Hello): Uint8Array {
  const [name, version] = [encodeText(h.name), encodeText(h.softwareVersion)];
  if (name.length < 1 || name.length > MAX_NAME_BYTES) throw new RangeError(`name of ${name.length} bytes`);
  if (version.length > MAX_SOFTWARE_VERSION_BYTES) throw new RangeError(`version of ${version.length} bytes`);
  if (h.publicKey.length !== PUBLIC_KEY_BYTES || h.launch.length !== LAUNCH_BYTES)
    throw new RangeError('key or launch');
  const fixed = new Uint8Array(FIXED_BYTES);
  fixed.set(peerIdBytes(h.id));
  fixed.set(h.publicKey, PEER_ID_BYTES);
  fixed.set(h.launch, LAUNCH_AT);
  new DataView(fixed.buffer).setUint32(INCARNATION_AT, h.incarnation);
  new DataView(fixed.buffer).setUint16(INCARNATION_AT + 4, h.port);
  const dialled = h.dialled === undefined ? Uint8Array.of(0) : encodeAddress(h.dialled);
  return Uint8Array.of(...fixed, ...dialled, name.length, ...name, version.length, ...version);
}

function encodeAddress(a: SocketAddress): Uint8Array {
  const ip = ipBytes(a.ip);
  return Uint8Array.of(ip.length, ...ip, a.port >> 8, a.port);
}

/** @returns the hello, its byte fields copied, or why it is dropped. */
export function decodeHello(b: Uint8Array): Hello | HelloDrop {
  if (b.length < FIXED_BYTES + 1) return 'short';
  const view = new DataView(b.buffer, b.byteOffset, b.length);
  const [incarnation, port, ipLength] = [
    view.getUint32(INCARNATION_AT),
    view.getUint16(INCARNATION_AT + 4),
    b[FIXED_BYTES]!,
  ];
  if (incarnation < 1 || port < 1) return 'range';
  if (![0, 4, 16].includes(ipLength)) return 'address';
  const nameAt = FIXED_BYTES + 1 + (ipLength === 0 ? 0 : ipLength + 2);
  if (b.length < nameAt + 1) return 'short';
  const dialled = ipLength === 0 ? undefined : decodeAddress(view, ipLength);
  if (dialled === 'address') return dialled;
  const name = decodeText(b, nameAt, MAX_NAME_BYTES);
  if (typeof name === 'string') return name;
  if (name.text === '') return 'text';
  const version = decodeText(b, name.end, MAX_SOFTWARE_VERSION_BYTES);
  if (typeof version === 'string') return version;
  const [id, publicKey, launch] = [
    peerIdAt(b, 0),
    b.slice(PEER_ID_BYTES, LAUNCH_AT),
    b.slice(LAUNCH_AT, INCARNATION_AT),
  ];
  return { id, publicKey, launch, incarnation, port, dialled, name: name.text, softwareVersion: version.text };
}

function decodeAddress(view: DataView, ipLength: number): SocketAddress | 'address' {
  const ip = ipFromBytes(new Uint8Array(view.buffer, view.byteOffset + FIXED_BYTES + 1, ipLength));
  const port = view.getUint16(FIXED_BYTES + 1 + ipLength);
  return ip === undefined || port < 1 ? 'address' : { ip, port };
}

export const SIGNATURE_BYTES = 64;

/** The body of a hello frame: the hello, and behind a signature of its sender, whose key the hello has.
 *    off len field
 *     0  64  signature  Ed25519
 *    64   n  hello                                                                                              */
export const encodeSignedHello = (signature: Uint8Array, hello: Uint8Array): Uint8Array =>
  Uint8Array.of(...signature, ...hello);

/** @returns both as views, the hello yet to be decoded */
export function decodeSignedHello(b: Uint8Array): { signature: Uint8Array; hello: Uint8Array } | 'short' {
  if (b.length < SIGNATURE_BYTES) return 'short';
  return { signature: b.subarray(0, SIGNATURE_BYTES), hello: b.subarray(SIGNATURE_BYTES) };
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** A length byte at `at`, then text. Control characters would let a stranger write on an operator's terminal. */
function decodeText(b: Uint8Array, at: number, maxBytes: number): { text: string; end: number } | 'short' | 'text' {
  if (b.length < at + 1) return 'short';
  const end = at + 1 + b[at]!;
  if (b[at]! > maxBytes) return 'text';
  if (b.length < end) return 'short';
  try {
    const text = UTF8.decode(b.subarray(at + 1, end));
    return /\p{Cc}|\p{Cf}|\p{Zl}|\p{Zp}/u.test(text) ? 'text' : { text, end };
  } catch {
    return 'text';
  }
}

/** What the refused side should do: give this target up until an operator speaks, dial again later, or first be told the
 *  secret of the mesh, or its new one; or two machines have one key, and one of them is to get another. Append-only. */
const REFUSE_NUMBERS = { final: 1, retry: 2, secret: 3, clone: 4, former: 5 } as const;
export type RefuseCode = keyof typeof REFUSE_NUMBERS;

const REFUSE_CODES: ReadonlyMap<number, RefuseCode> = new Map(
  Object.entries(REFUSE_NUMBERS).map(([code, n]) => [n, code as RefuseCode]),
);

export interface Refuse {
  readonly code: RefuseCode;
  /** For a person, lower case, no full stop. Cut at 240 bytes. */
  readonly sentence: string;
}

/** Refuse, ours. Trailing bytes are ignored: a later version may add fields.
 *    off len field
 *     0   1  code             1 = final, 2 = retry, 3 = another secret, 4 = a key that another has, 5 = a former secret; any
 *                             other reads as retry
 *     1   1  sentence length  0 .. 240
 *     2   n  sentence         UTF-8, no control characters                                                         */
export function encodeRefuse(r: Refuse): Uint8Array {
  const sentence = new Uint8Array(MAX_SENTENCE_BYTES);
  const { written } = new TextEncoder().encodeInto(r.sentence, sentence); // whole characters only
  return Uint8Array.of(REFUSE_NUMBERS[r.code], written, ...sentence.subarray(0, written));
}

export function decodeRefuse(b: Uint8Array): Refuse | HelloDrop {
  if (b.length < 2) return 'short';
  const sentence = decodeText(b, 1, MAX_SENTENCE_BYTES);
  if (typeof sentence === 'string') return sentence;
  return { code: REFUSE_CODES.get(b[0]!) ?? 'retry', sentence: sentence.text };
}
