// A program (FILE [LINK]): records every frame on a link (`wire`) of its namespace into a pcap file until SIGINT, then says on stdout how
// many it wrote, and fails if the kernel dropped some. tcpdump cannot do it in a user namespace: it insists on setgroups(2),
// which is denied there.
import { openSync, writeSync } from 'node:fs';
import {
  linkIndexOf,
  openPacketSocket,
  packetReceive,
  pollReadable,
  setSocketOption,
  socketOption,
} from '../../datapath/syscalls.js';

const ETH_P_ALL = 3; // linux/if_ether.h
const [SOL_SOCKET, SO_RCVBUF] = [1, 8];
const [SOL_PACKET, PACKET_STATISTICS] = [263, 6]; // linux/if_packet.h; the first word counts frames, dropped ones included
const RCVBUF_BYTES = 4 << 20;
const MAX_FRAME_BYTES = 1 << 17; // frames of offloading links are larger than 64 KiB by their headers
const LINKTYPE_ETHERNET = 1;

const file = openSync(process.argv[2]!, 'w');
const frame = Buffer.alloc(MAX_FRAME_BYTES);
let written = 0;

/** libpcap savefile, draft-ietf-opsawg-pcap §4: magic for microseconds, 2.4, then snap length and link type. */
const header = Buffer.alloc(24);
header.writeUInt32LE(0xa1b2c3d4, 0);
header.writeUInt16LE(2, 4);
header.writeUInt16LE(4, 6);
header.writeUInt32LE(MAX_FRAME_BYTES, 16);
header.writeUInt32LE(LINKTYPE_ETHERNET, 20);
writeSync(file, header);

const socket = openPacketSocket(linkIndexOf(process.argv[3] ?? 'wire')!, ETH_P_ALL);
setSocketOption(socket, SOL_SOCKET, SO_RCVBUF, RCVBUF_BYTES);

function drain(): void {
  for (let length = packetReceive(socket, frame); length !== undefined; length = packetReceive(socket, frame)) {
    const nowUs = Math.round((performance.timeOrigin + performance.now()) * 1000);
    const record = Buffer.alloc(16); // §5: seconds, microseconds, captured length, length on the wire
    record.writeUInt32LE(Math.floor(nowUs / 1e6), 0);
    record.writeUInt32LE(nowUs % 1e6, 4);
    record.writeUInt32LE(length, 8);
    record.writeUInt32LE(length, 12);
    writeSync(file, Buffer.concat([record, frame.subarray(0, length)]));
    written++;
  }
}

const stop = pollReadable(socket, drain);
process.on('SIGINT', () => {
  drain();
  stop();
  const dropped = socketOption(socket, SOL_PACKET, PACKET_STATISTICS) - written;
  console.log(`${written} frames, ${dropped} dropped`);
  process.exit(dropped > 0 ? 1 : 0);
});
console.log('listening');
