// The probe device of one address family: a vxlan of its own VNI on the data's UDP port, on no bridge and without an
// address, reached by raw frames. So a probe takes the kernel's encapsulation, the real port and the real MTU.
import { isIpv6 } from '../../../router/address.js';
import type { Ip, LinkIndex, PeerId, SocketAddress, Vni } from '../../../router/types.js';
import {
  ANY_IPV4,
  KernelError,
  type Kernel,
  type KernelEvent,
  type Link,
  type LinkSpec,
  type Row,
  type RowOp,
} from '../../kernel.js';
import {
  closeFd,
  openPacketSocket,
  packetAgeMs,
  packetReceive,
  packetSend,
  pollReadable,
  timePackets,
} from '../../syscalls.js';
import { PROBE_ETHERTYPE, PROBE_MAX_BYTES, probeMac } from './frame.js';

export const PROBE_VNI = 0xffffff as Vni;
/** Frames read before other work gets its turn. */
const READ_BATCH = 64;

export const probeDeviceName = (local: Ip): string => (isIpv6(local) ? 'mesh-vxp6' : 'mesh-vxp');

export interface ProbeDeviceHooks {
  /** The bytes are valid during the call only. `ageMs`: how long ago the kernel received them. */
  onFrame(frame: Uint8Array, ageMs: number): void;
  count(name: string): void;
}

export class ProbeDevice {
  readonly #spec: LinkSpec & { readonly kind: 'vxlan' };
  readonly #kernel: Kernel;
  readonly #hooks: ProbeDeviceHooks;
  readonly #peers = new Map<PeerId, SocketAddress>();
  readonly #buffer = new Uint8Array(PROBE_MAX_BYTES + 1);
  #index: LinkIndex | undefined;
  #socket: { readonly fd: number; readonly unwatch: () => void } | undefined;
  #refusal: string | undefined;

  constructor(self: PeerId, local: Ip, port: number, kernel: Kernel, hooks: ProbeDeviceHooks) {
    const common = { kind: 'vxlan', vni: PROBE_VNI, df: true, mtu: PROBE_MAX_BYTES - 14, mac: probeMac(self) } as const;
    this.#spec = {
      ...common,
      name: probeDeviceName(local),
      local: isIpv6(local) ? local : ANY_IPV4,
      port,
      alias: 'mesh path probes',
    };
    this.#kernel = kernel;
    this.#hooks = hooks;
  }

  /** Why there is no device; undefined while there is one. */
  refusal(): string | undefined {
    return this.#refusal;
  }

  /** Makes or adopts the device, opens the socket and puts every peer's row. Never rejects: a failure is `refusal()`. */
  async ensure(): Promise<void> {
    try {
      const found = (await this.#kernel.links()).find((l) => l.name === this.#spec.name);
      if (found !== undefined && !isRight(found, this.#spec)) await this.#kernel.linkDel(found.index);
      const kept = found !== undefined && isRight(found, this.#spec) ? found : undefined;
      const index = kept?.index ?? (await this.#kernel.linkAdd(this.#spec));
      if (kept === undefined) await this.#kernel.linkSet(index, { addrGenNone: true });
      if (kept?.up !== true) await this.#kernel.linkSet(index, { up: true });
      this.#open(index);
      await this.#sync(index);
      this.#refusal = undefined;
    } catch (error) {
      this.#close();
      this.#refusal = error instanceof Error ? error.message : String(error);
      this.#hooks.count(`probe-device-${error instanceof KernelError ? error.errno : 'failed'}`);
    }
  }

  /** @returns whether the device must be ensured again, soon */
  disturbedBy(ev: KernelEvent): boolean {
    switch (ev.kind) {
      case 'link':
        return ev.link.name === this.#spec.name && !(ev.link.up && isRight(ev.link, this.#spec));
      case 'linkGone':
        return ev.index === this.#index;
      case 'rowGone':
        return ev.row.kind === 'self' && ev.row.link === this.#index;
      case 'overrun':
        return true;
      case 'learnt':
        return false;
    }
  }

  /** Where a peer's probes go; undefined: nowhere any more. */
  setPeer(peer: PeerId, vtep: SocketAddress | undefined): void {
    const old = this.#peers.get(peer);
    if (vtep === undefined) this.#peers.delete(peer);
    else this.#peers.set(peer, vtep);
    if (this.#index === undefined) return;
    const op = vtep !== undefined ? 'put' : 'del';
    const at = vtep ?? old;
    if (at !== undefined) void this.#rows([{ op, row: rowOf(this.#index, peer, at) }]);
  }

  /** @returns undefined, or why it was not sent */
  send(frame: Uint8Array): string | undefined {
    return this.#socket === undefined ? 'no-device' : packetSend(this.#socket.fd, frame);
  }

  /** Lets go of the device, which stays: the next router adopts it. Idempotent. */
  close(): void {
    this.#close();
  }

  /** Deletes the device. Idempotent. */
  async remove(): Promise<void> {
    this.#close();
    const found = (await this.#kernel.links()).find((l) => l.name === this.#spec.name);
    if (found !== undefined) await this.#kernel.linkDel(found.index);
  }

  #open(index: LinkIndex): void {
    if (this.#index === index && this.#socket !== undefined) return;
    this.#close();
    const fd = openPacketSocket(index, PROBE_ETHERTYPE);
    timePackets(fd);
    this.#socket = { fd, unwatch: pollReadable(fd, () => this.#read(fd)) };
    this.#index = index;
  }

  #close(): void {
    if (this.#socket !== undefined) {
      this.#socket.unwatch();
      closeFd(this.#socket.fd);
    }
    this.#socket = undefined;
    this.#index = undefined;
  }

  #read(fd: number): void {
    for (let i = 0; i < READ_BATCH && this.#socket?.fd === fd; i++) {
      const length = packetReceive(fd, this.#buffer);
      if (length === undefined) return;
      this.#hooks.onFrame(this.#buffer.subarray(0, length), packetAgeMs(fd));
    }
  }

  /** Puts what is missing and takes away what an earlier router left. */
  async #sync(index: LinkIndex): Promise<void> {
    const want = new Map([...this.#peers].map(([peer, at]) => [probeMac(peer) as string, rowOf(index, peer, at)]));
    const have = (await this.#kernel.dumpRows([index])).filter((r): r is SelfRow => r.kind === 'self');
    const stale = have.filter((r) => !want.has(r.mac));
    const puts = [...want.values()].map((row) => ({ op: 'put', row }) as const);
    await this.#rows([...stale.map((row) => ({ op: 'del', row }) as const), ...puts]);
  }

  /** A row that is refused is counted; the next `ensure` puts it again. */
  async #rows(ops: readonly RowOp[]): Promise<void> {
    try {
      for (const { error } of await this.#kernel.rows(ops)) this.#hooks.count(`probe-row-${error.errno}`);
    } catch (error) {
      this.#hooks.count(`probe-row-${error instanceof KernelError ? error.errno : 'failed'}`);
    }
  }
}

type SelfRow = Extract<Row, { kind: 'self' }>;

const rowOf = (link: LinkIndex, peer: PeerId, at: SocketAddress): SelfRow => ({
  kind: 'self',
  link,
  mac: probeMac(peer),
  dst: at.ip,
  port: at.port,
});

/** Would we make it so? Otherwise it is made anew. */
const isRight = (l: Link, spec: LinkSpec & { readonly kind: 'vxlan' }): boolean =>
  l.kind === 'vxlan' &&
  l.mac === spec.mac &&
  l.mtu === spec.mtu &&
  l.master === undefined &&
  l.vxlan?.vni === spec.vni &&
  l.vxlan.local === spec.local &&
  l.vxlan.port === spec.port &&
  l.vxlan.df &&
  !l.vxlan.learning;
