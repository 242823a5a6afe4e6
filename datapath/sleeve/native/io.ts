// The system calls of the sleeve's data path. All memory is named by address, so that a call costs no conversion.
import { errnoName, lastErrno, nativeCall, SyscallError, type NativeCall } from '../../syscalls.js';

const libc = (prototype: string): NativeCall => {
  const call = nativeCall('libc', prototype);
  if (call === undefined) throw new Error(`libc has no ${prototype}`);
  return call;
};

const cOpen = libc('int open(const char *path, int flags)');
const cClose = libc('int close(int fd)');
const cIoctl = libc('int ioctl(int fd, ulong request, uintptr_t argument)');
const cEpollCreate = libc('int epoll_create1(int flags)');
const cEpollCtl = libc('int epoll_ctl(int epoll, int operation, int fd, uintptr_t event)');
const cEventfd = libc('int eventfd(uint count, int flags)');
const cGetsockopt = libc('int getsockopt(int fd, int level, int name, uintptr_t value, uintptr_t length)');

/** The calls of the hot path, bare: -1 is an error, and `lastErrno` says which. */
export const read = libc('long read(int fd, uintptr_t buffer, size_t length)');
export const readv = libc('long readv(int fd, uintptr_t pieces, int count)');
export const write = libc('long write(int fd, uintptr_t buffer, size_t length)');
export const writev = libc('long writev(int fd, uintptr_t pieces, int count)');
export const sendmsg = libc('long sendmsg(int fd, uintptr_t message, int flags)');
export const recvmsg = libc('long recvmsg(int fd, uintptr_t message, int flags)');
export const epollWait = libc('int epoll_wait(int epoll, uintptr_t events, int count, int timeoutMs)');

/** errno.h, asm-generic */
export const ERRNO = { EINTR: 4, EIO: 5, EBADF: 9, EAGAIN: 11, EINVAL: 22, EBADFD: 77, EMSGSIZE: 90 } as const;
export const MSG_DONTWAIT = 0x40;
/** sys/epoll.h: struct epoll_event is packed on x86-64 alone. */
export const EPOLL_EVENT_BYTES = process.arch === 'x64' ? 12 : 16;
export const EPOLL_DATA_AT = process.arch === 'x64' ? 4 : 8;

const O_RDWR = 2;
const O_NONBLOCK = 0x800;
const CLOEXEC = 0x80000;
const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_DEL = 2;
const EPOLLIN = 1;

const check = (what: string, result: number): number => {
  if (result < 0) throw new SyscallError(what, errnoName(lastErrno()));
  return result;
};

/** @throws SyscallError ENOENT, EACCES */
export const openDevice = (path: string): number => check(`open ${path}`, cOpen(path, O_RDWR | O_NONBLOCK | CLOEXEC));

/** @param argument an address or a number, as the request wants it. @returns the result, or -errno */
export function ioctl(fd: number, request: number, argument: number): number {
  const result = cIoctl(fd, request, argument);
  return result < 0 ? -lastErrno() : result;
}

/** @returns 0 or -errno. @param value and @param length addresses */
export const getOption = (fd: number, level: number, name: number, value: number, length: number): number =>
  cGetsockopt(fd, level, name, value, length) < 0 ? -lastErrno() : 0;

/** @throws SyscallError EMFILE */
export const createEpoll = (): number => check('epoll_create1', cEpollCreate(CLOEXEC));

/** @param event address of a struct epoll_event, which is overwritten. @throws SyscallError EBADF, EEXIST */
export function epollAdd(
  epoll: number,
  fd: number,
  event: { readonly address: number; readonly view: DataView },
): void {
  event.view.setUint32(0, EPOLLIN, true);
  event.view.setUint32(EPOLL_DATA_AT, fd, true);
  event.view.setUint32(EPOLL_DATA_AT + 4, 0, true);
  check('epoll_ctl', cEpollCtl(epoll, EPOLL_CTL_ADD, fd, event.address));
}

/** A fd that is gone is no error: closing it took it out. */
export const epollRemove = (epoll: number, fd: number): void => void cEpollCtl(epoll, EPOLL_CTL_DEL, fd, 0);

/** A counter that wakes who waits for it. @throws SyscallError EMFILE */
export const createEventfd = (): number => check('eventfd', cEventfd(0, CLOEXEC | O_NONBLOCK));

/** Closing twice, or what never was open, is no error here: a worker may have died half way. */
export const closeQuietly = (fd: number): void => void cClose(fd);
