// Segments → runs → frames. Consecutive segments of one super-frame become one frame again: the headers of the first, then each
// payload, where they lie, without a copy. What did not arrive whole is mended. Nothing waits for a timer: the caller flushes
// when there is nothing more to read.
import { emptyLayout, GSO, readLayout, readLoneUdp, VIRTIO, type Layout, type LayoutFault } from './layout.js';
import { mend } from './mend.js';
import { frameAt, indexAt, isLastAt, SEGMENT, VIRTIO_BYTES, vniAt } from '../wire/message.js';

/** As many pieces as one frame is written in: IOV_MAX is 1024. */
export const MAX_PIECES = 1_024;
const MAX_IP_BYTES = 65_535;
/** Lone datagrams in one frame: UDP_MAX_SEGMENTS of the kernels that have fewest. */
const MAX_LONE = 64;

/** A frame for a TAP: virtio header first, in `pieces` pieces at `offsets` of `lengths` bytes. Valid during the call. */
export interface Joined {
  readonly vni: number;
  readonly pieces: number;
  readonly offsets: Int32Array;
  readonly lengths: Int32Array;
  /** How many segments it has. */
  readonly segments: number;
  readonly bytes: number;
  /** As `push` was told. */
  readonly from: unknown;
  /** Is it a part of a super-frame, its headers rewritten? */
  readonly isMended: boolean;
}

export class Joiner {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #emit: (joined: Joined) => void;
  readonly #layout: Layout = emptyLayout();
  readonly #run = {
    vni: 0,
    pieces: 0,
    offsets: new Int32Array(MAX_PIECES),
    lengths: new Int32Array(MAX_PIECES),
    segments: 0,
    bytes: 0,
    from: undefined as unknown,
    isMended: false,
  };
  #frame = 0;
  #first = 0;
  #next = 0;
  #payload = 0;
  #hasLast = false;
  #virtio = 0;
  /** Ethernet to TCP or UDP headers. */
  #headerBytes = 0;
  /** Does the run consist of lone UDP datagrams, not of a super-frame's segments? */
  #isLone = false;

  /** Can TAPs take UDP super-frames (Linux 6.2)? Otherwise each datagram is a frame. */
  joinsUdp = true;

  constructor(bytes: Uint8Array, view: DataView, emit: (joined: Joined) => void) {
    this.#bytes = bytes;
    this.#view = view;
    this.#emit = emit;
  }

  /** Is a run open? Then its bytes must stay where they are until `flush`. */
  get isOpen(): boolean {
    return this.#run.pieces > 0;
  }

  /** Segments of the run that is open; 0 when none is. */
  get segments(): number {
    return this.#run.pieces === 0 ? 0 : this.#run.segments;
  }

  /**
   * Takes a segment's message that `checkMessage` found in order.
   * @param from the session it came in; segments of two sessions are never joined
   */
  push(from: unknown, at: number, length: number): LayoutFault | undefined {
    if (this.#isLone && this.#run.pieces > 0 && this.#isLike(from, at, length)) {
      this.#extend(at, this.#layout.gsoBytes);
      if (this.#run.segments === MAX_LONE) this.flush();
      return undefined;
    }
    if (this.#continues(from, at)) {
      const payloadBytes = length - SEGMENT.ethernet - this.#headerBytes;
      if (payloadBytes > 0 && this.#append(at, payloadBytes)) return undefined;
    }
    if (this.isOpen) this.flush();
    return this.#begin(from, at, length);
  }

  /** Ends the run and gives it out. */
  flush(): void {
    const run = this.#run;
    if (run.pieces === 0) return;
    if (this.#isLone && run.segments > 1) this.#makeSuper();
    const isWhole = this.#first === 0 && this.#hasLast;
    run.isMended = this.#layout.gsoType !== GSO.none && !isWhole;
    if (run.isMended) {
      const part = { first: this.#first, payloadBytes: this.#payload, hasLast: this.#hasLast };
      mend(this.#bytes, this.#view, this.#virtio, this.#layout, part);
    }
    this.#emit(run);
    run.pieces = 0;
    run.from = undefined;
  }

  #continues(from: unknown, at: number): boolean {
    return (
      this.#run.pieces > 0 &&
      !this.#hasLast &&
      !this.#isLone &&
      this.#run.from === from &&
      frameAt(this.#view, at) === this.#frame &&
      indexAt(this.#view, at) === this.#next &&
      vniAt(this.#view, at) === this.#run.vni
    );
  }

  #append(at: number, payloadBytes: number): boolean {
    const run = this.#run;
    const { gsoBytes, ip, payload } = this.#layout;
    const isLast = isLastAt(this.#view, at);
    if (payloadBytes > gsoBytes || (payloadBytes < gsoBytes && !isLast)) return false;
    if (run.pieces === MAX_PIECES || payload - ip + this.#payload + payloadBytes > MAX_IP_BYTES) return false;
    this.#extend(at, payloadBytes);
    this.#next++;
    this.#hasLast = isLast;
    if (isLast || (!this.joinsUdp && !this.#layout.isTcp)) this.flush();
    return true;
  }

  #extend(at: number, payloadBytes: number): void {
    const run = this.#run;
    run.offsets[run.pieces] = at + SEGMENT.ethernet + this.#headerBytes;
    run.lengths[run.pieces++] = payloadBytes;
    run.bytes += payloadBytes;
    run.segments++;
    this.#payload += payloadBytes;
  }

  /** Is it the next datagram of a run of lone ones: of the same size, with the same headers but for the identification? */
  #isLike(from: unknown, at: number, length: number): boolean {
    const run = this.#run;
    if (from !== run.from || length !== run.lengths[0]! + SEGMENT.virtio) return false;
    const { ip, payload, isIpv6 } = this.#layout;
    if (payload - ip + this.#payload + this.#layout.gsoBytes > MAX_IP_BYTES) return false;
    const b = this.#bytes;
    if (vniAt(this.#view, at) !== run.vni) return false;
    const shift = at + SEGMENT.virtio - this.#virtio;
    for (let i = this.#virtio; i < payload; i++) if (b[i] !== b[i + shift] && (isIpv6 || !isFree(i - ip))) return false;
    return true;
  }

  /** Lone datagrams become the segments of a super-frame. */
  #makeSuper(): void {
    const v = this.#view;
    this.#bytes[this.#virtio + VIRTIO.gsoType] = GSO.udp;
    v.setUint16(this.#virtio + VIRTIO.headerBytes, this.#headerBytes, true);
    v.setUint16(this.#virtio + VIRTIO.gsoBytes, this.#layout.gsoBytes, true);
    mend(this.#bytes, v, this.#virtio, this.#layout, { first: 0, payloadBytes: this.#payload, hasLast: true });
  }

  #begin(from: unknown, at: number, length: number): LayoutFault | undefined {
    const v = this.#view;
    const layout = this.#layout;
    const virtio = at + SEGMENT.virtio;
    const end = at + length;
    const fault = readLayout(this.#bytes, v, virtio, end, layout);
    if (fault !== undefined) return fault;
    const isSuper = layout.gsoType !== GSO.none;
    if (isSuper && (end - layout.payload > layout.gsoBytes || end - layout.ip > MAX_IP_BYTES)) return 'gso-headers';
    if (isSuper) v.setUint16(virtio + VIRTIO.headerBytes, layout.payload - virtio - VIRTIO_BYTES, true);
    this.#virtio = virtio;
    this.#isLone = !isSuper && this.joinsUdp && readLoneUdp(this.#bytes, v, virtio, end, layout);
    const hasHeaders = isSuper || this.#isLone;
    this.#headerBytes = hasHeaders ? layout.payload - virtio - VIRTIO_BYTES : 0;
    this.#frame = frameAt(v, at);
    this.#first = indexAt(v, at);
    this.#next = this.#first + 1;
    this.#payload = hasHeaders ? end - layout.payload : 0;
    this.#hasLast = isLastAt(v, at);
    const run = this.#run;
    run.vni = vniAt(v, at);
    run.from = from;
    run.offsets[0] = virtio;
    run.lengths[0] = run.bytes = end - virtio;
    run.pieces = run.segments = 1;
    if (this.#isLone) return undefined;
    const isComplete = !isSuper || this.#hasLast || this.#payload < layout.gsoBytes;
    if (isComplete || (!this.joinsUdp && !layout.isTcp)) this.flush();
    return undefined;
  }
}

/** Bytes of the IPv4 header that differ from datagram to datagram: identification and checksum. */
const isFree = (i: number): boolean => i === 4 || i === 5 || i === 10 || i === 11;
