// nf_tables over netlink, as far as we need it often: linux/netfilter/nf_tables.h. What is rare is left to the nft program.
import { KernelError } from '../kernel.js';
import type { Count, ElementKey, ElementOp, NftKernel } from '../nft-kernel.js';
import * as k from './constants.js';
import { bytesAt, concat, encodeAttr, encodeMessage, stringAt, visitAttrs, visitMessages } from './message.js';
import type { NetlinkMessage } from './message.js';
import { errnoName } from '../syscalls.js';
import { NetlinkSocket } from './socket.js';

/** struct nfgenmsg: family, version, and in network order what a batch is about. */
const header = (family: number, subsystem = 0): Uint8Array => Uint8Array.of(family, 0, 0, subsystem);
const HEADER_BYTES = 4;

const DUMP_ATTEMPTS = 3;

export class LinuxNftKernel implements NftKernel {
  readonly #netns: number | undefined;
  #open: NetlinkSocket | undefined;

  /** @param netns an open fd of the namespace to be in; undefined: the calling thread's */
  constructor(netns?: number) {
    this.#netns = netns;
  }

  generation(): number | undefined {
    let id: number | undefined;
    try {
      this.#socket.request('NFT_MSG_GETGEN', k.NFT_MSG_GETGEN, 0, header(0), (m) => {
        if (m.type === k.NFT_MSG_NEWGEN) id = generationOf(m);
      });
    } catch {
      return undefined; // no such protocol, or nobody there who speaks it
    }
    return id;
  }

  elements(table: string, set: string): ReadonlyMap<ElementKey, Count> | undefined {
    for (let attempts = 1; ; attempts++)
      try {
        return this.#dump(table, set);
      } catch (error) {
        if (!(error instanceof KernelError)) throw error;
        if (error.errno === 'ENOENT') return undefined;
        if (error.errno !== 'EINTR' || attempts === DUMP_ATTEMPTS) throw error;
      }
  }

  change(table: string, ops: readonly ElementOp[]): void {
    const socket = this.#socket;
    const first = socket.reserve(ops.length + 2);
    const [begin, last, end] = [first, first + ops.length, first + ops.length + 1];
    const batch = header(0, k.NFNL_SUBSYS_NFTABLES);
    const bytes = concat(
      encodeMessage(k.NFNL_MSG_BATCH_BEGIN, k.NLM_F_REQUEST, begin, batch),
      ...ops.map((op, i) => encodeOp(table, op, begin + 1 + i, begin + 1 + i === last)),
      encodeMessage(k.NFNL_MSG_BATCH_END, k.NLM_F_REQUEST, end, batch),
    );
    let refused: KernelError | undefined;
    try {
      socket.sendBatch('NFT_MSG_NEWSETELEM', bytes, last, (_seq, { errno, sentence }) => {
        refused ??= new KernelError('NFT_MSG_NEWSETELEM', errnoName(errno), sentence);
      });
    } catch (error) {
      throw refused ?? error; // a batch that is refused as a whole is answered at its beginning
    }
    if (refused !== undefined) throw refused;
  }

  close(): void {
    this.#open?.close();
    this.#open = undefined;
  }

  get #socket(): NetlinkSocket {
    return (this.#open ??= new NetlinkSocket(this.#netns, [], k.NETLINK_NETFILTER));
  }

  #dump(table: string, set: string): ReadonlyMap<ElementKey, Count> {
    const found = new Map<ElementKey, Count>();
    const asked = concat(header(k.NFPROTO_INET), ...names(table, set));
    for (const { view, length } of this.#socket.dump('NFT_MSG_GETSETELEM', k.NFT_MSG_GETSETELEM, asked))
      visitMessages(view, length, (m) => {
        if (m.type === k.NFT_MSG_NEWSETELEM) readElements(m, found);
      });
    return found;
  }
}

function generationOf(m: NetlinkMessage): number | undefined {
  let id: number | undefined;
  visitAttrs(m.view, m.at + HEADER_BYTES, m.end, (type, at, length) => {
    if (type === k.NFTA_GEN_ID && length >= 4) id = m.view.getUint32(at);
  });
  return id;
}

const text = new TextEncoder();
const names = (table: string, set: string): readonly Uint8Array[] => [
  encodeAttr(k.NFTA_SET_ELEM_LIST_TABLE, text.encode(`${table}\0`)),
  encodeAttr(k.NFTA_SET_ELEM_LIST_SET, text.encode(`${set}\0`)),
];

const nested = (type: number, value: Uint8Array): Uint8Array => encodeAttr(type | k.NLA_F_NESTED, value);

function encodeOp(table: string, { op, set, key }: ElementOp, seq: number, isLast: boolean): Uint8Array {
  const value = encodeAttr(k.NFTA_DATA_VALUE, Buffer.from(key, 'hex'));
  const element = nested(k.NFTA_LIST_ELEM, nested(k.NFTA_SET_ELEM_KEY, value));
  const elements = nested(k.NFTA_SET_ELEM_LIST_ELEMENTS, element);
  const type = op === 'add' ? k.NFT_MSG_NEWSETELEM : k.NFT_MSG_DELSETELEM;
  const flags = k.NLM_F_REQUEST | (op === 'add' ? k.NLM_F_CREATE : 0) | (isLast ? k.NLM_F_ACK : 0);
  return encodeMessage(type, flags, seq, concat(header(k.NFPROTO_INET), ...names(table, set), elements));
}

function readElements(m: NetlinkMessage, found: Map<ElementKey, Count>): void {
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
