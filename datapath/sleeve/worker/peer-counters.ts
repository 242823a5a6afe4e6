// What is counted of one peer, in shared memory: for each worker, so that every number has one writer, and for each way.
import type { Lane } from '../wire/datagram.js';
import type { SleeveWay } from './messages.js';
import { HISTOGRAM_BOUNDS } from './shared.js';

const COUNTER_BYTES = 8;

/** Frames are what the TAPs give and get, super-frames whole; bytes are theirs. Datagrams are those that were sealed or opened, probes
 *  too. `txSplit`: segments that were sent in parts, since the path does not carry them whole. */
export const PEER_COUNTERS = [
  'txFrames', 'txBytes', 'txDatagrams', 'rxFrames', 'rxBytes', 'rxDatagrams', 'txSplit',
] as const; // prettier-ignore
export type PeerCounter = (typeof PEER_COUNTERS)[number];
/** Where each lies in the counters of a way. */
export const PEER = { txFrames: 0, txBytes: 1, txDatagrams: 2, rxFrames: 3, rxBytes: 4, rxDatagrams: 5, txSplit: 6 };

const CLASSES = HISTOGRAM_BOUNDS.length + 1;
/** Where the first class of each histogram lies. */
export const TX_SIZES = PEER_COUNTERS.length;
export const RX_SIZES = TX_SIZES + CLASSES;

/** Why something was dropped whose peer is known: frames before they are sealed and once they are whole, datagrams between. What a
 *  datagram says before its tag is right may be forged, so `short`, `replay` and `tag` are of whoever knows the session's index. */
export const PEER_DROPS = [
  // sending
  'no-session', 'key-worn-out', 'socket-buffer', 'socket-error',
  // receiving
  'short', 'replay', 'tag', 'message-short', 'message-kind', 'message-index', 'message-part', 'frame-short', 'virtio',
  'gso-headers', 'unknown-network', 'tap-full', 'tap-refused', 'tap-lost',
] as const; // prettier-ignore
export type PeerDrop = (typeof PEER_DROPS)[number];
const DROPS_AT = RX_SIZES + CLASSES;
/** Where each reason lies: looked up once, not for each drop. */
export const PEER_DROP = Object.fromEntries(PEER_DROPS.map((name, i) => [name, DROPS_AT + i])) as Readonly<
  Record<PeerDrop, number>
>;

const WAYS = ['direct', 'relay'] as const;
const BLOCK = DROPS_AT + PEER_DROPS.length;
const BLOCKS = 2 * WAYS.length;

/** A buffer of counters for one peer, all 0. */
export const createPeerBuffer = (): SharedArrayBuffer => new SharedArrayBuffer(BLOCKS * BLOCK * COUNTER_BYTES);

const blockOf = (worker: Lane, way: SleeveWay): number => (worker * WAYS.length + WAYS.indexOf(way)) * BLOCK;

/** The counters of one way that this worker alone writes. @param worker by the lane that it seals in: 0 sends, 1 receives */
export const workerCounters = (buffer: SharedArrayBuffer, worker: Lane, way: SleeveWay): Float64Array =>
  new Float64Array(buffer, blockOf(worker, way) * COUNTER_BYTES, BLOCK);

/** What went one way, and came by it. */
export interface WayTraffic extends Readonly<Record<PeerCounter, number>> {
  /** Super-frames by their segments, in the classes of HISTOGRAM_BOUNDS. */
  readonly txSizes: readonly number[];
  readonly rxSizes: readonly number[];
  /** Only the reasons that there were. */
  readonly drops: Readonly<Partial<Record<PeerDrop, number>>>;
}

/** Reads what the workers count. */
export class PeerCounts {
  readonly #values: Float64Array;

  constructor(buffer: SharedArrayBuffer) {
    this.#values = new Float64Array(buffer);
  }

  /** Over both ways. */
  sums(): Record<PeerCounter, number> {
    const sum = (counter: number): number => this.#at(counter, 'direct') + this.#at(counter, 'relay');
    return Object.fromEntries(PEER_COUNTERS.map((name, i) => [name, sum(i)])) as Record<PeerCounter, number>;
  }

  way(way: SleeveWay): WayTraffic {
    const at = (counter: number): number => this.#at(counter, way);
    const sizes = (first: number): number[] => Array.from({ length: CLASSES }, (_, i) => at(first + i));
    const drops = PEER_DROPS.map((reason) => [reason, at(PEER_DROP[reason])] as const).filter(([, n]) => n > 0);
    return {
      ...(Object.fromEntries(PEER_COUNTERS.map((name, i) => [name, at(i)])) as Record<PeerCounter, number>),
      txSizes: sizes(TX_SIZES),
      rxSizes: sizes(RX_SIZES),
      drops: Object.fromEntries(drops),
    };
  }

  #at(counter: number, way: SleeveWay): number {
    return this.#values[blockOf(0, way) + counter]! + this.#values[blockOf(1, way) + counter]!;
  }
}
