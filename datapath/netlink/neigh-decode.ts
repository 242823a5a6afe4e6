// Forwarding and neighbour entries as the kernel reports them: RTM_NEWNEIGH and RTM_DELNEIGH, struct ndmsg in neigh.ts.
// Nothing here throws, whatever the bytes.
import { ipFromBytes } from '../../router/address.js';
import type { Ip, LinkIndex, Mac } from '../../router/types.js';
import type { LearntMac, Row } from '../kernel.js';
import * as k from './constants.js';
import { be16At, bytesAt, LE, visitAttrs, type NetlinkMessage } from './message.js';
import { NDMSG_BYTES, NO_MAC } from './neigh.js';

// A dump of 100,000 MACs is 300,000 entries: no array per address.
const HEX = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, '0'));
const hex = (view: DataView, at: number): string => HEX[view.getUint8(at)]!;

const macAt = (v: DataView, at: number): Mac =>
  `${hex(v, at)}:${hex(v, at + 1)}:${hex(v, at + 2)}:${hex(v, at + 3)}:${hex(v, at + 4)}:${hex(v, at + 5)}` as Mac;

const ipAt = (v: DataView, at: number, length: number): Ip | undefined =>
  length === 4
    ? (`${v.getUint8(at)}.${v.getUint8(at + 1)}.${v.getUint8(at + 2)}.${v.getUint8(at + 3)}` as Ip)
    : ipFromBytes(bytesAt(v, at, length));

/** An RTM_NEWNEIGH or RTM_DELNEIGH as it stands. `mac` is undefined where the kernel knows none (any more). */
export interface Neigh {
  readonly family: number;
  readonly link: LinkIndex;
  readonly state: number;
  readonly flags: number;
  readonly mac: Mac | undefined;
  readonly dst: Ip | undefined;
  readonly port: number;
  /** The bridge, on entries of its own table. */
  readonly master: LinkIndex | undefined;
}

/** @returns undefined if it is too short */
export function decodeNeigh(m: NetlinkMessage): Neigh | undefined {
  const { view, at, end } = m;
  if (end - at < NDMSG_BYTES) return undefined;
  let mac: Mac | undefined;
  let dst: Ip | undefined;
  let port = 0;
  let master: LinkIndex | undefined;
  visitAttrs(view, at + NDMSG_BYTES, end, (type, valueAt, length) => {
    if (type === k.NDA_LLADDR && length === 6) mac = macAt(view, valueAt);
    else if (type === k.NDA_DST) dst = ipAt(view, valueAt, length);
    else if (type === k.NDA_PORT) port = be16At(view, valueAt, length) ?? 0;
    else if (type === k.NDA_MASTER && length >= 4) master = view.getUint32(valueAt, LE) as LinkIndex;
  });
  const link = view.getInt32(at + 4, LE) as LinkIndex;
  const state = view.getUint16(at + 8, LE);
  return { family: view.getUint8(at), link, state, flags: view.getUint8(at + 10), mac, dst, port, master };
}

/**
 * The row that a message of a dump stands for, or undefined: a learnt entry, a port's own MAC, an ordinary neighbour.
 * @param gone the message says that it is deleted; a deleted neighbour has lost its state and often its MAC, which is then
 * all zeros
 */
export function rowOf(n: Neigh, gone = false): Row | undefined {
  const { link, mac, dst, port } = n;
  if (n.family === k.AF_INET || n.family === k.AF_INET6) {
    if (dst === undefined || (!gone && ((n.state & k.NUD_PERMANENT) === 0 || mac === undefined))) return undefined;
    return { kind: 'neigh', link, ip: dst, mac: mac ?? NO_MAC };
  }
  if (n.family !== k.AF_BRIDGE || mac === undefined) return undefined;
  if ((n.flags & k.NTF_SELF) !== 0) {
    if ((n.state & k.NUD_PERMANENT) === 0 || dst === undefined) return undefined; // without dst: a device's own address list
    return mac === NO_MAC ? { kind: 'flood', link, dst, port } : { kind: 'self', link, mac, dst, port };
  }
  return n.master !== undefined && n.state === k.NUD_NOARP ? { kind: 'master', link, mac } : undefined;
}

/** The MAC that a bridge learnt by itself, or undefined. */
export function learntOf(n: Neigh): LearntMac | undefined {
  if (n.family !== k.AF_BRIDGE || n.mac === undefined || n.master === undefined) return undefined;
  if ((n.flags & (k.NTF_SELF | k.NTF_EXT_LEARNED)) !== 0) return undefined;
  return (n.state & (k.NUD_REACHABLE | k.NUD_STALE)) !== 0 ? { link: n.link, mac: n.mac } : undefined;
}
