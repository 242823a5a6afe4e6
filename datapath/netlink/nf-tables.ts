// nf_tables over netlink, as far as we need it often: linux/netfilter/nf_tables.h. What is rare is left to the nft program.
import { KernelError } from '../kernel.js';
import type { Count, ElementKey, ElementOp, KeyBatch, NftKernel, NftTable } from '../nft-kernel.js';
import * as k from './constants.js';
import { concat, encodeMessage, visitAttrs, visitMessages } from './message.js';
import type { NetlinkMessage } from './message.js';
import { elementsOf, encodeKeys, header, HEADER_BYTES, readElements, readRule, rulesOf } from './nf-elements.js';
import { errnoName } from '../syscalls.js';
import { NetlinkSocket } from './socket.js';

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

  elements(table: NftTable, set: string): ReadonlyMap<ElementKey, Count> | undefined {
    for (let attempts = 1; ; attempts++)
      try {
        return this.#dump(table, set);
      } catch (error) {
        if (!(error instanceof KernelError)) throw error;
        if (error.errno === 'ENOENT') return undefined;
        if (error.errno !== 'EINTR' || attempts === DUMP_ATTEMPTS) throw error;
      }
  }

  change(table: NftTable, ops: readonly ElementOp[]): void {
    const batches = ops.map(({ op, set, key }): KeyBatch => {
      const keys = Buffer.from(key, 'hex');
      return { op, set, keys, keyBytes: keys.length };
    });
    this.changeMany(table, batches);
  }

  changeMany(table: NftTable, batches: readonly KeyBatch[]): void {
    const socket = this.#socket;
    const first = socket.reserve(batches.length + 2);
    const [begin, last, end] = [first, first + batches.length, first + batches.length + 1];
    const about = header(0, k.NFNL_SUBSYS_NFTABLES);
    const bytes = concat(
      encodeMessage(k.NFNL_MSG_BATCH_BEGIN, k.NLM_F_REQUEST, begin, about),
      ...batches.map((batch, i) => encodeKeys(table, batch, begin + 1 + i, begin + 1 + i === last)),
      encodeMessage(k.NFNL_MSG_BATCH_END, k.NLM_F_REQUEST, end, about),
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

  rules(table: NftTable): readonly string[] {
    for (let attempts = 1; ; attempts++)
      try {
        return this.#dumpRules(table);
      } catch (error) {
        if (!(error instanceof KernelError) || error.errno !== 'EINTR' || attempts === DUMP_ATTEMPTS) throw error;
      }
  }

  close(): void {
    this.#open?.close();
    this.#open = undefined;
  }

  get #socket(): NetlinkSocket {
    return (this.#open ??= new NetlinkSocket(this.#netns, [], k.NETLINK_NETFILTER));
  }

  #dump(table: NftTable, set: string): ReadonlyMap<ElementKey, Count> {
    const found = new Map<ElementKey, Count>();
    const asked = elementsOf(table, set);
    for (const { view, length } of this.#socket.dump('NFT_MSG_GETSETELEM', k.NFT_MSG_GETSETELEM, asked))
      visitMessages(view, length, (m) => {
        if (m.type === k.NFT_MSG_NEWSETELEM) readElements(m, found);
      });
    return found;
  }

  #dumpRules(table: NftTable): readonly string[] {
    const found: string[] = [];
    for (const { view, length } of this.#socket.dump('NFT_MSG_GETRULE', k.NFT_MSG_GETRULE, rulesOf(table)))
      visitMessages(view, length, (m) => {
        if (m.type === k.NFT_MSG_NEWRULE) found.push(readRule(m));
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
