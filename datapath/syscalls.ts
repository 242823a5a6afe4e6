// System calls that Node does not offer, through koffi: the one file that imports it. Nothing here knows netlink, VXLAN or
// Ethernet. Calls never block: sockets are opened non-blocking and close-on-exec.
//
// A call that may fail in normal operation returns its count, or -errno as the kernel does; `errnoName` puts a name to it.
// A call whose failure ends the attempt throws SyscallError.
import { endianness, constants as osConstants } from 'node:os';
import koffi from 'koffi';

const libc = koffi.load('libc.so.6');
type Call = (...args: readonly unknown[]) => number;
const call = (definition: string): Call => libc.func(definition) as Call;

const cOpen = call('int open(const char *path, int flags)');
const cClose = call('int close(int fd)');
const cSocket = call('int socket(int domain, int type, int protocol)');
const cBind = call('int bind(int fd, void *address, int length)');
const cSend = call('long send(int fd, void *bytes, size_t length, int flags)');
const cRecv = call('long recv(int fd, void *buffer, size_t length, int flags)');
const cSetsockopt = call('int setsockopt(int fd, int level, int name, void *value, int length)');
const cGetsockopt = call('int getsockopt(int fd, int level, int name, void *value, void *length)');
const SockFprog = koffi.struct('sock_fprog', { len: 'uint16_t', filter: 'void *' }); // linux/filter.h
const cAttachFilter = call('int setsockopt(int fd, int level, int name, sock_fprog *program, int length)');
const cSetns = call('int setns(int fd, int kind)');
const cIoctl = call('int ioctl(int fd, ulong request, void *argument)');
const cClockGettime = call('int clock_gettime(int clock, void *time)');
const cIfNameToIndex = call('uint if_nametoindex(const char *name)');

// asm-generic/fcntl.h, asm-generic/socket.h, linux/socket.h, linux/sched.h
const O_RDONLY = 0;
const O_CLOEXEC = 0x80000;
const AF_PACKET = 17;
const SOCK_RAW = 3;
const SOCK_NONBLOCK = 0x800;
const SOCK_CLOEXEC = 0x80000;
const MSG_DONTWAIT = 0x40;
const SOL_SOCKET = 1;
const SO_ATTACH_FILTER = 26;
const CLONE_NEWNET = 0x40000000;
// asm-generic/sockios.h, linux/time.h
const SIOCGSTAMPNS = 0x8907; // the time that SO_TIMESTAMPNS gives, without recvmsg and its structures
const CLOCK_REALTIME = 0;
const EINTR = 4;

/** Is the machine little-endian? Netlink and socket structures are in host order. */
export const hostIsLittleEndian = endianness() === 'LE';

const ERRNO_NAMES = new Map<number, string>(
  Object.entries(osConstants.errno)
    .filter(([name]) => name !== 'EWOULDBLOCK' && name !== 'ENOTSUP') // second names of EAGAIN and EOPNOTSUPP
    .map(([name, number]) => [number, name]),
);

/** `ENODEV` for 19 or -19; `errno 512` where there is no name. */
export const errnoName = (errno: number): string => ERRNO_NAMES.get(Math.abs(errno)) ?? `errno ${Math.abs(errno)}`;

/** A system call that the kernel refused. */
export class SyscallError extends Error {
  override readonly name = 'SyscallError';
  /** `EPERM`, `ENOENT`, … */
  readonly errno: string;

  constructor(what: string, errno: string) {
    super(`${what}: ${errno}`);
    this.errno = errno;
  }
}

const check = (what: string, result: number): number => {
  if (result < 0) throw new SyscallError(what, errnoName(koffi.errno()));
  return result;
};

/** @returns a non-blocking, close-on-exec socket. @throws SyscallError EPERM, EAFNOSUPPORT, EMFILE */
export const openSocket = (domain: number, type: number, protocol: number): number =>
  check('socket', cSocket(domain, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol));

/** @param address a sockaddr in host order. @throws SyscallError ENODEV, EADDRINUSE, EPERM */
export function bindSocket(fd: number, address: Uint8Array): void {
  check('bind', cBind(fd, address, address.length));
}

/** @returns 0, or -errno */
export function setSocketOption(fd: number, level: number, name: number, value: number): number {
  return cSetsockopt(fd, level, name, Int32Array.of(value), 4) < 0 ? -koffi.errno() : 0;
}

/** One instruction of a classic BPF program: `struct sock_filter`, linux/filter.h. */
export interface FilterStep {
  readonly code: number;
  /** How many instructions to skip when a comparison holds, and when it does not. */
  readonly jt: number;
  readonly jf: number;
  readonly k: number;
}

/** From now on the socket queues only what the program lets pass. @throws SyscallError EINVAL for a malformed program */
export function attachFilter(fd: number, steps: readonly FilterStep[]): void {
  const code = new DataView(new ArrayBuffer(steps.length * 8));
  steps.forEach((step, i) => {
    code.setUint16(i * 8, step.code, hostIsLittleEndian);
    code.setUint8(i * 8 + 2, step.jt);
    code.setUint8(i * 8 + 3, step.jf);
    code.setUint32(i * 8 + 4, step.k, hostIsLittleEndian);
  });
  const program = { len: steps.length, filter: new Uint8Array(code.buffer) };
  check(
    'setsockopt SO_ATTACH_FILTER',
    cAttachFilter(fd, SOL_SOCKET, SO_ATTACH_FILTER, program, koffi.sizeof(SockFprog)),
  );
}

/** @returns the option's value. @throws SyscallError ENOPROTOOPT */
export function socketOption(fd: number, level: number, name: number): number {
  const value = new Int32Array(1);
  check('getsockopt', cGetsockopt(fd, level, name, value, Int32Array.of(4)));
  return value[0]!;
}

/** Sends the first `length` bytes. @returns how many were sent, or -errno */
export function sendBytes(fd: number, bytes: Uint8Array, length = bytes.length): number {
  for (;;) {
    const sent = cSend(fd, bytes, length, MSG_DONTWAIT);
    if (sent >= 0) return sent;
    const errno = koffi.errno();
    if (errno !== EINTR) return -errno;
  }
}

/** Fills `buffer` from its start; what does not fit is lost. @returns the bytes read, or -errno (-EAGAIN: nothing there) */
export function receiveBytes(fd: number, buffer: Uint8Array): number {
  for (;;) {
    const read = cRecv(fd, buffer, buffer.length, MSG_DONTWAIT);
    if (read >= 0) return read;
    const errno = koffi.errno();
    if (errno !== EINTR) return -errno;
  }
}

/** @throws SyscallError EBADF: closing twice is our bug, the number may be somebody else's by now */
export function closeFd(fd: number): void {
  check(`close ${fd}`, cClose(fd)); // not fs.closeSync: in a worker Node warns of descriptors that it did not open
}

// koffi closes a poll handle silently when it is collected, so a watched descriptor must be reachable from here.
const watched = new Set<ReturnType<typeof koffi.node.poll>>();

/**
 * Calls back whenever `fd` is readable or has an error pending, until the returned function is called; call that before
 * closing the fd. `onReadable` must read until there is no more, which also clears the error.
 */
export function pollReadable(fd: number, onReadable: () => void): () => void {
  const options = { readable: true };
  // libuv stops a poll that sees an error (an overrun, a link that went down), with a status its types do not tell.
  const onEvent = (status: unknown): void => {
    onReadable();
    if (status !== 0 && watched.has(handle)) handle.start(options, onEvent);
  };
  const handle = koffi.node.poll(fd, options, onEvent);
  watched.add(handle);
  return () => {
    if (watched.delete(handle)) handle.close();
  };
}

/** @returns the index of a link in the calling thread's namespace, or undefined if there is none of that name */
export const linkIndexOf = (name: string): number | undefined => cIfNameToIndex(name) || undefined;

/** Opens a network namespace. @param path `/run/netns/web`, `/proc/123/ns/net`. @throws SyscallError ENOENT, EACCES */
export const openNetns = (path: string): number => check(`open ${path}`, cOpen(path, O_RDONLY | O_CLOEXEC));

/** The namespace that the calling thread is in, as a new fd. */
export const openOwnNetns = (): number => openNetns('/proc/thread-self/ns/net');

/** Moves the calling thread for good: for workers only. @throws SyscallError EINVAL if it is no namespace, EPERM */
export function enterNetns(netns: number): void {
  check('setns', cSetns(netns, CLONE_NEWNET));
}

/**
 * Runs `fn` with the calling thread inside the namespace, and comes back. `fn` must be synchronous: whatever it awaits would
 * run elsewhere. If the way back fails the process ends, for all it did from then on would hit the wrong host.
 * @throws SyscallError EINVAL if `netns` is no network namespace, EPERM; and what `fn` throws
 */
export function withNetns<T>(netns: number, fn: () => T): T {
  const home = openOwnNetns();
  try {
    enterNetns(netns);
    try {
      return fn();
    } finally {
      if (cSetns(home, CLONE_NEWNET) < 0) {
        process.stderr.write(`mesh: cannot leave a network namespace: ${errnoName(koffi.errno())}; aborting\n`);
        process.abort();
      }
    }
  } finally {
    closeFd(home);
  }
}

/**
 * A raw socket on one link that sends and receives whole Ethernet frames (packet(7)).
 * @param etherType what it receives, 0 .. 0xffff; 0 receives nothing: for a socket that only sends
 * @throws SyscallError ENODEV, EPERM
 */
export function openPacketSocket(ifindex: number, etherType: number): number {
  const fd = openSocket(AF_PACKET, SOCK_RAW, 0); // protocol 0: it hears nothing of other links before it is bound
  const address = new DataView(new ArrayBuffer(20)); // struct sockaddr_ll
  address.setUint16(0, AF_PACKET, hostIsLittleEndian);
  address.setUint16(2, etherType);
  address.setInt32(4, ifindex, hostIsLittleEndian);
  try {
    bindSocket(fd, new Uint8Array(address.buffer));
  } catch (error) {
    closeFd(fd);
    throw error;
  }
  return fd;
}

/** Sends one frame. @returns undefined, or why not: `ENETDOWN` (the link is down), `ENOBUFS` (its queue is full), … */
export function packetSend(fd: number, frame: Uint8Array): string | undefined {
  const sent = sendBytes(fd, frame);
  return sent < 0 ? errnoName(sent) : undefined;
}

/** Reads one frame into `buffer`. @returns its length in bytes, or undefined when there is none (or the link went down) */
export function packetReceive(fd: number, buffer: Uint8Array): number | undefined {
  const read = receiveBytes(fd, buffer);
  return read < 0 ? undefined : read;
}

// struct timespec: seconds, nanoseconds
const receivedAt = new BigInt64Array(2);
const currentTime = new BigInt64Array(2);
/** A packet older than this is a clock that was set in between, ms. */
const MAX_AGE_MS = 3_000;

/** Has the kernel note from now on when it receives the socket's packets. Where it refuses, all are of age 0. */
export const timePackets = (fd: number): void => void cIoctl(fd, SIOCGSTAMPNS, receivedAt);

/**
 * How long ago the kernel received the packet that was last read from `fd`, ms, 0 .. 3000: under load a process comes to
 * read it tens of milliseconds later.
 * @returns 0 where the kernel does not say
 */
export function packetAgeMs(fd: number): number {
  if (cIoctl(fd, SIOCGSTAMPNS, receivedAt) < 0 || cClockGettime(CLOCK_REALTIME, currentTime) < 0) return 0;
  const ageMs = Number(currentTime[0]! - receivedAt[0]!) * 1e3 + Number(currentTime[1]! - receivedAt[1]!) / 1e6;
  return ageMs >= 0 && ageMs <= MAX_AGE_MS ? ageMs : 0;
}

/** A C function; addresses go in as numbers (`addressOf`), as they fit 53 bits in user space. */
export type NativeCall = (...args: readonly (number | string | Uint8Array)[]) => number;

/**
 * A function of libc, or of what the node binary exports (its OpenSSL), by a C prototype. The caller owns every address it
 * passes, and reads `lastErrno` at once.
 * @returns undefined where the library has no such function
 */
export function nativeCall(library: 'libc' | 'node', prototype: string): NativeCall | undefined {
  try {
    return (library === 'libc' ? libc : koffi.load(null)).func(prototype) as NativeCall;
  } catch {
    return undefined;
  }
}

/** errno of the last native call of this thread. */
export const lastErrno = (): number => koffi.errno();

/**
 * Where a buffer lies in memory, valid as long as it is reachable. Not for one below 64 bytes of its own: V8 moves those.
 */
export const addressOf = (buffer: Uint8Array): number => Number(koffi.address(buffer));
