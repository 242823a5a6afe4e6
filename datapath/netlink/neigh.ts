// Forwarding and neighbour tables: `bridge fdb` and `ip neigh`, linux/neighbour.h. Rows are written straight into a send
// buffer: at 100,000 MACs a copy or an object per attribute is most of the time.
//
//   struct ndmsg, host-endian
//    off len field
//     0   1  family   AF_BRIDGE for fdb rows, AF_INET or AF_INET6 for neigh
//     1   3  pad      0
//     4   4  ifindex
//     8   2  state    NUD_…
//    10   1  flags    NTF_…
//    11   1  type     0
import { ipBytes, isIpv6 } from '../../router/address.js';
import type { Ip, LinkIndex, Mac } from '../../router/types.js';
import type { Row, RowOp } from '../kernel.js';
import * as k from './constants.js';
import { bytesAt, concat, encodeAttr, HEADER_BYTES, LE, u32Bytes } from './message.js';

export const NDMSG_BYTES = 12;
/** The longest row: header, ndmsg, MAC (4 + 6 + 2), IPv6 destination (4 + 16), port (4 + 2 + 2). */
export const MAX_ROW_BYTES = HEADER_BYTES + NDMSG_BYTES + 12 + 20 + 8;
/** The MAC of flood rows. */
export const NO_MAC = '00:00:00:00:00:00' as Mac;

/** As iproute2 sends them for `permanent` and `static`; the kernel keeps PERMANENT of the first and NOARP of the second. */
const STATE: Readonly<Record<Row['kind'], number>> = {
  self: k.NUD_PERMANENT | k.NUD_NOARP,
  flood: k.NUD_PERMANENT | k.NUD_NOARP,
  master: k.NUD_NOARP | k.NUD_REACHABLE,
  neigh: k.NUD_PERMANENT,
};

/**
 * Writes one row operation as a request at `at`, where MAX_ROW_BYTES must be left.
 * @param ack ask for an answer even if it succeeds; a refusal is answered always
 * @returns its length, a multiple of 4
 */
export function encodeRow(view: DataView, at: number, { op, row }: RowOp, seq: number, ack: boolean): number {
  const put = op === 'put';
  let flags = k.NLM_F_REQUEST | (ack ? k.NLM_F_ACK : 0);
  // A flood row takes append only: replace is refused for the zero MAC, and append ignored for any other.
  if (put) flags |= k.NLM_F_CREATE | (row.kind === 'flood' ? k.NLM_F_APPEND : k.NLM_F_REPLACE);
  const body = at + HEADER_BYTES;
  view.setUint16(at + 4, put ? k.RTM_NEWNEIGH : k.RTM_DELNEIGH, LE);
  view.setUint16(at + 6, flags, LE);
  view.setUint32(at + 8, seq, LE);
  view.setUint32(at + 12, 0, LE);
  view.setUint32(body, k.AF_BRIDGE, true);
  view.setInt32(body + 4, row.link, LE);
  view.setUint16(body + 8, STATE[row.kind], LE);
  view.setUint16(body + 10, row.kind === 'master' ? k.NTF_MASTER : row.kind === 'neigh' ? 0 : k.NTF_SELF, true);
  let end = body + NDMSG_BYTES;
  if (row.kind === 'neigh') {
    view.setUint8(body, isIpv6(row.ip) ? k.AF_INET6 : k.AF_INET);
    end = putIp(view, end, row.ip);
    if (put) end = putMac(view, end, row.mac);
  } else {
    end = putMac(view, end, row.kind === 'flood' ? NO_MAC : row.mac);
    if (row.kind !== 'master') end = putPort(view, putIp(view, end, row.dst), row.port);
  }
  view.setUint32(at, end - at, LE);
  return end - at;
}

function putAttrHead(view: DataView, at: number, type: number, valueBytes: number): number {
  view.setUint16(at, 4 + valueBytes, LE);
  view.setUint16(at + 2, type, LE);
  return at + 4;
}

const nibble = (code: number): number => (code & 15) + (code >> 6) * 9; // '0' is 0x30, 'a' 0x61, 'A' 0x41

function putMac(view: DataView, at: number, mac: Mac): number {
  const value = putAttrHead(view, at, k.NDA_LLADDR, 6);
  for (let i = 0; i < 6; i++)
    view.setUint8(value + i, (nibble(mac.charCodeAt(i * 3)) << 4) | nibble(mac.charCodeAt(i * 3 + 1)));
  view.setUint16(value + 6, 0);
  return value + 8;
}

function putIp(view: DataView, at: number, ip: Ip): number {
  if (isIpv6(ip)) {
    const value = putAttrHead(view, at, k.NDA_DST, 16);
    putIpv6(view, value, ip);
    return value + 16;
  }
  const value = putAttrHead(view, at, k.NDA_DST, 4);
  let [byte, bits] = [0, 0];
  for (let i = 0; i < ip.length; i++) {
    const code = ip.charCodeAt(i);
    if (code === 46) [bits, byte] = [(bits << 8) | byte, 0];
    else byte = byte * 10 + code - 48;
  }
  view.setInt32(value, (bits << 8) | byte);
  return value + 4;
}

const GROUPS = new Uint16Array(8);

/** Of the canonical text (RFC 5952): a general parser takes microseconds, and each MAC has a link-local address. */
function putIpv6(view: DataView, at: number, ip: Ip): void {
  if (ip.includes('.')) return bytesAt(view, at, 16).set(ipBytes(ip));
  let [count, gapAt, group, digits] = [0, -1, 0, 0];
  for (let i = 0; i <= ip.length; i++) {
    const code = ip.charCodeAt(i); // NaN at the end
    if (i < ip.length && code !== 58) {
      group = (group << 4) | nibble(code);
      digits++;
      continue;
    }
    if (digits > 0) GROUPS[count++] = group;
    else if (gapAt < 0) gapAt = count;
    [group, digits] = [0, 0];
  }
  for (let i = 0, from = 0; i < 8; i++) {
    const isGap = gapAt >= 0 && i >= gapAt && i < gapAt + 8 - count;
    view.setUint16(at + i * 2, isGap ? 0 : GROUPS[from++]!);
  }
}

/** @param port 0 leaves it out: the vxlan's own */
function putPort(view: DataView, at: number, port: number): number {
  if (port === 0) return at;
  const value = putAttrHead(view, at, k.NDA_PORT, 2);
  view.setUint32(value, 0);
  view.setUint16(value, port);
  return value + 4;
}

/** The iproute2 command that does the same. */
export function rowCommand({ op, row }: RowOp): string {
  const dev = `dev if${row.link}`;
  if (row.kind === 'neigh')
    return op === 'put'
      ? `ip neigh replace ${row.ip} lladdr ${row.mac} ${dev} nud permanent`
      : `ip neigh del ${row.ip} ${dev}`;
  const verb = op === 'del' ? 'del' : row.kind === 'flood' ? 'append' : 'replace';
  const mac = row.kind === 'flood' ? NO_MAC : row.mac;
  if (row.kind === 'master') return `bridge fdb ${verb} ${mac} ${dev} master static`;
  const port = row.port === 0 ? '' : ` port ${row.port}`;
  return `bridge fdb ${verb} ${mac} ${dev} dst ${row.dst}${port} self permanent`;
}

/** One dump of RTM_GETNEIGH. `op` is the iproute2 command that shows the same. */
export interface NeighDump {
  readonly op: string;
  readonly payload: Uint8Array;
}

const ndmsg = (family: number, link = 0): Uint8Array => {
  const b = new Uint8Array(NDMSG_BYTES);
  b[0] = family;
  new DataView(b.buffer).setInt32(4, link, LE);
  return b;
};

/**
 * What to dump to see every row on `links`. The bridge's table can be had only port by port, and filtered by the kernel only
 * under strict checking; neighbours of one link are filtered there, of several here.
 */
export function rowDumps(links: readonly LinkIndex[]): NeighDump[] {
  const fdb = links.map((link) => ({ op: `bridge fdb show dev if${link}`, payload: ndmsg(k.AF_BRIDGE, link) }));
  const only = links.length === 1 ? encodeAttr(k.NDA_IFINDEX, u32Bytes(links[0]!)) : new Uint8Array();
  const neigh = [k.AF_INET, k.AF_INET6].map((family) => ({
    op: `ip ${family === k.AF_INET6 ? '-6' : '-4'} neigh show nud permanent`,
    payload: concat(ndmsg(family), only),
  }));
  return [...fdb, ...neigh];
}

/** What to dump to see the table of one bridge. */
export const bridgeDump = (bridge: LinkIndex): NeighDump => ({
  op: `bridge fdb show br if${bridge}`,
  payload: concat(ndmsg(k.AF_BRIDGE), encodeAttr(k.NDA_MASTER, u32Bytes(bridge))),
});
