// How routers agree on a way for datagrams of the sleeve through others: frames on the control streams (FrameType.relay), each
// between two neighbours. Every router on the way keeps what came, and tells its next neighbour in its own words.
import type { PeerId } from '../types.js';
import { Reader, Writer } from './bytes.js';

export const RELAY_VERSION = 1;
/** Relays on a way: a datagram of the sleeve leaves with 8 hops, and comes with 1 at least. */
export const MAX_RELAYS = 7;
export const MAX_AVOIDED = 8;
export const RELAY_TOKEN_BYTES = 8;
/** The longest of today has 290. */
export const MAX_RELAY_BYTES = 512;

declare const brand: unique symbol;
/** Names a way for all on it: 16 hex digits. */
export type RelayToken = string & { readonly [brand]: 'RelayToken' };

/** What became of a way, or of the wish for one. Numbers are append-only; an unknown one reads as `lost`. */
const REASONS = { unwanted: 1, 'no-way': 2, full: 3, stranger: 4, lost: 5, failed: 6 } as const;
export type EndReason = keyof typeof REASONS;

export interface Setup {
  readonly kind: 'setup';
  readonly token: RelayToken;
  /** What the sender calls the way back: datagrams for the source go to it with this label. 0: it is the source. */
  readonly label: number;
  readonly destination: PeerId;
  /** Whom it passed: the source first, the sender last; 1 .. 8, no one twice. */
  readonly path: readonly PeerId[];
  /** Who is not to be on the way, 0 .. 8. */
  readonly avoid: readonly PeerId[];
}

export interface Ready {
  readonly kind: 'ready';
  readonly token: RelayToken;
  /** What the sender calls the way on: datagrams for the destination go to it with this label. 0: it is the destination. */
  readonly label: number;
  /** On the way, the sender included if it is one; 0 .. 7. */
  readonly relays: number;
}

export interface End {
  readonly kind: 'end';
  readonly token: RelayToken;
  readonly reason: EndReason;
  /** Who is better not on the next way; undefined: nobody is to blame. */
  readonly culprit: PeerId | undefined;
}

export type RelayFrame = Setup | Ready | End;
export type RelayDrop = 'short' | 'oversize' | 'version' | 'type' | 'count' | 'path' | 'relays';

const TYPES = { setup: 1, ready: 2, end: 3 } as const;
const NOBODY = '0'.repeat(32) as PeerId;
const REASON_OF: ReadonlyMap<number, EndReason> = new Map(
  Object.entries(REASONS).map(([reason, n]) => [n, reason as EndReason]),
);

/** Relay frame, ours, big-endian: 12 bytes, then what its type has. Trailing bytes are ignored: a later version may add fields.
 *    off len field
 *     0   1  version  1
 *     1   1  type     1 setup, 2 ready, 3 end
 *     2   2  flags    0 when sent, ignored when read
 *     4   8  token    random, drawn by the source
 * Setup:
 *    off len field
 *    12   4  label        what the sender calls the way back; 0 = it is the source
 *    16  16  destination  peer id
 *    32   1  passed       1 .. 8, p
 *    33   1  avoided      0 .. 8, a
 *    34 16p  path         peer ids: the source first, the sender last
 *     . 16a  avoid        peer ids
 * Ready:
 *    off len field
 *    12   4  label   what the sender calls the way on; 0 = it is the destination
 *    16   1  relays  0 .. 7 from the sender on, itself included
 * End:
 *    off len field
 *    12   1  reason   1 unwanted, 2 no-way, 3 full, 4 stranger, 5 lost, 6 failed; any other reads as lost
 *    13  16  culprit  peer id; 0 = nobody
 * @throws RangeError if a list is too long: a bug of the caller */
export function encodeRelay(f: RelayFrame): Uint8Array {
  const w = new Writer(MAX_RELAY_BYTES, 64);
  for (const byte of [RELAY_VERSION, TYPES[f.kind], 0, 0]) w.u8(byte);
  for (const at of [0, 8]) w.u32(parseInt(f.token.slice(at, at + 8), 16));
  switch (f.kind) {
    case 'setup':
      writeSetup(w, f);
      break;
    case 'ready':
      w.u32(f.label);
      w.u8(f.relays);
      break;
    case 'end':
      w.u8(REASONS[f.reason]);
      w.peerId(f.culprit ?? NOBODY);
  }
  return w.finish();
}

/** @returns the frame, or why it is dropped */
export function decodeRelay(b: Uint8Array): RelayFrame | RelayDrop {
  if (b.length < 1) return 'short';
  if (b[0] !== RELAY_VERSION) return 'version'; // before the length: another version may have another one
  if (b.length > MAX_RELAY_BYTES) return 'oversize';
  const r = new Reader(b.subarray(1));
  const type = r.u8();
  r.u16();
  const token = (hex32(r.u32()) + hex32(r.u32())) as RelayToken;
  if (r.fault !== undefined) return 'short';
  switch (type) {
    case TYPES.setup:
      return readSetup(r, token);
    case TYPES.ready:
      return readReady(r, token);
    case TYPES.end:
      return readEnd(r, token);
    default:
      return 'type';
  }
}

/** @param random 8 bytes */
export function relayToken(random: Uint8Array): RelayToken {
  const r = new Reader(random);
  return (hex32(r.u32()) + hex32(r.u32())) as RelayToken;
}

function writeSetup(w: Writer, { label, destination, path, avoid }: Setup): void {
  if (path.length < 1 || path.length > MAX_RELAYS + 1) throw new RangeError(`path of ${path.length}`);
  if (avoid.length > MAX_AVOIDED) throw new RangeError(`${avoid.length} to avoid`);
  w.u32(label);
  w.peerId(destination);
  w.u8(path.length);
  w.u8(avoid.length);
  for (const peer of [...path, ...avoid]) w.peerId(peer);
}

function readSetup(r: Reader, token: RelayToken): Setup | RelayDrop {
  const [label, destination, passed, avoided] = [r.u32(), r.peerId(), r.u8(), r.u8()];
  if (r.fault !== undefined) return 'short';
  if (passed < 1 || passed > MAX_RELAYS + 1 || avoided > MAX_AVOIDED) return 'count';
  const path = Array.from({ length: passed }, () => r.peerId());
  const avoid = Array.from({ length: avoided }, () => r.peerId());
  if (r.fault !== undefined) return 'short';
  if (new Set([...path, destination]).size !== passed + 1) return 'path';
  return { kind: 'setup', token, label, destination, path, avoid };
}

function readReady(r: Reader, token: RelayToken): Ready | RelayDrop {
  const [label, relays] = [r.u32(), r.u8()];
  if (r.fault !== undefined) return 'short';
  return relays > MAX_RELAYS ? 'relays' : { kind: 'ready', token, label, relays };
}

function readEnd(r: Reader, token: RelayToken): End | RelayDrop {
  const [reason, culprit] = [REASON_OF.get(r.u8()) ?? 'lost', r.peerId()];
  if (r.fault !== undefined) return 'short';
  return { kind: 'end', token, reason, culprit: culprit === NOBODY ? undefined : culprit };
}

const hex32 = (n: number): string => n.toString(16).padStart(8, '0');
