// The probes between containers: ICMP echo, which the kernel answers by itself.
//
// ICMPv4 echo, RFC 792 p. 14: 16 bytes, big-endian
//    off len field
//     0   1  type       8 = echo, 0 = echo reply
//     1   1  code       0
//     2   2  checksum   RFC 1071, over all 16 bytes
//     4   2  id         PROBE_ID
//     6   2  sequence   low 16 bits of the number
//     8   4  magic      PROBE_MAGIC
//    12   4  number     which probe it is

const PROBE_ID = 0x6d63;
const PROBE_MAGIC = 0x6d657368;
const ECHO_BYTES = 16;
const ECHO = 8;
const ECHO_REPLY = 0;

/** @param number below 2^32 */
export function encodeProbe(number: number): Buffer {
  const b = Buffer.alloc(ECHO_BYTES);
  b[0] = ECHO;
  b.writeUInt16BE(PROBE_ID, 4);
  b.writeUInt16BE(number & 0xffff, 6);
  b.writeUInt32BE(PROBE_MAGIC, 8);
  b.writeUInt32BE(number, 12);
  b.writeUInt16BE(checksum(b), 2);
  return b;
}

/** @param packet an IPv4 packet with its header, as a raw socket gives it. @returns the probe that it answers, if it is an answer */
export function decodeAnswer(packet: Buffer): number | undefined {
  if (packet.length < 20) return undefined;
  const at = (packet[0]! & 0x0f) * 4;
  if (packet.length < at + ECHO_BYTES || packet[at] !== ECHO_REPLY) return undefined;
  if (packet.readUInt16BE(at + 4) !== PROBE_ID || packet.readUInt32BE(at + 8) !== PROBE_MAGIC) return undefined;
  return packet.readUInt32BE(at + 12);
}

function checksum(bytes: Buffer): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += bytes.readUInt16BE(i);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
