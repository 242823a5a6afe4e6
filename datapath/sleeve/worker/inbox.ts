// How a blocked thread hears of commands: the main thread posts them to a port and writes to an eventfd, on which the worker
// waits together with its sockets. The worker's own event loop never runs.
import { parentPort, receiveMessageOnPort, type MessagePort } from 'node:worker_threads';
import { lastErrno } from '../../syscalls.js';
import {
  createEpoll,
  EPOLL_DATA_AT,
  EPOLL_EVENT_BYTES,
  epollAdd,
  epollRemove,
  epollWait,
  ERRNO,
  read,
} from '../native/io.js';
import { Affinity } from '../native/affinity.js';
import type { Memory } from '../native/memory.js';
import type { Placement } from './placement.js';
import type { Command } from './messages.js';

const MAX_EVENTS = 32;
/** However it is told to end, a worker looks up this often, ms: until then `terminate` waits for it. */
const LOOK_UP_MS = 1_000;

export class Inbox {
  readonly #memory: Memory;
  readonly #wake: number;
  readonly #port: MessagePort;
  readonly #epoll: number;
  readonly #events: number;
  readonly #scratch: number;
  readonly #placement: Placement;
  readonly #affinity: Affinity;
  #wokenAt = performance.now();
  #cpu: number | undefined;

  /** @param wake the eventfd */
  constructor(memory: Memory, wake: number, placement: Placement) {
    if (parentPort === null) throw new Error('runs in a worker');
    this.#port = parentPort;
    this.#memory = memory;
    this.#wake = wake;
    this.#placement = placement;
    this.#affinity = new Affinity(memory);
    this.#epoll = createEpoll();
    this.#events = memory.take(MAX_EVENTS * EPOLL_EVENT_BYTES);
    this.#scratch = memory.take(16);
    this.watch(wake);
  }

  /** Waits for this fd as well. @throws SyscallError EBADF */
  watch(fd: number): void {
    const { base, bytes } = this.#memory;
    const view = new DataView(bytes.buffer, this.#scratch, 16);
    epollAdd(this.#epoll, fd, { address: base + this.#scratch, view });
  }

  unwatch(fd: number): void {
    epollRemove(this.#epoll, fd);
  }

  /** Blocks until something can be read. @returns the fds; the eventfd is not among them but in `commands` */
  wait(): readonly number[] {
    const startedAt = performance.now();
    const n = epollWait(this.#epoll, this.#memory.base + this.#events, MAX_EVENTS, LOOK_UP_MS);
    if (n < 0 && lastErrno() !== ERRNO.EINTR) throw new Error(`epoll_wait: errno ${lastErrno()}`);
    this.#place(startedAt);
    const fds: number[] = [];
    for (let i = 0; i < n; i++)
      fds.push(this.#memory.view.getUint32(this.#events + i * EPOLL_EVENT_BYTES + EPOLL_DATA_AT, true));
    return fds;
  }

  #place(startedAt: number): void {
    const now = performance.now();
    const cpu = this.#placement.woken(startedAt - this.#wokenAt, now - startedAt);
    this.#wokenAt = now;
    if (cpu === this.#cpu) return;
    this.#affinity.bind(cpu);
    this.#cpu = cpu;
  }

  /** All commands that are there. @param fds from `wait` */
  *commands(fds: readonly number[]): Generator<Command> {
    if (!fds.includes(this.#wake)) return;
    read(this.#wake, this.#memory.base + this.#scratch, 8); // first: what is posted from now on wakes again
    for (;;) {
      const received = receiveMessageOnPort(this.#port) as { message: readonly Command[] } | undefined;
      if (received === undefined) return;
      yield* received.message;
    }
  }
}
