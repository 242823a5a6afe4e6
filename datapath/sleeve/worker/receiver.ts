// recvmsg(2) with all that it says beside the bytes: from whom, and how large each of the datagrams is that the kernel joined.
import { lastErrno } from '../../syscalls.js';
import { ERRNO, MSG_DONTWAIT, recvmsg } from '../native/io.js';
import type { Memory } from '../native/memory.js';
import { SOCKADDR_BYTES, UDP_GRO } from '../native/udp.js';

const SOL_UDP = 17;
const MSGHDR_BYTES = 56;
const MSG = { name: 0, nameBytes: 8, iov: 16, iovCount: 24, control: 32, controlBytes: 40 } as const;
const CONTROL_BYTES = 64;
const CMSG_GRO_BYTES = 20; // CMSG_LEN(4)
/** More than a batch can have: 64 KiB. */
export const BATCH_BYTES = 65_536 + 64;

export class Receiver {
  /** Of the sender's sockaddr. */
  readonly name: number;
  /** Size of each datagram of the last batch but its last one, which may be shorter; bytes. */
  datagramBytes = 0;
  readonly #memory: Memory;
  readonly #message: number;
  readonly #iov: number;
  readonly #control: number;

  constructor(memory: Memory) {
    this.#memory = memory;
    this.name = memory.take(SOCKADDR_BYTES.v6);
    this.#message = memory.take(MSGHDR_BYTES);
    this.#iov = memory.take(16);
    this.#control = memory.take(CONTROL_BYTES);
    memory.point(this.#message + MSG.name, this.name);
    memory.point(this.#message + MSG.iov, this.#iov);
    memory.size(this.#message + MSG.iovCount, 1);
    memory.point(this.#message + MSG.control, this.#control);
    memory.size(this.#iov + 8, BATCH_BYTES);
  }

  /** Reads a batch to `at`. @returns its bytes; -1 when there is none */
  receive(fd: number, at: number): number {
    const { view, base } = this.#memory;
    const message = this.#message;
    this.#memory.point(this.#iov, at);
    view.setUint32(message + MSG.nameBytes, SOCKADDR_BYTES.v6, true);
    view.setUint32(message + MSG.controlBytes, CONTROL_BYTES, true);
    for (;;) {
      const n = recvmsg(fd, base + message, MSG_DONTWAIT);
      if (n >= 0) {
        this.datagramBytes = this.#groBytes() || Math.max(1, n);
        return n;
      }
      if (lastErrno() !== ERRNO.EINTR) return -1; // EAGAIN, or an ICMP error that the kernel has passed on
    }
  }

  #groBytes(): number {
    const { view } = this.#memory;
    if (view.getUint32(this.#message + MSG.controlBytes, true) < CMSG_GRO_BYTES) return 0;
    const isGro =
      view.getUint32(this.#control + 8, true) === SOL_UDP && view.getUint32(this.#control + 12, true) === UDP_GRO;
    return isGro ? view.getUint32(this.#control + 16, true) : 0;
  }
}
