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

/** Speaks of tables of the family inet. */
export interface NftKernel {
  /**
   * One more after each commit of anybody that changes something: net/netfilter/nf_tables_api.c.
   * @returns undefined: the kernel has no nf_tables
   */
  generation(): number | undefined;
  /** @returns undefined: there is no such table or set. @throws KernelError */
  elements(table: string, set: string): ReadonlyMap<ElementKey, Count> | undefined;
  /**
   * Adds and deletes elements in one commit, or none of them. Who is there already keeps its counter.
   * @param ops 500 at most
   * @throws KernelError ENOENT if the table, a set or what is to be deleted is not there
   */
  change(table: string, ops: readonly ElementOp[]): void;
  close(): void;
}
