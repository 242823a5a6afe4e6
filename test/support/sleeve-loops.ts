// Both loops of a sleeve on the test's own thread, between a real UDP socket and a pair of Unix sockets in place of the TAP, which
// takes any bytes. So what the kernel would never hand over reaches the loops as well.
import assert from 'node:assert/strict';
import { MacTable } from '../../datapath/sleeve/forward/mac-table.js';
import { StormLimiter } from '../../datapath/sleeve/forward/storm.js';
import { closeQuietly, read, write } from '../../datapath/sleeve/native/io.js';
import { createMemory, type Memory } from '../../datapath/sleeve/native/memory.js';
import { Sealing } from '../../datapath/sleeve/native/sealing.js';
import { openUdp, readSockaddr, sockaddr, SOCKADDR_BYTES } from '../../datapath/sleeve/native/udp.js';
import type { Report, SessionKeys, SleeveWay } from '../../datapath/sleeve/worker/messages.js';
import { createPeerBuffer, PeerCounts, type WayTraffic } from '../../datapath/sleeve/worker/peer-counters.js';
import { SendPeers, type SendPeer } from '../../datapath/sleeve/worker/peers.js';
import { Receiver } from '../../datapath/sleeve/worker/receiver.js';
import { Relay } from '../../datapath/sleeve/worker/relay.js';
import { RxLoop } from '../../datapath/sleeve/worker/rx-loop.js';
import { Sender } from '../../datapath/sleeve/worker/sender.js';
import { OpenSessions } from '../../datapath/sleeve/worker/sessions.js';
import { createSessionBuffer, Totals, type Total } from '../../datapath/sleeve/worker/shared.js';
import { TxLoop, type TxNetwork } from '../../datapath/sleeve/worker/tx-loop.js';
import { nativeCall } from '../../datapath/syscalls.js';
import type { Mac, PeerId } from '../../router/types.js';

export const VNI = 100;
const LOCALHOST = Uint8Array.of(127, 0, 0, 1);
const AF_UNIX = 1;
const SOCK_SEQPACKET_NONBLOCK = 5 | 0x800;
const MSG_DONTWAIT = 0x40;
const BUFFER_BYTES = 70_000;

const socketpair = nativeCall('libc', 'int socketpair(int domain, int type, int protocol, uintptr_t fds)')!;
const getsockname = nativeCall('libc', 'int getsockname(int fd, uintptr_t address, uintptr_t length)')!;
const sendto = nativeCall(
  'libc',
  'long sendto(int fd, uintptr_t bytes, size_t length, int flags, uintptr_t to, uint toLength)',
)!;
const recvfrom = nativeCall(
  'libc',
  'long recvfrom(int fd, uintptr_t bytes, size_t length, int flags, uintptr_t from, uintptr_t fromLength)',
)!;

/** A UDP socket on loopback. */
export class Stranger {
  readonly port: number;
  readonly fd: number;
  readonly #memory = createMemory(BUFFER_BYTES + 4_096);
  readonly #bytes = this.#memory.take(BUFFER_BYTES);
  readonly #address = this.#memory.take(32);

  /** @param joins does the kernel join what comes, as it does for a sleeve? */
  constructor(joins = false) {
    this.fd = openUdp('v4', LOCALHOST, 0, joins ? [] : ['udp-gro']).fd;
    this.#memory.view.setUint32(this.#address + 16, SOCKADDR_BYTES.v4, true);
    const { base, bytes, view } = this.#memory;
    assert.equal(getsockname(this.fd, base + this.#address, base + this.#address + 16), 0);
    this.port = readSockaddr(bytes, view, this.#address).port;
  }

  send(to: number, datagram: Uint8Array): void {
    const { base, bytes } = this.#memory;
    bytes.set(datagram, this.#bytes);
    bytes.set(sockaddr('v4', LOCALHOST, to), this.#address);
    const n = sendto(this.fd, base + this.#bytes, datagram.length, 0, base + this.#address, SOCKADDR_BYTES.v4);
    assert.equal(n, datagram.length);
  }

  /** All that has come. */
  received(): Uint8Array[] {
    const { base, bytes } = this.#memory;
    const all: Uint8Array[] = [];
    for (;;) {
      const n = recvfrom(this.fd, base + this.#bytes, BUFFER_BYTES, MSG_DONTWAIT, 0, 0);
      if (n < 0) return all;
      all.push(bytes.slice(this.#bytes, this.#bytes + n));
    }
  }

  close(): void {
    closeQuietly(this.fd);
  }
}

/** A host whose workers run when they are told to. */
export class LoopHost {
  readonly id: PeerId;
  readonly socket: Stranger;
  readonly reports: Report[] = [];
  readonly relay: Relay;
  readonly #memory = createMemory(4 << 20);
  readonly #totals = new Totals(Totals.create());
  readonly #peers: { readonly tx: SendPeers; readonly rx: SendPeers };
  readonly #sessions: OpenSessions;
  readonly #counts = new Map<PeerId, PeerCounts>();
  readonly #loops: { readonly tx: TxLoop; readonly rx: RxLoop };
  readonly #network: TxNetwork;
  readonly #outside: number;
  readonly #frame: number;

  /** @param joins as a `Stranger`'s */
  constructor(name: string, joins: boolean) {
    this.id = Buffer.from(name.padEnd(16, '.')).toString('hex') as PeerId;
    this.socket = new Stranger(joins);
    const memory = this.#memory;
    const [inside, outside] = pair(memory);
    this.#outside = outside;
    this.#frame = memory.take(BUFFER_BYTES);
    const sealing = new Sealing(memory);
    const sockets = { v4: { fd: this.socket.fd, hasGso: true } };
    const sender = (lane: 0 | 1): Sender => new Sender(memory, this.#totals, lane, () => undefined);
    this.#peers = { tx: new SendPeers(memory, sealing, 0, sockets), rx: new SendPeers(memory, sealing, 1, sockets) };
    this.#sessions = new OpenSessions(sealing);
    const answering = sender(1);
    this.relay = new Relay(memory, answering);
    const rx = new RxLoop({
      memory,
      receiver: new Receiver(memory),
      sessions: this.#sessions,
      sender: answering,
      relay: this.relay,
      totals: this.#totals,
      taps: new Map([[VNI, inside]]),
      report: (report) => void this.reports.push(report),
      nowUs: () => performance.now() * 1e3,
    });
    this.#loops = { tx: new TxLoop(memory, sender(0), this.#totals, new StormLimiter(1e9)), rx };
    this.#network = { vni: VNI, fd: inside, macs: new MacTable<SendPeer>(), flood: [] };
  }

  /** Makes a peer known by these keys. @param port where it listens */
  know(peer: PeerId, keys: Omit<SessionKeys, 'state'>, port: number, mac: Mac): void {
    const [whole, buffer] = [{ ...keys, state: createSessionBuffer() }, createPeerBuffer()];
    this.#counts.set(peer, new PeerCounts(buffer));
    const remote = { family: 'v4', sockaddr: sockaddr('v4', LOCALHOST, port) } as const;
    for (const peers of [this.#peers.tx, this.#peers.rx]) {
      peers.add(peer, buffer);
      peers.setSession(peers.find(peer)!, whole, remote);
    }
    this.#sessions.add(this.peer(peer), whole);
    const sent = this.#peers.tx.find(peer)!;
    this.#network.macs.set(mac, sent);
    this.#network.flood = [sent];
  }

  /** As the receiving worker knows it. */
  peer(id: PeerId): SendPeer {
    return this.#peers.rx.find(id)!;
  }

  setPathMtu(peer: PeerId, bytes: number): void {
    this.#peers.tx.setPathMtu(this.#peers.tx.find(peer)!, 'direct', bytes);
  }

  /** From now on what goes to the peer goes to that port. */
  move(peer: PeerId, port: number): void {
    const remote = { family: 'v4', sockaddr: sockaddr('v4', LOCALHOST, port) } as const;
    this.#peers.tx.setRemote(this.#peers.tx.find(peer)!, remote);
  }

  /** A frame, virtio header first, leaves the container: all is sent that comes of it. */
  send(frame: Uint8Array): void {
    this.#memory.bytes.set(frame, this.#frame);
    assert.equal(write(this.#outside, this.#memory.base + this.#frame, frame.length), frame.length);
    while (this.#loops.tx.drain(this.#network, performance.now()) === 'more');
  }

  /** Reads what came to its socket. @returns the frames that the container gets, virtio header first */
  receive(): Uint8Array[] {
    for (let before = -1; before !== this.total('receives');) {
      before = this.total('receives');
      this.#loops.rx.drain(this.socket.fd, 'v4');
    }
    const { base, bytes } = this.#memory;
    const frames: Uint8Array[] = [];
    for (;;) {
      const n = read(this.#outside, base + this.#frame, BUFFER_BYTES);
      if (n < 0) return frames;
      frames.push(bytes.slice(this.#frame, this.#frame + n));
    }
  }

  total(of: Total): number {
    return this.#totals.named()[of];
  }

  /** What is counted of a peer. */
  traffic(of: PeerId, way: SleeveWay): WayTraffic {
    return this.#counts.get(of)!.way(way);
  }

  close(): void {
    this.socket.close();
    for (const fd of [this.#network.fd, this.#outside]) closeQuietly(fd);
  }
}

function pair(memory: Memory): readonly [inside: number, outside: number] {
  const at = memory.take(8);
  assert.equal(socketpair(AF_UNIX, SOCK_SEQPACKET_NONBLOCK, 0, memory.base + at), 0);
  return [memory.view.getInt32(at, true), memory.view.getInt32(at + 4, true)];
}

/** Of the container at the other end, whichever end that is. */
export const MAC = '02:00:00:00:00:01' as Mac;
export const KEYS = [
  Uint8Array.from({ length: 32 }, (_, i) => i),
  Uint8Array.from({ length: 32 }, (_, i) => 99 - i),
] as const;

/** Two hosts that have each other's keys: what either sends to MAC arrives at the other. The kernel joins for it, and not back. */
export function loopPair(): readonly [one: LoopHost, other: LoopHost] {
  const [one, other] = [new LoopHost('one', false), new LoopHost('other', true)];
  const [cipher, [there, back]] = ['aes-256-gcm' as const, KEYS];
  const at = { sendIndex: 2, receiveIndex: 1 };
  one.know(other.id, { cipher, sendKey: there, receiveKey: back, ...at }, other.socket.port, MAC);
  const from = { sendIndex: 1, receiveIndex: 2 };
  other.know(one.id, { cipher, sendKey: back, receiveKey: there, ...from }, one.socket.port, MAC);
  return [one, other];
}
