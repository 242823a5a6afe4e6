// What the main thread and the workers see at once, in shared memory: counters, and the state that must outlive a worker.
import { REPLAY_BYTES, replayWindow, type ReplayWindow } from '../../../router/replay.js';
import type { Lane } from '../wire/datagram.js';

const COUNTER_BYTES = 8;
const WINDOW_BYTES = Math.ceil(REPLAY_BYTES / 8) * 8;

/** What a worker drops, by reason, and what else it counts. */
export const TOTALS = [
  // either worker
  'tap-lost', 'tap-full', 'tap-refused', 'socket-buffer', 'socket-error', 'no-session', 'key-worn-out', 'probes',
  // sending
  'frame-short', 'frame-long', 'virtio', 'gso-headers', 'segments', 'unknown-mac', 'storm', 'split',
  'scattered', 'gathered', 'sends',
  // receiving
  'short', 'version', 'lane', 'hops', 'reserved', 'label', 'replay', 'tag', 'message-short', 'message-kind',
  'message-index', 'message-part', 'unknown-network', 'receives', 'mended', 'relayed', 'relay-source',
  'relay-target', 'relay-rate',
] as const; // prettier-ignore
export type Total = (typeof TOTALS)[number];

/** Upper bounds of the classes of super-frames, in segments; one more class lies above. */
export const HISTOGRAM_BOUNDS = [1, 2, 4, 8, 16, 32, 64] as const;

/** A worker's counters, shared. */
export class Totals {
  readonly #values: Float64Array;

  constructor(buffer: SharedArrayBuffer) {
    this.#values = new Float64Array(buffer);
  }

  static create(): SharedArrayBuffer {
    return new SharedArrayBuffer((TOTALS.length + HISTOGRAM_BOUNDS.length + 1) * COUNTER_BYTES);
  }

  add(index: number, n = 1): void {
    this.#values[index]! += n;
  }

  /** Counts a super-frame by its segments. @returns its class: the index of the first bound that it does not exceed */
  frame(segments: number): number {
    let c = 0;
    while (c < HISTOGRAM_BOUNDS.length && segments > HISTOGRAM_BOUNDS[c]!) c++;
    this.#values[TOTALS.length + c]!++;
    return c;
  }

  named(): Record<Total, number> {
    return Object.fromEntries(TOTALS.map((name, i) => [name, this.#values[i]!])) as Record<Total, number>;
  }

  histogram(): number[] {
    return [...this.#values.subarray(TOTALS.length)];
  }
}

/** Where each total lies: looked up once, not for each frame. */
export const TOTAL = Object.fromEntries(TOTALS.map((name, i) => [name, i])) as Readonly<Record<Total, number>>;

/** A session's state that a worker's death must not lose. */
export interface SessionState {
  /** The next counter of each lane that was never used for sealing. */
  readonly sent: Float64Array;
  readonly windows: readonly [ReplayWindow, ReplayWindow];
}

export const createSessionBuffer = (): SharedArrayBuffer => new SharedArrayBuffer(2 * COUNTER_BYTES + 2 * WINDOW_BYTES);

export const sessionState = (buffer: SharedArrayBuffer): SessionState => ({
  sent: new Float64Array(buffer, 0, 2),
  windows: ([0, 1] as const).map((lane: Lane) =>
    replayWindow(buffer, 2 * COUNTER_BYTES + lane * WINDOW_BYTES),
  ) as unknown as [ReplayWindow, ReplayWindow],
});
