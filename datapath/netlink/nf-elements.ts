// Elements and rules of nf_tables as netlink has them: linux/netfilter/nf_tables.h.
import type { Count, ElementKey, KeyBatch, NftTable } from '../nft-kernel.js';
import * as k from './constants.js';
import { bytesAt, concat, encodeAttr, encodeMessage, LE, stringAt, viewOf, visitAttrs } from './message.js';
import type { NetlinkMessage } from './message.js';

const FAMILY = { inet: k.NFPROTO_INET, bridge: k.NFPROTO_BRIDGE } as const;

/** struct nfgenmsg: family, version, and in network order what a batch is about. */
export const header = (family: number, subsystem = 0): Uint8Array => Uint8Array.of(family, 0, 0, subsystem);
export const HEADER_BYTES = 4;

const text = new TextEncoder();
const cString = (name: string): Uint8Array => text.encode(`${name}\0`);

const names = (table: string, set: string): readonly Uint8Array[] => [
  encodeAttr(k.NFTA_SET_ELEM_LIST_TABLE, cString(table)),
  encodeAttr(k.NFTA_SET_ELEM_LIST_SET, cString(set)),
];

const nested = (type: number, value: Uint8Array): Uint8Array => encodeAttr(type | k.NLA_F_NESTED, value);

/** What `NFT_MSG_GETSETELEM` asks for. */
export const elementsOf = ({ family, name }: NftTable, set: string): Uint8Array =>
  concat(header(FAMILY[family]), ...names(name, set));

/** What `NFT_MSG_GETRULE` asks for. */
export const rulesOf = ({ family, name }: NftTable): Uint8Array =>
  concat(header(FAMILY[family]), encodeAttr(k.NFTA_RULE_TABLE, cString(name)));

/** One message. @param keys one key or more */
export function encodeKeys(
  { family, name }: NftTable,
  { op, set, keys, keyBytes }: KeyBatch,
  seq: number,
  isLast: boolean,
): Uint8Array {
  const elements = nested(k.NFTA_SET_ELEM_LIST_ELEMENTS, encodeElements(keys, keyBytes));
  const type = op === 'add' ? k.NFT_MSG_NEWSETELEM : k.NFT_MSG_DELSETELEM;
  const flags = k.NLM_F_REQUEST | (op === 'add' ? k.NLM_F_CREATE : 0) | (isLast ? k.NLM_F_ACK : 0);
  return encodeMessage(type, flags, seq, concat(header(FAMILY[family]), ...names(name, set), elements));
}

/** Each an NFTA_LIST_ELEM with a NFTA_SET_ELEM_KEY with a NFTA_DATA_VALUE: written in place, a hundred thousand times. */
function encodeElements(keys: Uint8Array, keyBytes: number): Uint8Array {
  const each = 12 + keyBytes;
  const b = new Uint8Array((keys.length / keyBytes) * each);
  const view = viewOf(b);
  for (let at = 0, from = 0; at < b.length; at += each, from += keyBytes) {
    view.setUint16(at, each, LE);
    view.setUint16(at + 2, k.NFTA_LIST_ELEM | k.NLA_F_NESTED, LE);
    view.setUint16(at + 4, each - 4, LE);
    view.setUint16(at + 6, k.NFTA_SET_ELEM_KEY | k.NLA_F_NESTED, LE);
    view.setUint16(at + 8, each - 8, LE);
    view.setUint16(at + 10, k.NFTA_DATA_VALUE, LE);
    b.set(keys.subarray(from, from + keyBytes), at + 12);
  }
  return b;
}

/** `CHAIN HANDLE` of an NFT_MSG_NEWRULE. */
export function readRule(m: NetlinkMessage): string {
  let [chain, handle] = ['', ''];
  visitAttrs(m.view, m.at + HEADER_BYTES, m.end, (type, at, length) => {
    if (type === k.NFTA_RULE_CHAIN) chain = stringAt(m.view, at, length);
    else if (type === k.NFTA_RULE_HANDLE && length >= 8) handle = `${m.view.getBigUint64(at)}`;
  });
  return `${chain} ${handle}`;
}

/** Adds what an NFT_MSG_NEWSETELEM tells to `found`. */
export function readElements(m: NetlinkMessage, found: Map<ElementKey, Count>): void {
  visitAttrs(m.view, m.at + HEADER_BYTES, m.end, (type, at, length) => {
    if (type !== k.NFTA_SET_ELEM_LIST_ELEMENTS) return;
    visitAttrs(m.view, at, at + length, (_type, elementAt, size) => readElement(m.view, elementAt, size, found));
  });
}

function readElement(view: DataView, at: number, length: number, found: Map<ElementKey, Count>): void {
  let key: ElementKey | undefined;
  let count: Count = { frames: 0, bytes: 0 };
  visitAttrs(view, at, at + length, (type, valueAt, size) => {
    if (type === k.NFTA_SET_ELEM_KEY) key = readKey(view, valueAt, size);
    else if (type === k.NFTA_SET_ELEM_EXPR) count = readCounter(view, valueAt, size) ?? count;
  });
  if (key !== undefined) found.set(key, count);
}

function readKey(view: DataView, at: number, length: number): ElementKey | undefined {
  let key: ElementKey | undefined;
  visitAttrs(view, at, at + length, (type, valueAt, size) => {
    if (type === k.NFTA_DATA_VALUE) key = Buffer.from(bytesAt(view, valueAt, size)).toString('hex');
  });
  return key;
}

function readCounter(view: DataView, at: number, length: number): Count | undefined {
  let isCounter = false;
  let count: Count | undefined;
  visitAttrs(view, at, at + length, (type, valueAt, size) => {
    if (type === k.NFTA_EXPR_NAME) isCounter = stringAt(view, valueAt, size) === 'counter';
    else if (type === k.NFTA_EXPR_DATA) count = readCount(view, valueAt, size);
  });
  return isCounter ? count : undefined;
}

function readCount(view: DataView, at: number, length: number): Count {
  let [frames, bytes] = [0, 0];
  visitAttrs(view, at, at + length, (type, valueAt, size) => {
    if (size < 8) return;
    if (type === k.NFTA_COUNTER_PACKETS) frames = Number(view.getBigUint64(valueAt));
    else if (type === k.NFTA_COUNTER_BYTES) bytes = Number(view.getBigUint64(valueAt));
  });
  return { frames, bytes };
}
