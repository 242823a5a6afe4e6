import { KernelError } from '../../datapath/kernel.js';
import { FakeKernel } from './fake-kernel.js';

/** Where `/run/netns/NAME` and fds lead. Share one between the kernels of a test. */
export class FakeNamespaces {
  readonly #byPath = new Map<string, FakeKernel>();
  readonly #byFd = new Map<number, FakeKernel>();
  #nextFd = 100;

  /** Makes a namespace that `path` opens to. */
  add(path: string): FakeKernel {
    const kernel = new FakeKernel(this);
    this.#byPath.set(path, kernel);
    return kernel;
  }

  /** @throws KernelError ENOENT as open(2) does */
  open(path: string): number {
    const kernel = this.#byPath.get(path);
    if (kernel === undefined) throw new KernelError(`open ${path}`, 'ENOENT');
    this.#byFd.set(++this.#nextFd, kernel);
    return this.#nextFd;
  }

  close(fd: number): void {
    this.#byFd.delete(fd);
  }

  /** Open fds: a test asserts that none is left, as one would keep a dead namespace alive. */
  get openFds(): number {
    return this.#byFd.size;
  }

  at(fd: number): FakeKernel {
    const kernel = this.#byFd.get(fd);
    if (kernel === undefined) throw new KernelError(`setns ${fd}`, 'EBADF');
    return kernel;
  }

  /** The last process in it is gone: its links vanish, and with a veth its far end. */
  destroy(path: string): void {
    const kernel = this.#byPath.get(path);
    this.#byPath.delete(path);
    for (const link of kernel?.linkTable() ?? []) kernel?.pokeLinkDel(link.name);
  }
}
