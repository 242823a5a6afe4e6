// Many frames out of one link in one system call: sendmmsg(2) on a packet socket.
import {
  addressOf,
  hostIsLittleEndian,
  linkIndexOf,
  nativeCall,
  openPacketSocket,
} from '../../../datapath/syscalls.js';

const [MMSGHDR_BYTES, IOVEC_BYTES] = [64, 16]; // linux/socket.h, 64 bits

export class FrameBatch {
  readonly #fd: number;
  readonly #send: ReturnType<typeof sendmmsg>;
  readonly #headers: Buffer;
  /** They must not be collected: the kernel reads them by address. */
  readonly #held: readonly Buffer[];

  /** @param frames 64 bytes each at least; they may be changed between sends. @throws Error if there is no such link */
  constructor(link: string, frames: readonly Buffer[]) {
    const index = linkIndexOf(link);
    if (index === undefined) throw new Error(`no link ${link}`);
    this.#fd = openPacketSocket(index, 0);
    this.#send = sendmmsg();
    const iovecs = Buffer.alloc(frames.length * IOVEC_BYTES);
    this.#headers = Buffer.alloc(frames.length * MMSGHDR_BYTES);
    const copies = frames.map((frame, i) => {
      writeAddress(iovecs, i * IOVEC_BYTES, addressOf(frame));
      writeAddress(iovecs, i * IOVEC_BYTES + 8, frame.length);
      writeAddress(this.#headers, i * MMSGHDR_BYTES + 16, addressOf(iovecs) + i * IOVEC_BYTES);
      writeAddress(this.#headers, i * MMSGHDR_BYTES + 24, 1);
      return frame;
    });
    this.#held = [...copies, iovecs];
  }

  /** @returns how many were sent of the `count` from `first` on */
  send(first: number, count: number): number {
    const sent = this.#send(this.#fd, addressOf(this.#headers) + first * MMSGHDR_BYTES, count, 0);
    return this.#held.length > 0 ? Math.max(0, sent) : 0;
  }
}

function sendmmsg(): (...args: readonly number[]) => number {
  const call = nativeCall('libc', 'int sendmmsg(int fd, uintptr_t headers, unsigned int count, int flags)');
  if (call === undefined || !hostIsLittleEndian) throw new Error('no sendmmsg(2)');
  return call;
}

const writeAddress = (b: Buffer, at: number, address: number): void => void b.writeBigUInt64LE(BigInt(address), at);
