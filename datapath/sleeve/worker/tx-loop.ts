// TAP → UDP. The frame is read to where it will be sealed and sent from, so that its bytes are not copied here:
//
//   scattered   After a super-frame the next is expected to have headers and segments of the same size. readv(2) puts its
//               payload into slots as far apart as the datagrams will be, and only the headers are copied, slot by slot.
//   contiguous  After a small frame the next is read behind it, so that several of them leave in one call.
//
// A guess that was wrong costs one copy of the frame, never a frame.
import { lastErrno } from '../../syscalls.js';
import { isGroup, macAt, type MacTable } from '../forward/mac-table.js';
import type { StormLimiter } from '../forward/storm.js';
import { copyPayload, emptyCut, messageBytes, planCut, writeHeaders, type Cut } from '../frame/cutter.js';
import { ERRNO, read } from '../native/io.js';
import type { Memory } from '../native/memory.js';
import { MAX_DATAGRAM_BYTES, OUTER_BYTES } from '../wire/datagram.js';
import { VIRTIO_BYTES } from '../wire/message.js';
import { PEER, PEER_DROP, TX_SIZES } from './peer-counters.js';
import type { SendPeer } from './peers.js';
import { FRAME_BYTES, READ_AT, ScatterReader } from './scatter-reader.js';
import { MAX_SENT, perCall, type Sender } from './sender.js';
import { TOTAL, type Totals } from './shared.js';
import { Splitter } from './splitter.js';

const OUT_BYTES = MAX_DATAGRAM_BYTES + READ_AT + FRAME_BYTES + 4_096;
/** Frames from one TAP before the others have their turn. */
const BUDGET = 64;
const MAC_BYTES = 6;

/** A network's side of the sending worker. */
export interface TxNetwork {
  readonly vni: number;
  fd: number;
  readonly macs: MacTable<SendPeer>;
  flood: readonly SendPeer[];
}

export class TxLoop {
  readonly #memory: Memory;
  readonly #sender: Sender;
  readonly #totals: Totals;
  readonly #storm: StormLimiter;
  readonly #splitter: Splitter;
  readonly #cut: Cut = emptyCut();
  /** Where frames are read to, and where they are copied to when they were not read to the right place. */
  readonly #out: number;
  readonly #copy: number;
  readonly #scatter: ScatterReader;
  #frame = 0;
  /** Datagrams that are sealed and not yet sent, from `#out` on. */
  #pendingPeer: SendPeer | undefined;
  #pendingBytes = 0;
  #pendingCount = 0;
  #datagramBytes = 0;

  constructor(memory: Memory, sender: Sender, totals: Totals, storm: StormLimiter) {
    this.#memory = memory;
    this.#sender = sender;
    this.#totals = totals;
    this.#storm = storm;
    this.#out = memory.take(OUT_BYTES);
    this.#copy = memory.take(MAX_DATAGRAM_BYTES + 4_096);
    this.#scatter = new ScatterReader(memory, this.#out, OUT_BYTES);
    this.#splitter = new Splitter(memory, sender);
  }

  /**
   * Sends on what the TAP has, until it has no more or others should have their turn.
   * @param nowMs monotonic. @returns 'lost' when the TAP is gone
   */
  drain(network: TxNetwork, nowMs: number): 'empty' | 'more' | 'lost' {
    for (let i = 0; i < BUDGET; i++) {
      const n = this.#scatter.isReady ? this.#readScattered(network, nowMs) : this.#readContiguous(network, nowMs);
      if (n >= 0) continue;
      const errno = lastErrno();
      this.#flush();
      if (errno === ERRNO.EAGAIN || errno === ERRNO.EINTR) return 'empty';
      this.#totals.add(TOTAL['tap-lost']);
      return 'lost';
    }
    this.#flush();
    return 'more';
  }

  #readScattered(network: TxNetwork, nowMs: number): number {
    const n = this.#scatter.read(network.fd);
    if (n < 0) return n;
    const source = this.#out + READ_AT;
    if (this.#scatter.isWhole(n)) {
      this.#scatter.forget();
      this.#forward(network, source, source + n, nowMs);
    } else if (!this.#sendScattered(network, source, source + n)) {
      this.#totals.add(TOTAL.gathered);
      const gathered = this.#scatter.gather(n);
      this.#forward(network, gathered, gathered + n, nowMs);
    }
    return n;
  }

  /** @returns false when the frame is not what was expected, and lies in the wrong places */
  #sendScattered(network: TxNetwork, source: number, end: number): boolean {
    const { bytes, view } = this.#memory;
    const to = source + VIRTIO_BYTES;
    const peer = isGroup(bytes, to) ? undefined : network.macs.find(macAt(view, to));
    if (peer?.sealer === undefined) return false;
    const cut = this.#cut;
    if (planCut(bytes, view, source, end, peer.roomBytes, cut) !== undefined) return false;
    const stride = OUTER_BYTES + cut.messageBytes + peer.sealer.tagBytes;
    if (!this.#scatter.fits(cut, stride) || cut.messageBytes > peer.roomBytes) return false;
    this.#totals.add(TOTAL.scattered);
    const frame = this.#count(peer, cut, end - source);
    // All headers first: sealing the first slot destroys what they are copied from.
    for (let i = 0; i < cut.count; i++)
      writeHeaders(bytes, view, cut, source, this.#out + i * stride + OUTER_BYTES, network.vni, frame, i);
    // In calls of about the same size: the receiver works on the first while we seal the second.
    const most = Math.ceil(cut.count / Math.ceil(cut.count / perCall(stride)));
    for (let i = 0; i < cut.count; i += most)
      this.#sealAndSend(peer, cut, this.#out + i * stride, stride, i, Math.min(most, cut.count - i));
    return true;
  }

  #readContiguous(network: TxNetwork, nowMs: number): number {
    const source = this.#out + this.#pendingBytes + READ_AT;
    const n = read(network.fd, this.#memory.base + source, FRAME_BYTES);
    if (n >= 0) this.#forward(network, source, source + n, nowMs);
    return n;
  }

  /** Sends on a frame that lies in one piece. */
  #forward(network: TxNetwork, source: number, end: number, nowMs: number): void {
    const { bytes, view } = this.#memory;
    const to = source + VIRTIO_BYTES;
    if (end - to < 2 * MAC_BYTES + 2) return this.#totals.add(TOTAL['frame-short']);
    if (isGroup(bytes, to)) {
      if (!this.#storm.admits(macAt(view, to + MAC_BYTES), nowMs)) return this.#totals.add(TOTAL.storm);
      this.#flush();
      for (const peer of network.flood) this.#sendTo(peer, network.vni, source, end);
      return;
    }
    const peer = network.macs.find(macAt(view, to));
    if (peer === undefined) return this.#totals.add(TOTAL['unknown-mac']);
    this.#sendTo(peer, network.vni, source, end);
  }

  #sendTo(peer: SendPeer, vni: number, source: number, end: number): void {
    if (peer.sealer === undefined) {
      peer.counters[PEER_DROP['no-session']]!++;
      return this.#totals.add(TOTAL['no-session']);
    }
    const { bytes, view } = this.#memory;
    const cut = this.#cut;
    const fault = planCut(bytes, view, source, end, peer.roomBytes, cut);
    if (fault !== undefined) return this.#totals.add(TOTAL[fault]);
    if (cut.messageBytes > peer.roomBytes) return this.#sendSplit(peer, vni, source, end);
    const isInPlace = source === this.#out + this.#pendingBytes + READ_AT && !isGroup(bytes, source + VIRTIO_BYTES);
    if (cut.count === 1 && isInPlace) return this.#append(peer, vni, source, end);
    this.#flush();
    const frame = this.#count(peer, cut, end - source);
    const stride = OUTER_BYTES + cut.messageBytes + peer.sealer.tagBytes;
    const most = perCall(stride);
    for (let i = 0; i < cut.count; i += most) {
      const count = Math.min(most, cut.count - i);
      for (let k = 0; k < count; k++) {
        const target = this.#copy + k * stride + OUTER_BYTES;
        writeHeaders(bytes, view, cut, source, target, vni, frame, i + k);
        copyPayload(bytes, cut, source, target, i + k);
      }
      this.#sealAndSend(peer, cut, this.#copy, stride, i, count);
    }
    if (cut.count > 1) this.#scatter.expect(cut, stride);
  }

  /** Seals `count` segments from `first` on, which lie `stride` apart, and sends them with one call. */
  #sealAndSend(peer: SendPeer, cut: Cut, at: number, stride: number, first: number, count: number): void {
    if (!this.#sender.reserve(peer, count)) return;
    let bytes = 0;
    for (let k = 0; k < count; k++)
      bytes = k * stride + this.#sender.seal(peer, at + k * stride, messageBytes(cut, first + k));
    this.#sender.send(peer, at, bytes, stride);
  }

  /** Seals a whole frame where it lies, behind what is pending. */
  #append(peer: SendPeer, vni: number, source: number, end: number): void {
    const { bytes, view } = this.#memory;
    const cut = this.#cut;
    const datagramBytes = OUTER_BYTES + cut.messageBytes + peer.sealer!.tagBytes;
    const at = source - READ_AT;
    if (this.#pendingCount > 0 && !this.#fits(peer, datagramBytes)) {
      this.#flush(); // its memory stays what it was; the frame moves to the front
      bytes.copyWithin(this.#out + READ_AT, source, end);
      return this.#append(peer, vni, this.#out + READ_AT, this.#out + READ_AT + (end - source));
    }
    if (!this.#sender.reserve(peer, 1)) return;
    const frame = this.#count(peer, cut, end - source);
    writeHeaders(bytes, view, cut, source, at + OUTER_BYTES, vni, frame, 0);
    this.#sender.seal(peer, at, cut.messageBytes);
    if (this.#pendingCount === 0) this.#datagramBytes = datagramBytes;
    this.#pendingPeer = peer;
    this.#pendingBytes += datagramBytes;
    this.#pendingCount++;
    if (datagramBytes < this.#datagramBytes) this.#flush(); // only the last may be shorter
  }

  #fits(peer: SendPeer, datagramBytes: number): boolean {
    return (
      peer === this.#pendingPeer &&
      datagramBytes <= this.#datagramBytes &&
      this.#pendingCount < MAX_SENT &&
      this.#pendingBytes + datagramBytes <= MAX_DATAGRAM_BYTES
    );
  }

  #flush(): void {
    if (this.#pendingCount === 0) return;
    this.#sender.send(this.#pendingPeer!, this.#out, this.#pendingBytes, this.#datagramBytes);
    this.#pendingPeer = undefined;
    this.#pendingBytes = this.#pendingCount = 0;
  }

  #sendSplit(peer: SendPeer, vni: number, source: number, end: number): void {
    const cut = this.#cut;
    const { bytes, view } = this.#memory;
    this.#flush();
    const frame = this.#count(peer, cut, end - source);
    for (let i = 0; i < cut.count; i++) {
      const message = this.#splitter.message;
      writeHeaders(bytes, view, cut, source, message, vni, frame, i);
      copyPayload(bytes, cut, source, message, i);
      this.#totals.add(TOTAL.split);
      peer.counters[PEER.txSplit]!++;
      this.#splitter.send(peer, messageBytes(cut, i), this.#copy);
    }
  }

  /** @returns the super-frame's number */
  #count(peer: SendPeer, cut: Cut, bytes: number): number {
    peer.counters[PEER.txFrames]!++;
    peer.counters[PEER.txBytes]! += bytes - VIRTIO_BYTES;
    peer.counters[TX_SIZES + this.#totals.frame(cut.count)]!++;
    this.#frame = (this.#frame + 1) >>> 0;
    return this.#frame;
  }
}
