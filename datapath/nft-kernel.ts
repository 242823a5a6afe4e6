// What is asked of the kernel's nf_tables without the nft program: who changed something, and the counters of sets.
// LinuxNftKernel (datapath/netlink/nf-tables.ts) and FakeNft pass one contract suite (test/contract/nft-kernel.ts).

/** What an element has counted. Frames as nft sees them: a super-frame before it is cut, or after it is joined, is one. */
export interface Count {
  readonly frames: number;
  readonly bytes: number;
}

/** The key of an element in hexadecimal, as the kernel keeps it: each part of a concatenation is padded to 4 bytes. */
export type ElementKey = string;

export interface ElementOp {
  readonly op: 'add' | 'delete';
  readonly set: string;
  readonly key: ElementKey;
}

export interface NftTable {
  readonly family: 'inet' | 'bridge';
  readonly name: string;
}

/** Many keys of one set, one after another in `keys`. */
export interface KeyBatch {
  readonly op: 'add' | 'delete';
  readonly set: string;
  readonly keys: Uint8Array;
  /** Of one key, a multiple of 4. */
  readonly keyBytes: number;
}

/** With what netlink adds to each key of 32 bytes, all fit one attribute (2^16 - 1 bytes). */
export const MAX_BATCH_KEYS = 1_000;

export interface NftKernel {
  /**
   * One more after each commit of anybody that changes something: net/netfilter/nf_tables_api.c.
   * @returns undefined: the kernel has no nf_tables
   */
  generation(): number | undefined;
  /** @returns undefined: there is no such table or set. @throws KernelError */
  elements(table: NftTable, set: string): ReadonlyMap<ElementKey, Count> | undefined;
  /**
   * Adds and deletes elements in one commit, or none of them. Who is there already keeps its counter.
   * @param ops 500 at most
   * @throws KernelError ENOENT if the table, a set or what is to be deleted is not there
   */
  change(table: NftTable, ops: readonly ElementOp[]): void;
  /**
   * The same for many, in order. @param batches one at least, each of `MAX_BATCH_KEYS` at most
   * @throws KernelError as `change`
   */
  changeMany(table: NftTable, batches: readonly KeyBatch[]): void;
  /** The rules' chains and handles, as they lie in the kernel. No such table has none. @throws KernelError */
  rules(table: NftTable): readonly string[];
  close(): void;
}
