// A TAP whose frames come as super-frames: not yet segmented, their checksums not yet made (linux/if_tun.h, linux/virtio_net.h).
import { errnoName, linkIndexOf, SyscallError } from '../../syscalls.js';
import { closeQuietly, ERRNO, ioctl, openDevice } from './io.js';
import { createMemory, type Memory } from './memory.js';

const TUNSETIFF = 0x400454ca;
const TUNSETPERSIST = 0x400454cb;
const TUNSETOFFLOAD = 0x400454d0;
const TUNSETVNETLE = 0x400454dc;
const IFF_TAP = 0x0002;
const IFF_NO_PI = 0x1000;
const IFF_VNET_HDR = 0x4000;
const TUN_F = { csum: 1, tso4: 2, tso6: 4, ecn: 8, uso4: 0x20, uso6: 0x40 } as const;
const TCP_OFFLOADS = TUN_F.csum | TUN_F.tso4 | TUN_F.tso6 | TUN_F.ecn;
const UDP_OFFLOADS = TUN_F.uso4 | TUN_F.uso6;
const MAX_NAME_BYTES = 15;
const IFREQ_BYTES = 40;

export interface Tap {
  /** Non-blocking. */
  readonly fd: number;
  /** Does the kernel give and take super-frames of UDP (Linux 6.2)? */
  readonly hasUso: boolean;
}

/**
 * Opens the TAP `name`, making it where there is none. It is persistent: bridge port, addresses and rules outlive the process,
 * and the next one adopts it.
 * @param withUso false: no super-frames of UDP, though the kernel has them
 * @throws SyscallError EBUSY when another process has it, EPERM, EINVAL when a link of another kind has the name
 */
export function openTap(memory: Memory, ifreq: number, name: string, withUso = true): Tap {
  if (name.length === 0 || name.length > MAX_NAME_BYTES) throw new SyscallError(`tap ${name}`, 'EINVAL');
  const fd = openDevice('/dev/net/tun');
  try {
    memory.bytes.fill(0, ifreq, ifreq + IFREQ_BYTES);
    memory.bytes.set(Buffer.from(name, 'latin1'), ifreq);
    memory.view.setUint16(ifreq + 16, IFF_TAP | IFF_NO_PI | IFF_VNET_HDR, true);
    need(`TUNSETIFF ${name}`, ioctl(fd, TUNSETIFF, memory.base + ifreq));
    need('TUNSETPERSIST', ioctl(fd, TUNSETPERSIST, 1));
    memory.view.setInt32(ifreq, 1, true);
    need('TUNSETVNETLE', ioctl(fd, TUNSETVNETLE, memory.base + ifreq));
    const hasUso = withUso && ioctl(fd, TUNSETOFFLOAD, TCP_OFFLOADS | UDP_OFFLOADS) >= 0;
    if (!hasUso) need('TUNSETOFFLOAD', ioctl(fd, TUNSETOFFLOAD, TCP_OFFLOADS));
    return { fd, hasUso };
  } catch (error) {
    closeQuietly(fd);
    throw error;
  }
}

export const IFREQ = IFREQ_BYTES;

/** Makes a TAP for whoever opens it later. @throws SyscallError as `openTap` */
export function makeTap(name: string): void {
  const memory = createMemory(4 * IFREQ_BYTES);
  closeQuietly(openTap(memory, memory.take(IFREQ_BYTES), name).fd);
}

/** Removes a TAP that no process holds open. @returns was there one? @throws SyscallError EBUSY, EPERM */
export function removeTap(memory: Memory, ifreq: number, name: string): boolean {
  if (linkIndexOf(name) === undefined) return false;
  const { fd } = openTap(memory, ifreq, name);
  const result = ioctl(fd, TUNSETPERSIST, 0);
  closeQuietly(fd);
  need('TUNSETPERSIST', result);
  return true;
}

function need(what: string, result: number): void {
  if (result >= 0) return;
  if (result === -ERRNO.EINVAL && what.startsWith('TUNSETIFF'))
    throw new SyscallError(what, 'EINVAL (no TAP, or busy)');
  throw new SyscallError(what, errnoName(result));
}
