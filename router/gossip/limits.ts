// What others can make a router hold. Each number has a counter of its own (`block-` and the reason) and a line in the log and in
// `status` that names the peer. The sizes of one block, key and value are in wire/block.ts, of names in wire/records.ts.

/** Bounds on what others can make us hold. */
export interface StoreLimits {
  readonly streams: number;
  readonly streamsPerOwner: number;
  /** Live and tombstones together. */
  readonly recordsPerOwner: number;
  readonly bytesPerOwner: number;
  /** Of all owners together. */
  readonly records: number;
  readonly bytes: number;
  /** What blocks take that wait for a predecessor or for the rest of a base, over all streams. */
  readonly pendingBytes: number;
  readonly pendingBytesPerOwner: number;
  /** Blocks received after which what still waits is given up; the next exchange brings it. */
  readonly pendingPatience: number;
}

/** An owner gets an eighth of the whole at most, and of what waits a half: whoever has more is refused that, and nobody else anything. */
export const DEFAULT_LIMITS: StoreLimits = {
  streams: 15_360, // with ours they fit one vector
  streamsPerOwner: 1_024,
  recordsPerOwner: 524_288, // 100,000 endpoints of two addresses are 300,000
  bytesPerOwner: 64 << 20, // and 27 MB, with a log twice as long as their base
  records: 4_194_304,
  bytes: 512 << 20,
  pendingBytes: 192 << 20,
  pendingBytesPerOwner: 96 << 20,
  pendingPatience: 65_536,
};
