// Packet sockets on bridge devices, opened when first needed.
import type { LinkIndex } from '../../../router/types.js';
import { closeFd, openPacketSocket, packetSend, SyscallError } from '../../syscalls.js';

export class BridgeSockets {
  readonly #fds = new Map<LinkIndex, number>();

  /** Sends one frame out of the bridge device, to its ports. @returns undefined, or why not: `ENODEV`, `ENETDOWN` */
  send(bridge: LinkIndex, frame: Uint8Array): string | undefined {
    try {
      const fd = this.#fds.get(bridge) ?? openPacketSocket(bridge, 0);
      this.#fds.set(bridge, fd);
      return packetSend(fd, frame);
    } catch (error) {
      if (error instanceof SyscallError) return error.errno;
      throw error;
    }
  }

  /** The bridge is gone: a later one may have its index. */
  close(bridge: LinkIndex): void {
    const fd = this.#fds.get(bridge);
    if (fd === undefined) return;
    this.#fds.delete(bridge);
    closeFd(fd);
  }

  closeAll(): void {
    for (const bridge of [...this.#fds.keys()]) this.close(bridge);
  }
}
