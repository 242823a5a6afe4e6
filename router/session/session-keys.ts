// From the end of a handshake to the keys of a session.
import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import type { SessionKeys } from '../types.js';
import { CONFIRM_BYTES, type Terms } from '../wire/session.js';
import { KEY_BYTES, type NoiseResult } from './noise-xx.js';

/** The format of the sleeve's datagrams that this router speaks. */
export const SLEEVE_VERSION = 1;
export const OLDEST_SLEEVE_VERSION = 1;

export type Cipher = SessionKeys['cipher'];

/** What a handshake yields beside its terms. */
export interface HandshakeKeys {
  readonly sendKey: Uint8Array;
  readonly receiveKey: Uint8Array;
  /** By which the responder proves that it has the keys. */
  readonly confirm: Uint8Array;
}

const INFO = new TextEncoder().encode('mesh session 1');

/**
 * HKDF-SHA256 (RFC 5869): the input is both of Noise's keys, the initiator's first, and the mesh's secret; the salt is the
 * handshake's hash, so the keys are bound to all that was said. 32 bytes each: initiator to responder, back, confirm.
 * @param secret of the mesh
 */
export function deriveKeys(r: NoiseResult, initiator: boolean, secret: Uint8Array): HandshakeKeys {
  const [toResponder, toInitiator] = initiator ? [r.sendKey, r.receiveKey] : [r.receiveKey, r.sendKey];
  const input = Uint8Array.of(...toResponder, ...toInitiator, ...secret);
  const all = new Uint8Array(hkdfSync('sha256', input, r.hash, INFO, 3 * KEY_BYTES));
  const [first, second] = [all.slice(0, KEY_BYTES), all.slice(KEY_BYTES, 2 * KEY_BYTES)];
  const confirm = new Uint8Array(
    createHmac('sha256', all.subarray(2 * KEY_BYTES))
      .update('confirm')
      .digest()
      .subarray(0, CONFIRM_BYTES),
  );
  return initiator ? { sendKey: first, receiveKey: second, confirm } : { sendKey: second, receiveKey: first, confirm };
}

export const isConfirm = (expected: Uint8Array, got: Uint8Array): boolean =>
  got.length === expected.length && timingSafeEqual(expected, got);

/** Both sides come to the same one. AES only where both have it in hardware. */
export const agreeCipher = (a: Terms, b: Terms): Cipher => (a.aes && b.aes ? 'aes-256-gcm' : 'chacha20-poly1305');

/** Is there a version of the sleeve that both speak? */
export const isSpoken = (a: Terms, b: Terms): boolean => Math.min(a.version, b.version) >= Math.max(a.oldest, b.oldest);
