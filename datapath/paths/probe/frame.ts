// The frame by which two routers measure the vxlan between them. It travels on the probe device only, never on a network.
import { localMac, macBytes, macFromBytes } from '../../../router/address.js';
import type { Mac, PeerId } from '../../../router/types.js';

/** IEEE 802 local experimental ethertype 1: registered to nobody, so no host stack takes it. */
export const PROBE_ETHERTYPE = 0x88b5;
export const PROBE_VERSION = 1;
/** The smallest probe and every echo, Ethernet header included. */
export const PROBE_MIN_BYTES = 40;
/** The largest probe that is made or read, Ethernet header included. */
export const PROBE_MAX_BYTES = 9014;

const KINDS = ['probe', 'echo'] as const;
const MAX_U32 = 0xffffffff;
const TIME_AT = 36;

export interface ProbeFrame {
  readonly kind: (typeof KINDS)[number];
  readonly from: PeerId;
  /** Drawn at random for a probe, repeated by its echo; 0 .. 2^32-1. */
  readonly nonce: number;
  /**
   * µs, 0 .. 2^32-1. In a probe the round trip that the sender measured last, 0 when it has not heard the peer of late.
   * In an echo how long the sender held the probe: from the kernel's receiving it to the echo's sending.
   */
  readonly timeUs: number;
  /** The whole frame with its Ethernet header; what the fields leave is padding. */
  readonly sizeBytes: number;
}

export type ProbeDrop = 'short' | 'long' | 'ethertype' | 'version' | 'kind' | 'impostor';

/** The address of a peer's probe device: the first 6 bytes of its id, made locally administered. */
export const probeMac = (peer: PeerId): Mac => localMac(Buffer.from(peer.slice(0, 12), 'hex'));

/** Probe frame, ours, big-endian.
 *    off len field
 *      0   6  dst        probe MAC of the peer
 *      6   6  src        probe MAC of the sender
 *     12   2  ethertype  0x88b5
 *     14   1  version    1
 *     15   1  kind       1 probe, 2 echo
 *     16  16  from       peer id of the sender
 *     32   4  nonce
 *     36   4  timeUs     probe: round trip, 0 = the sender has not heard the peer of late; echo: held so long
 *     40   n  padding    0 when sent, ignored when read
 *  The sender remembers when it sent which nonce, so no clock reading is on the wire to be forged. A forged hold makes
 *  the forger look nearer, down to a round trip of 0.
 *  @param frame `sizeBytes` is clamped to PROBE_MIN_BYTES .. PROBE_MAX_BYTES */
export function encodeProbe(to: PeerId, frame: ProbeFrame): Uint8Array {
  const b = new Uint8Array(Math.min(PROBE_MAX_BYTES, Math.max(PROBE_MIN_BYTES, frame.sizeBytes)));
  const view = new DataView(b.buffer);
  b.set(macBytes(probeMac(to)), 0);
  b.set(macBytes(probeMac(frame.from)), 6);
  view.setUint16(12, PROBE_ETHERTYPE);
  view.setUint8(14, PROBE_VERSION);
  view.setUint8(15, KINDS.indexOf(frame.kind) + 1);
  b.set(Buffer.from(frame.from, 'hex'), 16);
  view.setUint32(32, frame.nonce);
  view.setUint32(TIME_AT, Math.min(MAX_U32, frame.timeUs));
  return b;
}

/** Writes the hold into an encoded echo, so that the encoding counts as held. @param heldMs below 0 counts as 0 */
export function setHeld(echo: Uint8Array, heldMs: number): void {
  const us = Math.min(MAX_U32, Math.max(0, Math.round(heldMs * 1000)));
  new DataView(echo.buffer, echo.byteOffset, echo.length).setUint32(TIME_AT, us);
}

/** Never throws. @returns the frame, or why it is dropped: it is `impostor` when source MAC and id do not agree */
export function decodeProbe(b: Uint8Array): ProbeFrame | ProbeDrop {
  if (b.length < PROBE_MIN_BYTES) return 'short';
  if (b.length > PROBE_MAX_BYTES) return 'long';
  const view = new DataView(b.buffer, b.byteOffset, b.length);
  if (view.getUint16(12) !== PROBE_ETHERTYPE) return 'ethertype';
  if (b[14] !== PROBE_VERSION) return 'version';
  const kind = KINDS[b[15]! - 1];
  if (kind === undefined) return 'kind';
  const from = Buffer.from(b.subarray(16, 32)).toString('hex') as PeerId;
  if (macFromBytes(b, 6) !== probeMac(from)) return 'impostor';
  return { kind, from, nonce: view.getUint32(32), timeUs: view.getUint32(TIME_AT), sizeBytes: b.length };
}
