// The payloads of the membership protocol: swim's messages, our bodies.
import type { PeerId } from '../types.js';
import { PEER_ID_BYTES, peerIdAt, peerIdBytes } from './peer-id.js';

export const SWIM_VERSION = 1;
/** More than any router sends at once; a longer payload is not read at all. */
export const MAX_SWIM_BYTES = 16_384;
export const MAX_SWIM_MESSAGES = 512;
/**
 * A higher one is refused. A router adds one per launch or refutation, so it is forged or spoilt; its refutation, one more,
 * would take the incarnations that streams are written in, which end at 2^21 - 1, for good.
 */
export const MAX_INCARNATION = 2 ** 20;

/** What somebody says of a peer. `accuser` is who suspects it, and is there exactly when `status` is `suspect`. */
export type SwimClaim = { readonly peer: PeerId; readonly incarnation: number } & (
  { readonly status: 'alive' | 'faulty' | 'left' } | { readonly status: 'suspect'; readonly accuser: PeerId }
);

/**
 *  - `ping`, `ack`: are you there; I am. `seq` belongs to who asked.
 *  - `pingReq`: ask `target` for me.
 *  - `sync`: here is my claim about myself; answer with all you know.
 *  - `update`: news.
 */
export type SwimMessage =
  | { readonly kind: 'ping' | 'ack'; readonly seq: number }
  | { readonly kind: 'pingReq'; readonly seq: number; readonly target: PeerId }
  | { readonly kind: 'sync' | 'update'; readonly claim: SwimClaim };

export type SwimDrop = 'empty' | 'oversize' | 'version' | 'unknown-type' | 'malformed';

/** swim's own numbers (its lib/message-type.js); 1 and 2 are reserved there. */
export const SWIM_TYPES = { ping: 10, pingReq: 11, sync: 12, ack: 13, update: 14 } as const;
const COMPOUND = 0;
const STATUSES = ['alive', 'suspect', 'faulty', 'left'] as const;

const SEQ_BYTES = 4;
const CLAIM_BYTES = PEER_ID_BYTES + 7;

/** Payload, ours around swim's: a version, then one message or a compound of several.
 *    off len field
 *     0   1  version      1
 *     1   1  type         0 = compound, 10 ping, 11 ping-req, 12 sync, 13 ack, 14 update
 *     2   n  body
 *
 *  compound: count u16, then `count` times length u16 and a message (type and body); little-endian, as swim writes them.
 *  ping, ack: seq u32.   ping-req: seq u32, target 16.   sync, update: a claim.   All big-endian.
 *
 *  Claim: 23 bytes, 39 for a suspicion.
 *    off len field
 *     0  16  peer         peer id
 *    16   1  status       0 alive, 1 suspect, 2 faulty, 3 left
 *    17   6  incarnation  0 .. 2^20
 *    23  16  accuser      peer id; status 1 only                                    */
export function encodeSwim(messages: readonly SwimMessage[]): Uint8Array {
  const encoded = messages.map((m) => Buffer.concat([Uint8Array.of(SWIM_TYPES[m.kind]), encodeSwimBody(m)]));
  if (encoded.length === 1) return versioned(encoded[0]!);
  const parts = encoded.flatMap((m) => [littleEndian(m.length), m]);
  return versioned(Buffer.concat([Uint8Array.of(COMPOUND), littleEndian(encoded.length), ...parts]));
}

/** Puts the version before a message, or a compound, that swim framed. */
export const versioned = (framed: Uint8Array): Uint8Array => Buffer.concat([Uint8Array.of(SWIM_VERSION), framed]);

/** The part after the type byte, which swim writes itself. */
export function encodeSwimBody(m: SwimMessage): Uint8Array {
  switch (m.kind) {
    case 'ping':
    case 'ack':
      return bigEndian(m.seq, SEQ_BYTES);
    case 'pingReq':
      return Buffer.concat([bigEndian(m.seq, SEQ_BYTES), peerIdBytes(m.target)]);
    case 'sync':
    case 'update':
      return encodeClaim(m.claim);
  }
}

const FIRST_TYPE_AT = 6; // in a compound: after version, type, count and the first length

/** Is it a payload of ours that whoever gets it answers? */
export function asksForAnswer(payload: Uint8Array): boolean {
  const type = payload[1] === COMPOUND ? payload[FIRST_TYPE_AT] : payload[1];
  return type === SWIM_TYPES.ping || type === SWIM_TYPES.sync;
}

/** @returns all messages of the payload, or, if one of them is wrong, why none of them counts. */
export function decodeSwim(payload: Uint8Array): readonly SwimMessage[] | SwimDrop {
  if (payload.length < 2) return 'empty';
  if (payload[0] !== SWIM_VERSION) return 'version'; // before the length: another version may have another limit
  if (payload.length > MAX_SWIM_BYTES) return 'oversize';
  const b = Buffer.from(payload.buffer, payload.byteOffset + 1, payload.length - 1);
  if (b[0] !== COMPOUND) {
    const one = decodeMessage(b);
    return typeof one === 'string' ? one : [one];
  }
  return decodeCompound(b);
}

function decodeCompound(b: Buffer): readonly SwimMessage[] | SwimDrop {
  if (b.length < 3) return 'malformed';
  const count = b.readUInt16LE(1);
  if (count === 0 || count > MAX_SWIM_MESSAGES) return 'malformed';
  const messages: SwimMessage[] = [];
  let at = 3;
  for (let i = 0; i < count; i++) {
    if (b.length - at < 2) return 'malformed';
    const end = at + 2 + b.readUInt16LE(at);
    if (end > b.length) return 'malformed';
    const message = decodeMessage(b.subarray(at + 2, end));
    if (typeof message === 'string') return message;
    messages.push(message);
    at = end;
  }
  return at === b.length ? messages : 'malformed';
}

function decodeMessage(b: Buffer): SwimMessage | SwimDrop {
  if (b.length === 0) return 'malformed';
  const body = b.subarray(1);
  switch (b[0]!) {
    case SWIM_TYPES.ping:
    case SWIM_TYPES.ack:
      if (body.length !== SEQ_BYTES) return 'malformed';
      return { kind: b[0] === SWIM_TYPES.ping ? 'ping' : 'ack', seq: body.readUInt32BE(0) };
    case SWIM_TYPES.pingReq:
      if (body.length !== SEQ_BYTES + PEER_ID_BYTES) return 'malformed';
      return { kind: 'pingReq', seq: body.readUInt32BE(0), target: peerIdAt(body, SEQ_BYTES) };
    case SWIM_TYPES.sync:
    case SWIM_TYPES.update: {
      const claim = decodeClaim(body);
      if (claim === undefined) return 'malformed';
      return { kind: b[0] === SWIM_TYPES.sync ? 'sync' : 'update', claim };
    }
    default:
      return 'unknown-type';
  }
}

function encodeClaim(c: SwimClaim): Uint8Array {
  const status = Uint8Array.of(STATUSES.indexOf(c.status));
  const accuser = c.status === 'suspect' ? peerIdBytes(c.accuser) : new Uint8Array(0);
  return Buffer.concat([peerIdBytes(c.peer), status, bigEndian(c.incarnation, 6), accuser]);
}

function decodeClaim(b: Buffer): SwimClaim | undefined {
  if (b.length < CLAIM_BYTES) return undefined;
  const status = STATUSES[b[PEER_ID_BYTES]!];
  const incarnation = b.readUIntBE(PEER_ID_BYTES + 1, 6);
  if (status === undefined || incarnation > MAX_INCARNATION) return undefined;
  if (b.length !== CLAIM_BYTES + (status === 'suspect' ? PEER_ID_BYTES : 0)) return undefined;
  const peer = peerIdAt(b, 0);
  return status === 'suspect'
    ? { peer, status, incarnation, accuser: peerIdAt(b, CLAIM_BYTES) }
    : { peer, status, incarnation };
}

function bigEndian(n: number, bytes: number): Uint8Array {
  const b = Buffer.alloc(bytes);
  b.writeUIntBE(n, 0, bytes);
  return b;
}

function littleEndian(n: number): Uint8Array {
  const b = Buffer.alloc(2);
  b.writeUInt16LE(n, 0);
  return b;
}
