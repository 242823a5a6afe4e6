import { readFileSync } from 'node:fs';
import { viewOf, visitMessages, type NetlinkMessage } from '../../../datapath/netlink/message.js';

export const hex = (b: Uint8Array): string => Buffer.from(b).toString('hex');

/** The `NAME = HEX` lines of a file in test/vectors. */
export const vectors = (name: string): ReadonlyMap<string, Uint8Array> =>
  new Map(
    readFileSync(`test/vectors/${name}`, 'utf8')
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => line.split(' = ') as [string, string])
      .map(([key, bytes]) => [key, Uint8Array.from(Buffer.from(bytes, 'hex'))]),
  );

export function messagesIn(b: Uint8Array): NetlinkMessage[] {
  const all: NetlinkMessage[] = [];
  visitMessages(viewOf(b), b.length, (m) => all.push(m));
  return all;
}
