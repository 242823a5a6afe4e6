// ChaCha20-Poly1305 (RFC 8439) of node:crypto, as records and datagrams are sealed with it.
import { createCipheriv, createDecipheriv } from 'node:crypto';

export const TAG_BYTES = 16;

const CIPHER = 'chacha20-poly1305';
const AUTH = { authTagLength: TAG_BYTES };

/** The bytes of one message: `part` is what is sealed, `tag` where its tag is, `header` what is authenticated with it and stays in clear. */
export interface Sealable {
  readonly header: Uint8Array;
  readonly part: Uint8Array;
  readonly tag: Uint8Array;
}

/** Writes the tag. @param plain as long as `to.part`, and may be the same memory. @param nonce 12 bytes, never twice under one key of 32 */
export function sealChaCha(key: Uint8Array, nonce: Uint8Array, plain: Uint8Array, to: Sealable): void {
  const cipher = createCipheriv(CIPHER, key, nonce, AUTH);
  cipher.setAAD(to.header, { plaintextLength: plain.length });
  to.part.set(cipher.update(plain));
  cipher.final();
  to.tag.set(cipher.getAuthTag());
}

/** Changes nothing. @returns what was sealed; undefined: the tag is wrong */
export function openChaCha(
  key: Uint8Array,
  nonce: Uint8Array,
  { header, part, tag }: Sealable,
): Uint8Array | undefined {
  const decipher = createDecipheriv(CIPHER, key, nonce, AUTH);
  decipher.setAAD(header, { plaintextLength: part.length });
  decipher.setAuthTag(tag);
  const plain = decipher.update(part);
  try {
    decipher.final();
    return plain;
  } catch {
    return undefined;
  }
}
