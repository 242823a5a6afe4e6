// Kernel over rtnetlink: one network namespace of Linux.
import { cidrIp, isIpv6 } from '../../router/address.js';
import type { Cidr, LinkIndex } from '../../router/types.js';
import { KernelError } from '../kernel.js';
import type { Kernel, KernelEvent, LearntMac, Link, LinkChange, LinkSpec, Row, RowOp } from '../kernel.js';
import { makeTap } from '../sleeve/native/tap.js';
import { closeFd, errnoName, openOwnNetns, SyscallError, withNetns } from '../syscalls.js';
import { addrGetPayload, addrPayload, decodeAddr } from './addr.js';
import * as k from './constants.js';
import { DUMP_ATTEMPTS, dumpNeigh } from './dump.js';
import { linkAddRequest, linkDelRequest, linkGetPayload, linkSetRequests, type LinkRequest } from './link.js';
import { decodeLink } from './link-decode.js';
import { visitMessages, type NetlinkMessage } from './message.js';
import { bridgeDump, rowCommand, rowDumps } from './neigh.js';
import { learntOf, rowOf, type Neigh } from './neigh-decode.js';
import { BATCH_ROWS, encodeBatches } from './row-batch.js';
import { RowWriter, type Refusal } from './row-writer.js';
import { NetlinkSocket } from './socket.js';
import { rowKey, Watcher, type OwnWrite } from './watch.js';

const SLICE_MS = 5;
/** From here on a write goes to a thread of its own. What is less is done sooner here. */
const MANY_ROWS = 500;
/** Refusals of a delete that say that there is nothing to delete: no row, no link, no such port. */
const NOTHING_THERE: readonly string[] = ['ENOENT', 'ENODEV', 'EOPNOTSUPP'];

type RefusedRow = { readonly op: RowOp; readonly error: KernelError };

export class LinuxKernel implements Kernel {
  readonly #netns: number | undefined;
  readonly #socket: NetlinkSocket;
  readonly #watchers = new Set<Watcher>();
  readonly #writer: RowWriter;
  #closed = false;

  /**
   * @param netns an open fd of the namespace, which the caller may close afterwards; undefined: the one we run in
   * @throws SyscallError EPERM, EINVAL if `netns` is none
   */
  constructor(netns?: number) {
    this.#netns = netns === undefined ? undefined : withNetns(netns, openOwnNetns);
    this.#socket = new NetlinkSocket(this.#netns);
    this.#writer = new RowWriter(this.#netns);
  }

  linkAdd(spec: LinkSpec): Promise<LinkIndex> {
    return attempt(() => {
      this.#drain();
      const op = spec.kind === 'tap' ? this.#makeTap(spec.name) : this.#makeLink(linkAddRequest(spec));
      const index = this.#readLink(spec.name)?.index;
      if (index === undefined) throw new KernelError(op, 'ENODEV', 'it was deleted as soon as it was made');
      this.#drain({ link: index });
      try {
        // Neither can be said when a link is made, and of a TAP nothing.
        this.#setLink(index, { addrGenNone: true, ...(spec.kind === 'tap' && { mtu: spec.mtu }) });
        if (spec.alias !== undefined) this.#setLink(index, { alias: spec.alias });
      } catch (error) {
        this.#deleteLink(index);
        throw error;
      }
      return index;
    });
  }

  linkSet(index: LinkIndex, change: LinkChange): Promise<void> {
    return attempt(() => this.#setLink(index, change));
  }

  linkDel(index: LinkIndex): Promise<void> {
    return attempt(() => this.#deleteLink(index));
  }

  links(): Promise<readonly Link[]> {
    return attempt(() => this.#readLinks());
  }

  addrAdd(index: LinkIndex, cidr: Cidr): Promise<void> {
    const op = `ip addr replace ${cidr} dev if${index}${isIpv6(cidrIp(cidr)) ? ' nodad' : ''}`;
    const flags = k.NLM_F_CREATE | k.NLM_F_REPLACE;
    return attempt(() => this.#socket.request(op, k.RTM_NEWADDR, flags, addrPayload(index, cidr)));
  }

  /** @throws KernelError ENODEV */
  addrDel(index: LinkIndex, cidr: Cidr): Promise<void> {
    const op = `ip addr del ${cidr} dev if${index}`;
    return attempt(() =>
      unless('EADDRNOTAVAIL', () => this.#socket.request(op, k.RTM_DELADDR, 0, addrPayload(index, cidr))),
    );
  }

  addrs(index?: LinkIndex): Promise<readonly { readonly link: LinkIndex; readonly cidr: Cidr }[]> {
    return attempt(() => {
      const all = this.#dump('ip addr show', k.RTM_GETADDR, k.RTM_NEWADDR, addrGetPayload(), decodeAddr);
      return all.filter((a) => index === undefined || a.link === index);
    });
  }

  async rows(ops: readonly RowOp[]): Promise<readonly RefusedRow[]> {
    // Only a deletion has an echo, which must be told from others' deletions here (watch.ts).
    if (ops.length >= MANY_ROWS && ops.every(({ op }) => op === 'put')) return this.#writeMany(ops);
    const busy = this.#writer.busy;
    if (busy !== undefined) await busy;
    const refused: RefusedRow[] = [];
    let turnAt = performance.now();
    for (let i = 0; i < ops.length; i += BATCH_ROWS) {
      this.#writeBatch(ops.slice(i, i + BATCH_ROWS), refused);
      if (performance.now() - turnAt < SLICE_MS) continue;
      await new Promise(setImmediate);
      turnAt = performance.now();
    }
    return refused;
  }

  async dumpRows(links: readonly LinkIndex[]): Promise<readonly Row[]> {
    if (links.length === 0) return [];
    const wanted = new Set(links);
    const pick = (n: Neigh): Row | undefined => (wanted.has(n.link) ? rowOf(n) : undefined);
    return await dumpNeigh(this.#netns, rowDumps([...wanted]), pick);
  }

  async learntMacs(bridge: LinkIndex): Promise<readonly LearntMac[]> {
    const pick = (n: Neigh): LearntMac | undefined => (n.master === bridge ? learntOf(n) : undefined);
    return await dumpNeigh(this.#netns, [bridgeDump(bridge)], pick);
  }

  watch(listener: (ev: KernelEvent) => void): () => void {
    const watcher = new Watcher(
      this.#netns,
      () => this.#readLinks(),
      (index) => this.#readLink(index),
      listener,
    );
    this.#watchers.add(watcher);
    return () => {
      this.#watchers.delete(watcher);
      watcher.close();
    };
  }

  inNamespace(netns: number): Kernel {
    return new LinuxKernel(netns);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const watcher of this.#watchers) watcher.close();
    this.#watchers.clear();
    this.#writer.close();
    this.#socket.close();
    if (this.#netns !== undefined) closeFd(this.#netns);
  }

  #makeLink({ op, type, flags, payload }: LinkRequest): string {
    this.#socket.request(op, type, flags, payload);
    return op;
  }

  /** There is no netlink message for it. An existing TAP would be opened, and is not ours to take. */
  #makeTap(name: string): string {
    const op = `ip tuntap add dev ${name} mode tap vnet_hdr`;
    if (this.#readLink(name) !== undefined) throw new KernelError(op, 'EEXIST');
    try {
      if (this.#netns === undefined) makeTap(name);
      else withNetns(this.#netns, () => makeTap(name));
    } catch (error) {
      throw error instanceof SyscallError ? new KernelError(op, error.errno) : error;
    }
    return op;
  }

  #setLink(index: LinkIndex, change: LinkChange): void {
    for (const request of linkSetRequests(index, change)) {
      const write = (): void => this.#writeLink(index, request);
      // EAFNOSUPPORT: no IPv6 on this link, and so no address of its own either
      if (request.optional) unless('EAFNOSUPPORT', write);
      else write();
    }
  }

  #deleteLink(index: LinkIndex): void {
    unless('ENODEV', () => this.#writeLink(index, linkDelRequest(index)));
  }

  #writeLink(link: LinkIndex, { op, type, flags, payload }: LinkRequest): void {
    this.#drain();
    try {
      this.#socket.request(op, type, flags, payload);
    } finally {
      this.#drain({ link });
    }
  }

  async #writeMany(ops: readonly RowOp[]): Promise<readonly RefusedRow[]> {
    if (this.#closed) throw new KernelError(rowCommand(ops[0]!), 'EBADF', 'the kernel object was closed');
    const refusals = await this.#writer.write(encodeBatches(ops, 1));
    return refusals.flatMap((why) => refusedRow(ops[why.seq - 1], why) ?? []);
  }

  #writeBatch(ops: readonly RowOp[], refused: RefusedRow[]): void {
    const first = this.#socket.reserve(ops.length);
    const { bytes, ends } = encodeBatches(ops, first);
    this.#drain();
    const sent = bytes.subarray(0, ends.at(-1));
    this.#socket.sendBatch(rowCommand(ops[0]!), sent, first + ops.length - 1, (seq, why) => {
      const row = refusedRow(ops[seq - first], { seq, ...why });
      if (row !== undefined) refused.push(row);
    });
    if (this.#watchers.size === 0) return;
    this.#drain({ deleted: new Set(ops.filter(({ op }) => op === 'del').map(({ row }) => rowKey(row))) });
  }

  /** @param own what we have just written; undefined: nothing, all that is queued is others' doing */
  #drain(own?: OwnWrite): void {
    for (const watcher of this.#watchers) watcher.drain(own);
  }

  #readLinks(): Link[] {
    return this.#dump('ip link show', k.RTM_GETLINK, k.RTM_NEWLINK, linkGetPayload(), decodeLink);
  }

  #readLink(which: LinkIndex | string): Link | undefined {
    let link: Link | undefined;
    unless('ENODEV', () =>
      this.#socket.request(`ip link show ${which}`, k.RTM_GETLINK, 0, linkGetPayload(which), (m) => {
        link = decodeLink(m);
      }),
    );
    return link;
  }

  /** A small table, at once. @throws KernelError EINTR when it kept changing meanwhile */
  #dump<T>(op: string, get: number, type: number, payload: Uint8Array, decode: (m: NetlinkMessage) => T | undefined) {
    for (let attempts = 1; ; attempts++) {
      const found: T[] = [];
      try {
        for (const { view, length } of this.#socket.dump(op, get, payload))
          visitMessages(view, length, (m) => {
            const one = m.type === type ? decode(m) : undefined;
            if (one !== undefined) found.push(one);
          });
        return found;
      } catch (error) {
        if (attempts === DUMP_ATTEMPTS || !isErrno(error, 'EINTR')) throw error;
      }
    }
  }
}

/** The kernel of the namespace we run in. @throws SyscallError EPERM, EAFNOSUPPORT where there is no rtnetlink */
export const createLinuxKernel = (): Kernel => new LinuxKernel();

const isErrno = (error: unknown, errno: string): boolean => error instanceof KernelError && error.errno === errno;

/** @returns undefined if the refusal says that there was nothing to delete */
function refusedRow(op: RowOp | undefined, why: Refusal): RefusedRow | undefined {
  const errno = errnoName(why.errno);
  if (op === undefined || (op.op === 'del' && NOTHING_THERE.includes(errno))) return undefined;
  return { op, error: new KernelError(rowCommand(op), errno, why.sentence) };
}

/** What `fn` returns or throws, as a promise. */
const attempt = <T>(fn: () => T): Promise<T> => new Promise((resolve) => resolve(fn()));

/** Runs `fn`; a refusal with `errno` is success. */
function unless(errno: string, fn: () => void): void {
  try {
    fn();
  } catch (error) {
    if (!isErrno(error, errno)) throw error;
  }
}
