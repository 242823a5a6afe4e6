// The endpoints of the MAC part: what the announcer says and the bench looks for.
import type { Ip, Mac } from '../../router/types.js';

const hex = (byte: number): string => byte.toString(16).padStart(2, '0');

/** @param n 0 .. 2^24-1 */
export const manyMac = (n: number): Mac =>
  `02:6d:00:${hex((n >> 16) & 0xff)}:${hex((n >> 8) & 0xff)}:${hex(n & 0xff)}` as Mac;

/** Inside the default range. @param n 0 .. 2^19-1 */
export const manyIp = (n: number): Ip => `10.${40 + (n >> 16)}.${(n >> 8) & 0xff}.${n & 0xff}` as Ip;
