// One netlink socket. The kernel handles a request inside send(2), so its answer is there when send returns: requests
// are synchronous and never wait. A dump is fetched piece by piece; nothing else may use its socket meanwhile.
import { KernelError } from '../kernel.js';
import {
  bindSocket,
  closeFd,
  errnoName,
  openSocket,
  receiveBytes,
  sendBytes,
  setSocketOption,
  withNetns,
} from '../syscalls.js';
import * as k from './constants.js';
import { decodeDone, decodeError, encodeMessage, LE, viewOf, visitMessages } from './message.js';
import type { NetlinkMessage, Outcome } from './message.js';

const RECEIVE_BYTES = 1 << 16; // dumps come in pieces of 32 KiB
/** Room for 10,000 notifications of about 800 bytes (with the kernel's own); a user namespace may get rmem_max, less. */
const SOCKET_BUFFER_BYTES = 8 << 20;

/** The first `length` bytes of `view` are whole messages. Valid until the next is asked for. */
export interface Datagram {
  readonly view: DataView;
  readonly length: number;
}

export class NetlinkSocket {
  readonly fd: number;
  readonly #buffer = new Uint8Array(RECEIVE_BYTES);
  readonly #view = viewOf(this.#buffer);
  #seq = 0;
  #closed = false;

  /**
   * @param where an open fd of the namespace to be in; undefined: the calling thread's; or the fd of an rtnetlink socket that
   *   another thread opened, and closes, and does not use meanwhile
   * @param groups the RTNLGRP_… to hear notifications of
   * @param protocol NETLINK_ROUTE or NETLINK_NETFILTER
   * @throws SyscallError
   */
  constructor(
    where: number | undefined | { readonly fd: number },
    groups: readonly number[] = [],
    protocol = k.NETLINK_ROUTE,
  ) {
    const open = (): number => openNetlink(protocol, groups);
    if (typeof where === 'object') this.fd = where.fd;
    else this.fd = where === undefined ? open() : withNetns(where, open);
  }

  close(): void {
    this.#closed = true;
    closeFd(this.fd);
  }

  /** Sends one request and takes its answer. @param visit sees the messages before the ACK. @throws KernelError */
  request(op: string, type: number, flags: number, payload: Uint8Array, visit?: (m: NetlinkMessage) => void): void {
    const seq = this.reserve(1);
    this.#send(op, encodeMessage(type, flags | k.NLM_F_REQUEST | k.NLM_F_ACK, seq, payload));
    let outcome: Outcome | undefined;
    while (outcome === undefined) {
      this.#receive(op, (m) => {
        if (m.seq !== seq) return;
        if (m.type === k.NLMSG_ERROR) outcome = decodeError(m);
        else visit?.(m);
      });
    }
    if (outcome.errno !== 0) throw kernelError(op, outcome);
  }

  /** @returns the first of `count` sequence numbers for `sendBatch` */
  reserve(count: number): number {
    if (this.#seq + count > 0xffffffff) this.#seq = 0;
    const first = this.#seq + 1;
    this.#seq += count;
    return first;
  }

  /**
   * Sends messages of which only the last, `lastSeq`, has NLM_F_ACK; refusals are answered even without.
   * @throws KernelError if the batch as a whole could not be sent or its answers were lost
   */
  sendBatch(op: string, bytes: Uint8Array, lastSeq: number, refused: (seq: number, outcome: Outcome) => void): void {
    this.#send(op, bytes);
    for (let done = false; !done;) {
      this.#receive(op, (m) => {
        if (m.type !== k.NLMSG_ERROR) return;
        const outcome = decodeError(m);
        if (outcome.errno !== 0) refused(m.seq, outcome);
        if (m.seq === lastSeq) done = true;
      });
    }
  }

  /** Dumps a table. @throws KernelError EINTR if the table changed so that the dump may lack entries: ask again */
  *dump(op: string, type: number, payload: Uint8Array): Generator<Datagram> {
    const seq = this.reserve(1);
    this.#send(op, encodeMessage(type, k.NLM_F_REQUEST | k.NLM_F_DUMP, seq, payload));
    let interrupted = false;
    let end: Outcome | undefined;
    while (end === undefined) {
      const length = this.#receive(op, (m) => {
        if (m.seq !== seq) return;
        if ((m.flags & k.NLM_F_DUMP_INTR) !== 0) interrupted = true;
        if (m.type === k.NLMSG_DONE) end = decodeDone(m);
        else if (m.type === k.NLMSG_ERROR) end = decodeError(m);
      });
      yield { view: this.#view, length };
    }
    if (end.errno !== 0) throw kernelError(op, end);
    if (interrupted) throw new KernelError(op, 'EINTR', 'the table changed while it was read');
  }

  /** Takes one datagram of notifications. @returns false when there is none, or 'overrun' when some were lost */
  receiveNotifications(visit: (m: NetlinkMessage) => void): boolean | 'overrun' {
    const read = receiveBytes(this.fd, this.#buffer);
    if (read < 0) return errnoName(read) === 'ENOBUFS' ? 'overrun' : false;
    visitMessages(this.#view, read, visit);
    return true;
  }

  #send(op: string, bytes: Uint8Array): void {
    if (this.#closed) throw new KernelError(op, 'EBADF', 'the kernel object was closed'); // the fd may be another's now
    const sent = sendBytes(this.fd, bytes);
    if (sent < 0) throw new KernelError(op, errnoName(sent));
  }

  #receive(op: string, visit: (m: NetlinkMessage) => void): number {
    const read = receiveBytes(this.fd, this.#buffer);
    if (read < 0) throw new KernelError(op, errnoName(read), 'no answer from netlink');
    if (!visitMessages(this.#view, read, visit)) throw new KernelError(op, 'EPROTO', 'an answer cut short');
    return read;
  }
}

const kernelError = (op: string, outcome: Outcome): KernelError =>
  new KernelError(op, errnoName(outcome.errno), outcome.sentence);

function openNetlink(protocol: number, groups: readonly number[]): number {
  const fd = openSocket(k.AF_NETLINK, k.SOCK_RAW, protocol);
  // Refused in a user namespace of our own, where the ordinary option gives net.core.rmem_max.
  if (setSocketOption(fd, k.SOL_SOCKET, k.SO_RCVBUFFORCE, SOCKET_BUFFER_BYTES) < 0)
    setSocketOption(fd, k.SOL_SOCKET, k.SO_RCVBUF, SOCKET_BUFFER_BYTES);
  for (const option of [k.NETLINK_CAP_ACK, k.NETLINK_EXT_ACK, k.NETLINK_GET_STRICT_CHK])
    setSocketOption(fd, k.SOL_NETLINK, option, 1);
  const address = new DataView(new ArrayBuffer(12)); // struct sockaddr_nl; the kernel chooses the port id
  address.setUint16(0, k.AF_NETLINK, LE);
  bindSocket(fd, new Uint8Array(address.buffer));
  for (const group of groups) setSocketOption(fd, k.SOL_NETLINK, k.NETLINK_ADD_MEMBERSHIP, group);
  return fd;
}
