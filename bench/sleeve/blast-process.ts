// UDP by a sender that hands the kernel 64 datagrams at once (UDP_SEGMENT), and a receiver that takes them so (UDP_GRO): iperf3,
// with a call for each datagram, is slower than what it should measure.
//
//   node blast-process.js send ADDRESS PORT BYTES SECONDS
//   node blast-process.js receive ADDRESS PORT     says `listens`; once its input has ended, JSON {bytes, seconds}
import assert from 'node:assert/strict';
import { openUdp, sockaddr, UDP_SEGMENT } from '../../datapath/sleeve/native/udp.js';
import {
  addressOf,
  errnoName,
  lastErrno,
  nativeCall,
  pollReadable,
  receiveBytes,
  sendBytes,
  setSocketOption,
} from '../../datapath/syscalls.js';

const SOL_UDP = 17;
const AT_ONCE = 64; // UDP_MAX_SEGMENTS, include/linux/udp.h
const LARGEST_BATCH_BYTES = 1 << 16;
const QUIET_MS = 50;

function send(address: string, port: number, bytes: number, seconds: number): void {
  const { fd } = openUdp('v4', new Uint8Array(4), 0);
  connectTo(fd, address, port);
  assert.equal(setSocketOption(fd, SOL_UDP, UDP_SEGMENT, bytes), 0);
  const batch = new Uint8Array(bytes * AT_ONCE);
  const until = performance.now() + seconds * 1_000;
  while (performance.now() < until) {
    const sent = sendBytes(fd, batch);
    assert.ok(sent === batch.length || ['EAGAIN', 'ENOBUFS'].includes(errnoName(sent)), `send: ${errnoName(sent)}`);
  }
}

function connectTo(fd: number, address: string, port: number): void {
  const connect = nativeCall('libc', 'int connect(int fd, uintptr_t address, uint length)')!;
  const name = new Uint8Array(256); // V8 moves small arrays
  const { length } = sockaddr('v4', ipv4(address), port);
  name.set(sockaddr('v4', ipv4(address), port));
  assert.equal(connect(fd, addressOf(name), length), 0, `connect ${address}: ${errnoName(lastErrno())}`);
}

/** Counts from the first to the last arrival, so that what lies in buffers when the sender ends makes nobody faster. */
function receive(address: string, port: number): void {
  const { fd } = openUdp('v4', ipv4(address), port);
  const buffer = new Uint8Array(LARGEST_BATCH_BYTES);
  let [bytes, first, last] = [0, 0, 0];
  pollReadable(fd, () => {
    for (let read = receiveBytes(fd, buffer); read > 0; read = receiveBytes(fd, buffer)) {
      last = performance.now();
      if (bytes === 0) first = last;
      bytes += read;
    }
  });
  const reportWhenQuiet = (): void => {
    if (performance.now() - last < QUIET_MS) return void setTimeout(reportWhenQuiet, QUIET_MS);
    console.log(JSON.stringify({ bytes, seconds: (last - first) / 1_000 }));
    process.exit(0);
  };
  process.stdin.once('end', reportWhenQuiet).resume();
  console.log('listens');
}

const ipv4 = (text: string): Uint8Array => Uint8Array.from(text.split('.').map(Number));

const [, , verb, address, port, bytes, seconds] = process.argv;
assert.ok(address !== undefined && (verb === 'send' || verb === 'receive'));
if (verb === 'send') send(address, Number(port), Number(bytes), Number(seconds));
else receive(address, Number(port));
