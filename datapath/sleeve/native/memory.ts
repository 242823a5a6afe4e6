// Memory that the kernel and OpenSSL are given addresses of.
import { addressOf } from '../../syscalls.js';

/** A block of memory that never moves. Offsets are into `bytes`; `base + offset` is the address. */
export interface Memory {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** Address of the first byte. */
  readonly base: number;
  /** Takes `length` bytes for good, aligned to 64. @returns their offset. @throws RangeError when there is no more */
  take(length: number): number;
  /** Stores a pointer to `target` (an offset) at `at`. */
  point(at: number, target: number): void;
  /** Stores a size_t. @param value 0 .. 2^53 */
  size(at: number, value: number): void;
}

const LINE_BYTES = 64; // a cache line: two threads' buffers never share one

/** @param capacity bytes; one large buffer, for V8 moves typed arrays of up to 64 bytes */
export function createMemory(capacity: number): Memory {
  const bytes = new Uint8Array(Math.max(capacity, 4 * LINE_BYTES));
  const view = new DataView(bytes.buffer);
  const base = addressOf(bytes);
  let used = (LINE_BYTES - (base % LINE_BYTES)) % LINE_BYTES;
  const size = (at: number, value: number): void => {
    view.setUint32(at, value >>> 0, true);
    view.setUint32(at + 4, Math.floor(value / 2 ** 32), true);
  };
  return {
    bytes,
    view,
    base,
    take(length) {
      const at = used;
      if (at + length > bytes.length) throw new RangeError(`no room for ${length} bytes of ${bytes.length}`);
      used = at + Math.ceil(length / LINE_BYTES) * LINE_BYTES;
      return at;
    },
    point: (at, target) => size(at, base + target),
    size,
  };
}
