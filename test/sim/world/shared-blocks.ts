// What each block of a world decodes to, once for all its routers: a thousand of them hold the same blocks, and each would
// otherwise keep a copy of the bytes and of every record. What a router does with a block is its own.
import { keepBlock, recordsByKey, type KeptBlock } from '../../../router/gossip/kept-block.js';
import { peekBlock, type BlockDrop } from '../../../router/wire/block.js';

/** So many are remembered at least, twice as many at most: those that came last. */
const REMEMBERED = 50_000;

export class SharedBlocks {
  #young = new Map<string, KeptBlock>();
  #old = new Map<string, KeptBlock>();

  /** For `StoreOptions.keep`. Bytes that differ in anything are another block. */
  readonly keep = (bytes: Uint8Array): KeptBlock | BlockDrop => {
    const head = peekBlock(bytes);
    if (head === undefined) return keepBlock(bytes);
    const key = `${head.owner}/${head.topic}/${head.version}/${bytes.length}`;
    const known = this.#young.get(key) ?? this.#old.get(key);
    const kept = known !== undefined && isSame(known.bytes, bytes) ? known : keepWhole(bytes);
    if (typeof kept !== 'string') this.#remember(key, kept);
    return kept;
  };

  #remember(key: string, kept: KeptBlock): void {
    this.#young.set(key, kept);
    if (this.#young.size < REMEMBERED) return;
    this.#old = this.#young;
    this.#young = new Map();
  }
}

function keepWhole(bytes: Uint8Array): KeptBlock | BlockDrop {
  const kept = keepBlock(bytes);
  return typeof kept === 'string' ? kept : { ...kept, byKey: recordsByKey(kept.block.records) };
}

const isSame = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;
