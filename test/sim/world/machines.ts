// The machines of a world: what there is of a host before its first router, between two of them and after the last.
import type { Ip, PeerId } from '../../../router/types.js';
import { FakeKernel } from '../../support/fake-kernel.js';
import type { VirtualTime } from '../../support/virtual-time.js';
import { Disk } from './disk.js';
import type { Bridged } from './frames.js';

export interface Machine {
  readonly name: string;
  readonly ip: Ip;
  readonly disk: Disk;
  /** What its routers bring their tables to; only in a world with kernels. It outlives them, but not the power. */
  kernel: FakeKernel | undefined;
  /** Those that its lost disks had the keys of. */
  readonly formerIds: PeerId[];
}

export interface MachineOptions {
  readonly slowDisks: boolean;
  readonly kernels: boolean;
}

export class Machines {
  readonly #time: VirtualTime;
  readonly #options: MachineOptions;
  readonly #byName = new Map<string, Machine>();
  readonly #byIp = new Map<Ip, Machine>();

  constructor(time: VirtualTime, options: MachineOptions) {
    this.#time = time;
    this.#options = options;
  }

  /** The machine of this name; a new one when it is the first time that it is asked for. */
  at(name: string): Machine {
    const have = this.#byName.get(name);
    if (have !== undefined) return have;
    const index = this.#byName.size + 1;
    const ip = `10.99.${index >> 8}.${index & 255}` as Ip;
    const made = { name, ip, disk: new Disk(!this.#options.slowDisks), kernel: this.newKernel(), formerIds: [] };
    this.#byName.set(name, made);
    this.#byIp.set(ip, made);
    return made;
  }

  /** An empty one, as after booting. */
  newKernel(): FakeKernel | undefined {
    if (!this.#options.kernels) return undefined;
    const kernel = new FakeKernel();
    kernel.notify = (tell) => void this.#time.after(1, tell);
    return kernel;
  }

  /** @throws Error in a world without kernels */
  bridged(name: string): Bridged {
    const { kernel } = this.at(name);
    if (kernel === undefined) throw new Error('this world has no kernels');
    return { name, kernel };
  }

  readonly bridgedAt = (ip: Ip): Bridged | undefined => {
    const machine = this.#byIp.get(ip);
    return machine && this.bridged(machine.name);
  };
}
