// The formats of files in the state directory: each begins with a version.
import { createHash } from 'node:crypto';
import { sameBytes } from '../wire/bytes.js';

/** All that a router keeps. */
export const FILE_NAMES = [
  'identity.json',
  'secret.json',
  'incarnation.json',
  'targets.json',
  'endpoints.json',
  'cache.bin',
] as const;
export type StateFileName = (typeof FILE_NAMES)[number];

/** Written by a version of mesh that is newer than this one. */
export const NEWER = 'newer';

/** `decode` returns the value in an array, NEWER, or in words what is wrong with the bytes. */
export interface StateFile<T> {
  readonly name: StateFileName;
  encode(value: T): Uint8Array;
  decode(bytes: Uint8Array): readonly [T] | string;
}

/** A JSON object with a `version`. @param parse returns undefined if the object is not what it should be */
export function jsonFile<T>(
  name: StateFileName,
  version: number,
  format: (value: T) => Readonly<Record<string, unknown>>,
  parse: (body: Readonly<Record<string, unknown>>) => T | undefined,
): StateFile<T> {
  return {
    name,
    encode: (value) => Buffer.from(`${JSON.stringify({ version, ...format(value) }, undefined, 2)}\n`),
    decode(bytes) {
      const body = parseJson(bytes);
      if (typeof body !== 'object' || body === null || Array.isArray(body)) return 'it is not a JSON object';
      const fields = body as Readonly<Record<string, unknown>>;
      if (typeof fields['version'] === 'number' && fields['version'] > version) return NEWER;
      const value = fields['version'] === version ? parse(fields) : undefined;
      return value === undefined ? 'it lacks a field, or one has a wrong value' : [value];
    },
  };
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    return undefined;
  }
}

/** Bytes as they are, under a header, ours:
 *    off len field
 *     0   4  magic     "mesh"
 *     4   1  version
 *     5  16  checksum  the first 16 bytes of SHA-256 of the content
 *    21   n  content                                                                                                */
export function bytesFile(name: StateFileName, version: number): StateFile<Uint8Array> {
  return {
    name,
    encode: (value) => Buffer.concat([Buffer.from('mesh'), Uint8Array.of(version), checksum(value), value]),
    decode(bytes) {
      if (bytes.length < HEADER_BYTES || Buffer.from(bytes.subarray(0, 4)).toString('latin1') !== 'mesh')
        return 'its header is wrong';
      if (bytes[4]! !== version) return bytes[4]! > version ? NEWER : 'its header is wrong';
      const content = bytes.subarray(HEADER_BYTES);
      return sameBytes(bytes.subarray(5, HEADER_BYTES), checksum(content)) ? [content] : 'its checksum is wrong';
    },
  };
}

const HEADER_BYTES = 21;

const checksum = (b: Uint8Array): Uint8Array => createHash('sha256').update(b).digest().subarray(0, 16);
