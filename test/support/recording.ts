// What a recording of the underlay holds for those who would tell it again: datagrams, and streams put together from their segments.
import { tcpOf } from './pcap.js';

const [ETHERNET_BYTES, IPV4_BYTES, UDP_BYTES] = [14, 20, 8];
const [IPV4, TCP, UDP] = [0x0800, 6, 17];
const CHECKSUM_AT = ETHERNET_BYTES + IPV4_BYTES + 6;

export interface RecordedDatagram {
  readonly to: string;
  readonly port: number;
  readonly payload: Buffer;
  /** Without a checksum of UDP, which the kernel had not made yet when it was recorded. */
  readonly frame: Buffer;
}

/** One direction of it. */
export interface RecordedStream {
  readonly from: string;
  readonly to: string;
  readonly bytes: Buffer;
}

const hasIpv4 = (frame: Buffer, protocol: number): boolean =>
  frame.readUInt16BE(12) === IPV4 && frame[ETHERNET_BYTES] === 0x45 && frame[ETHERNET_BYTES + 9] === protocol;
const addressAt = (frame: Buffer, at: number): string => frame.subarray(at, at + 4).join('.');
const fromOf = (frame: Buffer): string => addressAt(frame, ETHERNET_BYTES + 12);
const toOf = (frame: Buffer): string => addressAt(frame, ETHERNET_BYTES + 16);

/** Those over IPv4 to one of these ports. */
export function datagramsTo(frames: readonly Buffer[], ports: readonly number[]): readonly RecordedDatagram[] {
  return frames.flatMap((recorded) => {
    const frame = Buffer.from(recorded);
    if (!hasIpv4(frame, UDP)) return [];
    const port = frame.readUInt16BE(ETHERNET_BYTES + IPV4_BYTES + 2);
    if (!ports.includes(port)) return [];
    frame.writeUInt16BE(0, CHECKSUM_AT);
    return [{ to: toOf(frame), port, payload: frame.subarray(ETHERNET_BYTES + IPV4_BYTES + UDP_BYTES), frame }];
  });
}

/** Both directions of each over IPv4 from or to a port. */
export function streamsOf(frames: readonly Buffer[], port: number): readonly RecordedStream[] {
  const flows = new Map<string, { readonly from: string; readonly to: string; readonly parts: Map<number, Buffer> }>();
  for (const frame of frames) {
    const payload = hasIpv4(frame, TCP) ? tcpOf(frame, port) : undefined;
    if (payload === undefined || payload.length === 0) continue;
    const tcp = frame.subarray(ETHERNET_BYTES + IPV4_BYTES);
    const [from, to] = [fromOf(frame), toOf(frame)];
    const key = `${from} ${tcp.readUInt16BE(0)} ${to} ${tcp.readUInt16BE(2)}`;
    const flow = flows.get(key) ?? { from, to, parts: new Map<number, Buffer>() };
    flow.parts.set(tcp.readUInt32BE(4), payload);
    flows.set(key, flow);
  }
  return [...flows.values()].map(({ from, to, parts }) => {
    const inOrder = [...parts].sort(([x], [y]) => (x - y) | 0).map(([, part]) => part);
    return { from, to, bytes: Buffer.concat(inOrder) };
  });
}
