// Notifications (RTNLGRP_LINK, RTNLGRP_NEIGH) as kernel events, without the echoes of our own writes.
//
// Most notifications do not say who caused them, but they are queued before the write that caused them returns. So each of
// our writes takes what is queued before it, as others' doing, and what is queued right after it, where that which matches
// the write is its echo. This also keeps 300,000 echoes from overrunning the buffer.
import type { LinkIndex } from '../../router/types.js';
import type { KernelEvent, Link, Row } from '../kernel.js';
import { attachFilter, hostIsLittleEndian, pollReadable, type FilterStep } from '../syscalls.js';
import * as k from './constants.js';
import { decodeLink, decodeLinkHead } from './link-decode.js';
import type { NetlinkMessage } from './message.js';
import { decodeNeigh, learntOf, rowOf } from './neigh-decode.js';
import { NetlinkSocket } from './socket.js';

/** What a write of ours was about. */
export interface OwnWrite {
  readonly link?: LinkIndex;
  /** Keys (see `rowKey`) of rows that it deleted. */
  readonly deleted?: ReadonlySet<string>;
}

/** What identifies a row in a notification of its end: a neighbour's MAC may be missing there. */
export const rowKey = (row: Row): string => {
  if (row.kind === 'neigh') return `neigh ${row.link} ${row.ip}`;
  if (row.kind === 'master') return `master ${row.link} ${row.mac}`;
  return row.kind === 'self' ? `self ${row.link} ${row.mac}` : `flood ${row.link} ${row.dst} ${row.port}`;
};

const NOBODY: OwnWrite = {};

/** BPF loads big-endian, netlink is in host order. */
const hostHalf = (n: number): number => (hostIsLittleEndian ? ((n & 0xff) << 8) | (n >> 8) : n);

/**
 * Lets pass all but RTM_NEWNEIGH of permanent and static entries, which tell us nothing: no MAC is learnt so, and what is lost
 * comes as RTM_DELNEIGH. Without it each row that we write is read again: of 100,000 MACs it was a third of the time.
 */
const INTERESTING: readonly FilterStep[] = [
  { code: 0x28, jt: 0, jf: 0, k: 4 }, // ldh [nlmsg_type]
  { code: 0x15, jt: 0, jf: 2, k: hostHalf(k.RTM_NEWNEIGH) }, // jeq
  { code: 0x28, jt: 0, jf: 0, k: 16 + 8 }, // ldh [ndm_state]
  { code: 0x45, jt: 1, jf: 0, k: hostHalf(k.NUD_PERMANENT | k.NUD_NOARP) }, // jset
  { code: 0x06, jt: 0, jf: 0, k: 0xffffffff }, // ret: all of it
  { code: 0x06, jt: 0, jf: 0, k: 0 }, // ret: nothing
];

export class Watcher {
  readonly #socket: NetlinkSocket;
  readonly #readLink: (index: LinkIndex) => Link | undefined;
  readonly #listener: (ev: KernelEvent) => void;
  readonly #stopPolling: () => void;
  /** Links as last reported or first seen, so that a notification without a change that we show is none. */
  readonly #known = new Map<LinkIndex, string>();
  readonly #changed = new Set<LinkIndex>();
  #queue: KernelEvent[] = [];
  #closed = false;

  /** @param readLinks all links as they are now. @param readLink one of them, undefined if it is gone */
  constructor(
    netns: number | undefined,
    readLinks: () => readonly Link[],
    readLink: (index: LinkIndex) => Link | undefined,
    listener: (ev: KernelEvent) => void,
  ) {
    this.#socket = new NetlinkSocket(netns, [k.RTNLGRP_LINK, k.RTNLGRP_NEIGH]);
    attachFilter(this.#socket.fd, INTERESTING);
    this.#readLink = readLink;
    this.#listener = listener;
    for (const link of readLinks()) this.#known.set(link.index, JSON.stringify(link));
    this.#stopPolling = pollReadable(this.#socket.fd, () => this.drain());
  }

  /** Takes all that is queued; events reach the listener in a microtask, in order. */
  drain(own: OwnWrite = NOBODY): void {
    if (this.#closed) return;
    for (;;) {
      const more = this.#socket.receiveNotifications((m) => this.#notice(m, own));
      if (more === 'overrun') this.#emit({ kind: 'overrun' });
      if (more === false) break;
    }
    for (const index of this.#changed) this.#reportLink(index, own);
    this.#changed.clear();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#stopPolling();
    this.#socket.close();
  }

  #notice(m: NetlinkMessage, own: OwnWrite): void {
    if (m.type === k.RTM_NEWNEIGH || m.type === k.RTM_DELNEIGH) this.#noticeNeigh(m, own);
    else if (m.type === k.RTM_NEWLINK || m.type === k.RTM_DELLINK) this.#noticeLink(m, own);
  }

  #noticeLink(m: NetlinkMessage, own: OwnWrite): void {
    const head = decodeLinkHead(m);
    if (head === undefined) return;
    // AF_BRIDGE messages are about the port, also when they say DELLINK, and lack half of what we show: read it again.
    if (m.type === k.RTM_NEWLINK || head.family !== k.AF_UNSPEC) {
      this.#changed.add(head.index);
      return;
    }
    this.#changed.delete(head.index);
    this.#known.delete(head.index);
    if (own.link !== head.index)
      this.#emit({ kind: 'linkGone', index: head.index, name: decodeLink(m)?.name ?? `if${head.index}` });
  }

  #reportLink(index: LinkIndex, own: OwnWrite): void {
    const link = this.#readLink(index);
    if (link === undefined) return; // an RTM_DELLINK follows
    const text = JSON.stringify(link);
    const same = this.#known.get(index) === text;
    this.#known.set(index, text);
    if (!same && own.link !== index) this.#emit({ kind: 'link', link });
  }

  #noticeNeigh(m: NetlinkMessage, own: OwnWrite): void {
    const neigh = decodeNeigh(m);
    if (neigh === undefined) return;
    const gone = m.type === k.RTM_DELNEIGH;
    const entry = learntOf(neigh);
    if (entry !== undefined) return this.#emit({ kind: 'learnt', entry, present: !gone });
    const row = gone ? rowOf(neigh, true) : undefined;
    if (row !== undefined && !own.deleted?.has(rowKey(row))) this.#emit({ kind: 'rowGone', row });
  }

  #emit(ev: KernelEvent): void {
    this.#queue.push(ev);
    // Not at once: we may be in the middle of a write, and a listener may write.
    if (this.#queue.length === 1) queueMicrotask(() => this.#flush());
  }

  #flush(): void {
    const events = this.#queue;
    this.#queue = [];
    for (const ev of events) if (!this.#closed) this.#listener(ev);
  }
}
