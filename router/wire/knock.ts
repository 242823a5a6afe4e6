// What either side of a control stream says in clear before the handshake: which secret is meant, and what it can do.
import { Reader, Writer } from './bytes.js';

export const KEY_ID_BYTES = 4;
export const KNOCK_BYTES = 8;

export interface Knock {
  /** 8 hex digits; all zeros: an open mesh. */
  readonly keyId: string;
  /** Bits that later versions may give a meaning; the handshake fails if they were changed on the way. */
  readonly capabilities: number;
}

/** Knock, ours, big-endian. Trailing bytes are ignored, and bound to the handshake as all of it: a later version may add fields.
 *    off len field
 *     0   4  key id        derived from the mesh's secret; 0 = open
 *     4   4  capabilities  0 when sent, ignored when read                                                          */
export function encodeKnock(k: Knock): Uint8Array {
  const w = new Writer(KNOCK_BYTES, KNOCK_BYTES);
  w.u32(parseInt(k.keyId, 16));
  w.u32(k.capabilities);
  return w.finish();
}

export function decodeKnock(b: Uint8Array): Knock | 'short' {
  const r = new Reader(b);
  const [keyId, capabilities] = [r.u32().toString(16).padStart(8, '0'), r.u32()];
  return r.fault === undefined ? { keyId, capabilities } : 'short';
}
