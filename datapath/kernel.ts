// Everything this program asks of Linux. FakeKernel and LinuxKernel pass one contract suite (test/contract/kernel.ts).
import type { Cidr, Ip, LinkIndex, Mac, Vni } from '../router/types.js';

/** Bridge port flags in `bridge link set` words. Unset flags are left as they are. */
export interface PortFlags {
  readonly learning?: boolean;
  readonly flood?: boolean; // unknown unicast
  readonly mcastFlood?: boolean;
  readonly bcastFlood?: boolean;
  readonly neighSuppress?: boolean;
  readonly isolated?: boolean;
}

/**
 * No source of its own: the route to each destination says which address of the host it has. So an address may change, and
 * a host may have several underlays. IPv6 has no such word: without a source a vxlan is of the IPv4 family.
 */
export const ANY_IPV4 = '0.0.0.0' as Ip;

/** What to create. Names are at most 15 bytes. `mac` is pinned at creation where given. */
export type LinkSpec =
  | { readonly kind: 'bridge'; readonly name: string; readonly mac: Mac; readonly mtu: number; readonly alias?: string }
  | {
      readonly kind: 'vxlan';
      readonly name: string;
      readonly vni: Vni;
      /** Source address; its family is the family of every destination. `ANY_IPV4`: the one that the route to each has. */
      readonly local: Ip;
      readonly port: number;
      readonly mtu: number;
      /** `df set`: over-size frames are dropped, not fragmented outside. For the probe device only. */
      readonly df: boolean;
      readonly mac?: Mac;
      readonly alias?: string;
    }
  /** Persistent, and made for super-frames (IFF_VNET_HDR): it outlives whoever reads it. */
  | { readonly kind: 'tap'; readonly name: string; readonly mtu: number; readonly alias?: string }
  | {
      readonly kind: 'veth';
      readonly name: string;
      readonly mtu: number;
      readonly alias?: string;
      /** The far end, made at once in its own namespace (`netns` is an open fd) or, without one, beside the near end. */
      readonly peer: { readonly name: string; readonly mac: Mac; readonly mtu: number; readonly netns?: number };
    };

/** A kernel interface as it is now. Fields that do not fit its kind are undefined. */
export interface Link {
  readonly index: LinkIndex;
  readonly name: string;
  readonly kind: 'bridge' | 'vxlan' | 'veth' | 'tap' | 'other';
  readonly mac: Mac | undefined;
  readonly mtu: number;
  readonly up: boolean;
  readonly alias: string | undefined;
  readonly master: LinkIndex | undefined;
  /** Set while the link is a bridge port. */
  readonly port: Required<PortFlags> | undefined;
  readonly vxlan:
    | {
        readonly vni: Vni;
        readonly local: Ip | undefined;
        readonly port: number;
        readonly df: boolean;
        readonly learning: boolean;
      }
    | undefined;
}

/** Changes to a link; what is left out stays. `master: null` takes the port off its bridge. */
export interface LinkChange {
  readonly up?: boolean;
  readonly mtu?: number;
  readonly mac?: Mac;
  readonly alias?: string;
  readonly name?: string;
  readonly master?: LinkIndex | null;
  readonly port?: PortFlags;
  /** `ip link set LINK addrgenmode none`: no link-local address of its own. */
  readonly addrGenNone?: boolean;
}

/**
 * One record of a forwarding or neighbour table.
 *  - `self`:   `bridge fdb replace MAC dev LINK dst IP [port P] self permanent` (LINK is a vxlan)
 *  - `flood`:  `bridge fdb append 00:00:00:00:00:00 dev LINK dst IP [port P] self permanent`
 *  - `master`: `bridge fdb replace MAC dev LINK master static` (LINK is the port the MAC is behind)
 *  - `neigh`:  `ip neigh replace IP lladdr MAC dev LINK nud permanent` (LINK is the bridge)
 * `port` 0 means the vxlan's own port.
 */
export type Row =
  | { readonly kind: 'self'; readonly link: LinkIndex; readonly mac: Mac; readonly dst: Ip; readonly port: number }
  | { readonly kind: 'flood'; readonly link: LinkIndex; readonly dst: Ip; readonly port: number }
  | { readonly kind: 'master'; readonly link: LinkIndex; readonly mac: Mac }
  | { readonly kind: 'neigh'; readonly link: LinkIndex; readonly ip: Ip; readonly mac: Mac };

/** Put: create or replace (a flood row: append, idempotent). Del: idempotent; the row must name what it deletes. */
export type RowOp = { readonly op: 'put' | 'del'; readonly row: Row };

/** A MAC that the bridge itself learnt on a port (only ports with learning on do). */
export interface LearntMac {
  readonly link: LinkIndex;
  readonly mac: Mac;
}

/** Something changed that we did not do. `overrun`: notifications were lost, read everything back. */
export type KernelEvent =
  | { readonly kind: 'link'; readonly link: Link }
  | { readonly kind: 'linkGone'; readonly index: LinkIndex; readonly name: string }
  | { readonly kind: 'rowGone'; readonly row: Row }
  | { readonly kind: 'learnt'; readonly entry: LearntMac; readonly present: boolean }
  | { readonly kind: 'overrun' };

/** Everything this program asks of one network namespace. Doing a thing twice is doing it once, unless said otherwise. */
export interface Kernel {
  /** @throws KernelError EEXIST if a link has the name, EOPNOTSUPP or ENOENT ("kernel without vxlan") if the kind is missing */
  linkAdd(spec: LinkSpec): Promise<LinkIndex>;
  /** @throws KernelError ENODEV if the link is gone */
  linkSet(index: LinkIndex, change: LinkChange): Promise<void>;
  /** A link that is already gone is success. */
  linkDel(index: LinkIndex): Promise<void>;
  links(): Promise<readonly Link[]>;

  /** @throws KernelError ENODEV */
  addrAdd(index: LinkIndex, cidr: Cidr): Promise<void>;
  addrDel(index: LinkIndex, cidr: Cidr): Promise<void>;
  /** Of one link, or of all (`undefined`). Tentative addresses included. */
  addrs(index?: LinkIndex): Promise<readonly { readonly link: LinkIndex; readonly cidr: Cidr }[]>;

  /**
   * Performs the operations in order, in batches, and gives the event loop a turn at least every 10 ms.
   * @returns the operations the kernel refused, with the reason; the others are done.
   */
  rows(ops: readonly RowOp[]): Promise<readonly { readonly op: RowOp; readonly error: KernelError }[]>;
  /** Reads back every row on the given links: permanent and static ones, not the bridge's own local entries. Large tables are read in a worker. */
  dumpRows(links: readonly LinkIndex[]): Promise<readonly Row[]>;
  learntMacs(bridge: LinkIndex): Promise<readonly LearntMac[]>;

  /** Is notified until the returned function is called. Echoes of this object's own writes are left out. */
  watch(listener: (ev: KernelEvent) => void): () => void;

  /** The same interface inside the namespace of an open fd. Close it soon: an open socket keeps a namespace alive. */
  inNamespace(netns: number): Kernel;
  close(): void;
}

/** A request the kernel refused. */
export class KernelError extends Error {
  override readonly name = 'KernelError';
  /** The iproute2 command a person would type to see the same refusal. */
  readonly op: string;
  /** `ENODEV`, `EEXIST`, … */
  readonly errno: string;

  constructor(op: string, errno: string, extack = '') {
    super(`${op}: ${errno}${extack && `: ${extack}`}`);
    this.op = op;
    this.errno = errno;
  }
}
