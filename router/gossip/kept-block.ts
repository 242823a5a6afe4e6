// A block as a store keeps it.
import { decodeBlock, type Block, type BlockDrop, type BlockRecord } from '../wire/block.js';

/** `bytes` is written to by nobody any more, and `block` is what it decodes to. */
export interface KeptBlock {
  readonly bytes: Uint8Array;
  readonly block: Block;
  /** The block's records by key, for who has them already: to be copied before anything is written to them. */
  readonly byKey?: ReadonlyMap<string, BlockRecord>;
}

/** In a buffer of its own, so that no larger one is kept alive. */
export function keepBlock(bytes: Uint8Array): KeptBlock | BlockDrop {
  const kept = bytes.slice();
  const block = decodeBlock(kept);
  return typeof block === 'string' ? block : { bytes: kept, block };
}

export const recordsByKey = (records: readonly BlockRecord[]): Map<string, BlockRecord> =>
  new Map(records.map((record) => [record.key, record]));
