// Sends what nobody should, as a process of its own, for as long as it is told; then says how much that was.
//
//   usage: forge-process.js frames SECONDS SEED IFNAME MAC              from a container: frames with virtio headers of its own
//                                                                      (PACKET_VNET_HDR), to MAC and to others
//          forge-process.js datagrams SECONDS SEED HOST RECEIVER KEY    to a sleeve: datagrams of any content, some sealed with
//                                                                      KEY (hex), whose messages make no sense
import { createSocket } from 'node:dgram';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { createMemory } from '../../datapath/sleeve/native/memory.js';
import { Sealing } from '../../datapath/sleeve/native/sealing.js';
import { OUTER, OUTER_BYTES, writeOuter } from '../../datapath/sleeve/wire/datagram.js';
import { bindSocket, linkIndexOf, openSocket, sendBytes, setSocketOption } from '../../datapath/syscalls.js';
import type { Mac } from '../../router/types.js';
import { anyDatagram, anyForgery, anyMessage } from './sleeve-forgeries.js';
import { seededRandom } from './virtual-time.js';

const AF_PACKET = 17;
const SOCK_RAW = 3;
const SOL_PACKET = 263;
const PACKET_VNET_HDR = 15;
const SLEEVE_PORT = 6784;
const SLEEVE_VNI = 100;
/** Made at a time, and each sent so often with a byte of it changed. */
const SAMPLES = 200;
const VARIANTS = 8;
/** After as many there is a pause, ms, in which others get through. */
const BURST = 64;
const PAUSE_MS = 2;

const [what = '', seconds = '', seed = '', ...rest] = process.argv.slice(2);
const until = performance.now() + Number(seconds) * 1_000;
/** One seed, one attack. */
const random = seededRandom(Number(seed));

/** Samples without end, each several times with another byte of its first ones changed. */
async function* forgeries(any: fc.Arbitrary<Uint8Array>): AsyncGenerator<Uint8Array> {
  for (let sent = 0; performance.now() < until;) {
    for (const sample of fc.sample(any, { numRuns: SAMPLES, seed: Math.floor(random() * 2 ** 31) }))
      for (let i = 0; i < VARIANTS && sample.length > 0; i++) {
        yield sample;
        sample[Math.floor(random() * Math.min(sample.length, 80))] = Math.floor(random() * 256);
        if (++sent % BURST === 0) await sleep(PAUSE_MS);
      }
  }
}

/** @returns how many the kernel took */
async function forgeFrames(ifname: string, mac: Mac): Promise<number> {
  const fd = openSocket(AF_PACKET, SOCK_RAW, 0);
  const address = new Uint8Array(20); // struct sockaddr_ll
  const view = new DataView(address.buffer);
  view.setUint16(0, AF_PACKET, true);
  view.setInt32(4, linkIndexOf(ifname)!, true);
  bindSocket(fd, address);
  if (setSocketOption(fd, SOL_PACKET, PACKET_VNET_HDR, 1) < 0) throw new Error('no PACKET_VNET_HDR');
  let taken = 0;
  for await (const frame of forgeries(anyForgery(mac))) if (sendBytes(fd, frame) >= 0) taken++;
  return taken;
}

async function forgeDatagrams(host: string, receiver: number, key: Uint8Array): Promise<number> {
  const socket = createSocket('udp4');
  let sent = 0;
  const memory = createMemory(80_000);
  const at = memory.take(70_000);
  const sealer = new Sealing(memory).sealer({ cipher: 'aes-256-gcm', key, lane: 0, receiver }, 0);
  const sealed = (message: Uint8Array): Uint8Array => {
    memory.bytes.set(message, at + OUTER_BYTES);
    writeOuter(memory.view, at, 0, 0, receiver);
    sealer.seal(at + OUTER.counter, message.length);
    return memory.bytes.slice(at, at + OUTER_BYTES + message.length + sealer.tagBytes);
  };
  const any = fc.oneof(anyDatagram(receiver), anyMessage(SLEEVE_VNI, '02:00:00:00:00:02' as Mac).map(sealed));
  for await (const datagram of forgeries(any)) {
    await new Promise<void>((resolve) => socket.send(datagram, SLEEVE_PORT, host, () => resolve()));
    sent++;
  }
  socket.close();
  return sent;
}

const count =
  what === 'frames'
    ? await forgeFrames(rest[0]!, rest[1] as Mac)
    : await forgeDatagrams(rest[0]!, Number(rest[1]), new Uint8Array(Buffer.from(rest[2]!, 'hex')));
console.log(count);
