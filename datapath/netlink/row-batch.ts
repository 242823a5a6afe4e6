// Row operations as netlink messages, in the batches in which they are sent.
import type { RowOp } from '../kernel.js';
import { viewOf } from './message.js';
import { encodeRow, MAX_ROW_BYTES } from './neigh.js';

/** More gains nothing, and the answers to a batch must fit the socket's buffer if all are refused. */
export const BATCH_ROWS = 100;

/** Messages with the sequences `first`, `first + 1`, …; only the last of each batch asks for an answer when it succeeds. */
export interface RowBatches {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly first: number;
  readonly count: number;
  /** Where each batch ends in `bytes`. */
  readonly ends: readonly number[];
}

/** @param first the sequence of the first row, 1 .. 2^32-1 less the count */
export function encodeBatches(ops: readonly RowOp[], first: number): RowBatches {
  const bytes = new Uint8Array(ops.length * MAX_ROW_BYTES);
  const view = viewOf(bytes);
  const ends: number[] = [];
  let length = 0;
  ops.forEach((op, i) => {
    const isLast = (i + 1) % BATCH_ROWS === 0 || i === ops.length - 1;
    length += encodeRow(view, length, op, first + i, isLast);
    if (isLast) ends.push(length);
  });
  return { bytes, first, count: ops.length, ends };
}
