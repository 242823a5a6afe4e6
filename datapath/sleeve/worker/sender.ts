// Seals datagrams that lie one behind the other, and sends them with one system call.
import { lastErrno } from '../../syscalls.js';
import { ERRNO, sendmsg } from '../native/io.js';
import { MAX_DATAGRAM_BYTES, OUTER, OUTER_BYTES, writeOuter, type Lane } from '../wire/datagram.js';
import type { Memory } from '../native/memory.js';
import { UDP_SEGMENT } from '../native/udp.js';
import { REJECT_AFTER, REKEY_AFTER, type SendPeer } from './peers.js';
import { PEER, PEER_DROP, type PeerDrop } from './peer-counters.js';
import { TOTAL, type Totals } from './shared.js';

const SOL_UDP = 17;
const MSGHDR_BYTES = 56; // struct msghdr on 64-bit Linux: name, namelen, iov, iovlen, control, controllen, flags
const MSG = { name: 0, nameBytes: 8, iov: 16, iovCount: 24, control: 32, controlBytes: 40 } as const;
const CMSG_BYTES = 24; // CMSG_SPACE(2)
const CMSG_LENGTH = 18; // CMSG_LEN(2)
/** UDP_MAX_SEGMENTS of the kernels that have fewest. */
export const MAX_SENT = 64;

/** How many datagrams of that size go into one call. */
export const perCall = (datagramBytes: number): number =>
  Math.max(1, Math.min(MAX_SENT, Math.floor(MAX_DATAGRAM_BYTES / datagramBytes)));

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Where datagrams go. */
export type Target = Pick<SendPeer, 'name' | 'nameBytes' | 'fd' | 'hasGso' | 'counters'>;

export class Sender {
  readonly #memory: Memory;
  readonly #totals: Totals;
  readonly #lane: Lane;
  readonly #needRekey: (peer: SendPeer) => void;
  readonly #message: number;
  readonly #iov: number;
  readonly #control: number;

  constructor(memory: Memory, totals: Totals, lane: Lane, needRekey: (peer: SendPeer) => void) {
    this.#memory = memory;
    this.#totals = totals;
    this.#lane = lane;
    this.#needRekey = needRekey;
    this.#message = memory.take(MSGHDR_BYTES);
    this.#iov = memory.take(16);
    this.#control = memory.take(CMSG_BYTES);
    const { view } = memory;
    memory.point(this.#message + MSG.iov, this.#iov);
    memory.size(this.#message + MSG.iovCount, 1);
    memory.point(this.#message + MSG.control, this.#control);
    memory.size(this.#control, CMSG_LENGTH);
    view.setUint32(this.#control + 8, SOL_UDP, true);
    view.setUint32(this.#control + 12, UDP_SEGMENT, true);
  }

  /**
   * May `count` datagrams be sealed for this peer? Their counters are taken, before the first is used: a worker that dies
   * half way never uses one twice.
   */
  reserve(peer: SendPeer, count: number): boolean {
    if (peer.sealer === undefined || peer.next > REJECT_AFTER) {
      this.#drop(peer, peer.sealer === undefined ? 'no-session' : 'key-worn-out', count);
      return false;
    }
    peer.next += count;
    peer.counters[PEER.txDatagrams]! += count;
    peer.sent[this.#lane] = peer.next;
    if (peer.next > REKEY_AFTER && !peer.asksForKey) {
      peer.asksForKey = true;
      this.#needRekey(peer);
    }
    return true;
  }

  /** Seals one datagram whose message of `messageBytes` lies at `at + OUTER_BYTES`. Its counter was reserved. @returns its length */
  seal(peer: SendPeer, at: number, messageBytes: number): number {
    const sealer = peer.sealer!;
    writeOuter(this.#memory.view, at, this.#lane, peer.label, peer.receiver);
    sealer.seal(at + OUTER.counter, messageBytes);
    return OUTER_BYTES + messageBytes + sealer.tagBytes;
  }

  /**
   * Sends `length` bytes at `at`: datagrams of `datagramBytes` each, the last maybe shorter; no more than `perCall`.
   * @returns were they sent? If not, that is counted
   */
  send(to: Mutable<Target>, at: number, length: number, datagramBytes: number): boolean {
    if (length > datagramBytes && !to.hasGso) return this.#sendEach(to, at, length, datagramBytes);
    if (this.#call(to, at, length, datagramBytes) >= 0) return true;
    const errno = lastErrno();
    // A device that cannot make checksums refuses UDP_SEGMENT with EIO (net/ipv4/udp.c udp_send_skb).
    if (errno === ERRNO.EIO && length > datagramBytes) {
      to.hasGso = false;
      return this.#sendEach(to, at, length, datagramBytes);
    }
    this.#drop(to, errno === ERRNO.EAGAIN ? 'socket-buffer' : 'socket-error', Math.ceil(length / datagramBytes));
    return false;
  }

  #drop({ counters }: Target, reason: PeerDrop, datagrams: number): void {
    this.#totals.add(TOTAL[reason], datagrams);
    counters[PEER_DROP[reason]]! += datagrams;
  }

  #sendEach(to: Mutable<Target>, at: number, length: number, datagramBytes: number): boolean {
    let isSent = true;
    for (let o = 0; o < length; o += datagramBytes) {
      const size = Math.min(datagramBytes, length - o);
      isSent = this.send(to, at + o, size, size) && isSent;
    }
    return isSent;
  }

  #call(to: Target, at: number, length: number, datagramBytes: number): number {
    const { view, base } = this.#memory;
    const message = this.#message;
    this.#memory.point(message + MSG.name, to.name);
    view.setUint32(message + MSG.nameBytes, to.nameBytes, true);
    this.#memory.point(this.#iov, at);
    this.#memory.size(this.#iov + 8, length);
    const isMany = length > datagramBytes;
    view.setUint32(message + MSG.controlBytes, isMany ? CMSG_BYTES : 0, true);
    if (isMany) view.setUint16(this.#control + 16, datagramBytes, true);
    this.#totals.add(TOTAL.sends);
    return sendmsg(to.fd, base + message, 0);
  }
}
