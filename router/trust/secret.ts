// The secret of a mesh, as people handle it: twelve words, or a password of their own.
import { createHash } from 'node:crypto';
import { WORDS } from './words.js';

/** 128 bits. */
export const ENTROPY_BYTES = 16;
const WORD_COUNT = 12;
const WORD_BITS = 11;
const CHECKSUM_BITS = 4;
export const MIN_PASSWORD_CHARS = 12;
export const MIN_PASSWORD_BITS = 60;
export const MAX_SECRET_CHARS = 256;

/** `words` has all of its strength; a `password` may be guessed, and is to be stretched. `text` is the one spelling of it. */
export type Secret =
  | { readonly kind: 'words'; readonly text: string; readonly entropy: Uint8Array }
  | { readonly kind: 'password'; readonly text: string };

/** Why a text is no secret, as a sentence about it: `it has 11 words, a secret has 12`. */
export interface SecretFault {
  readonly kind: 'fault';
  readonly why: string;
}

const fault = (why: string): SecretFault => ({ kind: 'fault', why });

/** @param entropy 16 random bytes. @returns `able-zoo-…`: BIP-39's twelve words, the last with a checksum of four bits */
export function secretOf(entropy: Uint8Array): Secret {
  const checksum = createHash('sha256').update(entropy).digest()[0]! >> (8 - CHECKSUM_BITS);
  let bits = 0n;
  for (const byte of entropy) bits = (bits << 8n) | BigInt(byte);
  bits = (bits << BigInt(CHECKSUM_BITS)) | BigInt(checksum);
  const words = Array.from({ length: WORD_COUNT }, (_, i) => {
    const shift = BigInt((WORD_COUNT - 1 - i) * WORD_BITS);
    return WORDS[Number((bits >> shift) & 2047n)]!;
  });
  return { kind: 'words', text: words.join('-'), entropy };
}

/**
 * What a person typed or a file held. Words are those of a secret in any case, with hyphens or spaces between them; what has
 * few hyphens or a digit is a password, and is taken as it stands.
 */
export function parseSecret(typed: string): Secret | SecretFault {
  const text = typed.trim();
  if (text === '') return fault('it is empty');
  if (text.length > MAX_SECRET_CHARS)
    return fault(`it has ${text.length} characters, at most ${MAX_SECRET_CHARS} will do`);
  if (!/^[\x20-\x7e]*$/.test(text)) return fault('it has characters that are not printable ASCII');
  const parts = text.toLowerCase().split(/[\s-]+/);
  return looksLikeWords(parts) ? parseWords(parts) : parsePassword(text);
}

/** Eight words are no password of a person's; fewer are when not all of them are of the list. */
const looksLikeWords = (parts: readonly string[]): boolean =>
  parts.every((part) => /^[a-z]*$/.test(part)) && (parts.length >= 8 || parts.every((part) => WORDS.includes(part)));

function parseWords(parts: readonly string[]): Secret | SecretFault {
  const words = parts.filter((part) => part !== '');
  const unknown = words.find((word) => !WORDS.includes(word));
  if (unknown !== undefined) return fault(`"${unknown}" is not a word of a secret, "${nearest(unknown)}" is`);
  if (words.length !== WORD_COUNT)
    return fault(`it has ${words.length} word${words.length === 1 ? '' : 's'}, a secret has ${WORD_COUNT}`);
  let bits = 0n;
  for (const word of words) bits = (bits << BigInt(WORD_BITS)) | BigInt(WORDS.indexOf(word));
  bits >>= BigInt(CHECKSUM_BITS);
  const entropy = Uint8Array.from({ length: ENTROPY_BYTES }, (_, i) => Number((bits >> BigInt(120 - 8 * i)) & 255n));
  const secret = secretOf(entropy);
  return secret.text === words.join('-')
    ? secret
    : fault('its checksum is wrong: a word is another, or out of its place');
}

/** No estimate is right: this one only turns away what is short or made of few characters. */
function parsePassword(text: string): Secret | SecretFault {
  if (text.includes(' ')) return fault('it has a space: a password has none, the words of a secret go with hyphens');
  const few = `${MIN_PASSWORD_CHARS} characters of several kinds, or the words that \`mesh secret\` prints, will do`;
  if (text.length < MIN_PASSWORD_CHARS) return fault(`it has ${text.length} characters, ${few}`);
  return strengthBits(text) < MIN_PASSWORD_BITS ? fault(`it is easily guessed, ${few}`) : { kind: 'password', text };
}

const CLASSES: readonly (readonly [RegExp, number])[] = [
  [/[a-z]/, 26],
  [/[A-Z]/, 26],
  [/[0-9]/, 10],
  [/[^a-zA-Z0-9]/, 33],
];

/** As if each were drawn at random from the kinds of characters that there are; repeated ones count a quarter. */
function strengthBits(text: string): number {
  const alphabet = CLASSES.reduce((sum, [kind, size]) => sum + (kind.test(text) ? size : 0), 0);
  const distinct = new Set(text).size;
  return Math.log2(alphabet) * (distinct + (text.length - distinct) / 4);
}

/** By the fewest changes; of several the first. */
function nearest(word: string): string {
  let [best, least] = ['', Infinity];
  for (const candidate of WORDS) {
    const changes = distance(word, candidate);
    if (changes < least) [best, least] = [candidate, changes];
  }
  return best;
}

/** Levenshtein's. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++)
      next.push(Math.min(next[j - 1]! + 1, row[j]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)));
    row = next;
  }
  return row[b.length]!;
}
