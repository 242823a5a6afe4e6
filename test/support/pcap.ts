// What is in a recording, byte for byte (libpcap's savefile format: pcap-savefile(5)).
import { readFileSync } from 'node:fs';

const FILE_HEADER_BYTES = 24;
const RECORD_HEADER_BYTES = 16;
const ETHERNET_BYTES = 14;
const [IPV4, IPV6, TCP] = [0x0800, 0x86dd, 6];

/** Ethernet frames, in order, of a file in this machine's byte order. */
export function framesOf(file: string): readonly Buffer[] {
  const bytes = readFileSync(file);
  const frames: Buffer[] = [];
  for (let at = FILE_HEADER_BYTES; at + RECORD_HEADER_BYTES <= bytes.length;) {
    const length = bytes.readUInt32LE(at + 8);
    at += RECORD_HEADER_BYTES;
    frames.push(bytes.subarray(at, at + length));
    at += length;
  }
  return frames;
}

/** @returns the payload of a TCP segment from or to the port; undefined for all else */
export function tcpOf(frame: Buffer, port: number): Buffer | undefined {
  const type = frame.readUInt16BE(12);
  const headerBytes = type === IPV4 ? (frame[ETHERNET_BYTES]! & 15) * 4 : type === IPV6 ? 40 : 0;
  const protocol = type === IPV4 ? frame[ETHERNET_BYTES + 9] : frame[ETHERNET_BYTES + 6];
  if (headerBytes === 0 || protocol !== TCP) return undefined;
  const tcp = frame.subarray(ETHERNET_BYTES + headerBytes);
  if (tcp.readUInt16BE(0) !== port && tcp.readUInt16BE(2) !== port) return undefined;
  return tcp.subarray((tcp[12]! >> 4) * 4);
}
