// UDP → TAP. A batch is opened where it was received, and its segments are written from there: no byte is copied here. Nothing is
// made or remembered for a datagram before its tag was right.
import { lastErrno } from '../../syscalls.js';
import { Joiner, MAX_PIECES, type Joined } from '../frame/joiner.js';
import { ERRNO, writev } from '../native/io.js';
import type { Memory } from '../native/memory.js';
import { readSockaddr, sameEndpoint, SOCKADDR_BYTES, type Family } from '../native/udp.js';
import { checkDatagram, counterAt, OUTER, OUTER_BYTES, SLEEVE_VERSION, type Lane } from '../wire/datagram.js';
import {
  checkMessage,
  KIND,
  MAX_MESSAGE_BYTES,
  PROBE,
  PROBE_BYTES,
  probeSentUs,
  VIRTIO_BYTES,
} from '../wire/message.js';
import { isNew, take } from '../../../router/replay.js';
import type { Report } from './messages.js';
import { PEER, PEER_DROP, RX_SIZES, type PeerDrop } from './peer-counters.js';
import { useWay } from './peers.js';
import { BATCH_BYTES, type Receiver } from './receiver.js';
import type { Relay } from './relay.js';
import type { Sender } from './sender.js';
import type { Inlet, OpenSession, OpenSessions } from './sessions.js';
import { TOTAL, type Totals } from './shared.js';

const IOV_BYTES = 16;
/** A frame may begin in one batch and end in the next but one. */
const BATCHES = 4;
/** Batches from one socket before the other, and commands, have their turn. */
const BUDGET = 64;

/** What the loop needs of its surroundings. */
export interface RxWorld {
  readonly memory: Memory;
  readonly receiver: Receiver;
  readonly sessions: OpenSessions;
  readonly sender: Sender;
  readonly relay: Relay;
  readonly totals: Totals;
  /** VNI → the TAP's fd. */
  readonly taps: ReadonlyMap<number, number>;
  readonly report: (report: Report) => void;
  /** Monotonic, microseconds. */
  readonly nowUs: () => number;
}

export class RxLoop {
  readonly joiner: Joiner;
  readonly #world: RxWorld;
  readonly #batches: readonly number[];
  readonly #assembled: number;
  readonly #reply: number;
  readonly #iov: number;
  #batch = 0;
  /** The batch that the open run begins in. */
  #runBatch = -1;
  #family: Family = 'v4';
  /** Whose address was looked at in this batch: all of it comes from one. */
  #followed: OpenSession | undefined;

  constructor(world: RxWorld) {
    this.#world = world;
    const { memory } = world;
    this.#batches = Array.from({ length: BATCHES }, () => memory.take(BATCH_BYTES));
    this.#assembled = memory.take(MAX_MESSAGE_BYTES);
    this.#reply = memory.take(256);
    this.#iov = memory.take(MAX_PIECES * IOV_BYTES);
    this.joiner = new Joiner(memory.bytes, memory.view, (joined) => this.#write(joined));
  }

  /** Takes what the socket has. */
  drain(fd: number, family: Family): void {
    const { receiver } = this.#world;
    this.#family = family;
    for (let i = 0; i < BUDGET; i++) {
      this.#batch = (this.#batch + 1) % BATCHES;
      if (this.#batch === this.#runBatch) this.#endRun();
      const at = this.#batches[this.#batch]!;
      const n = receiver.receive(fd, at);
      if (n < 0) break;
      this.#world.totals.add(TOTAL.receives);
      this.#followed = undefined;
      this.#take(at, n, receiver.datagramBytes);
    }
    this.#endRun();
  }

  #endRun(): void {
    this.joiner.flush();
    this.#runBatch = -1;
  }

  #take(at: number, bytes: number, datagramBytes: number): void {
    const { memory, totals } = this.#world;
    for (let o = 0; o < bytes; o += datagramBytes) {
      const length = Math.min(datagramBytes, bytes - o);
      if (length >= OUTER_BYTES && isOthers(memory, at + o)) {
        const others = this.#othersFrom(at, o, bytes, datagramBytes);
        this.#pass(at + o, others, datagramBytes);
        o += (Math.ceil(others / datagramBytes) - 1) * datagramBytes;
        continue;
      }
      const fault = this.#datagram(at + o, length);
      if (fault !== undefined) totals.add(TOTAL[fault]);
    }
  }

  /** How many bytes from `o` on have the same label. */
  #othersFrom(at: number, o: number, bytes: number, datagramBytes: number): number {
    const { view } = this.#world.memory;
    const label = view.getUint32(at + o + OUTER.label);
    let end = o + datagramBytes;
    while (end + OUTER_BYTES <= bytes && view.getUint32(at + end + OUTER.label) === label) end += datagramBytes;
    return Math.min(end, bytes) - o;
  }

  #pass(at: number, bytes: number, datagramBytes: number): void {
    const { relay, totals, receiver, nowUs } = this.#world;
    const fault = relay.forward(at, bytes, datagramBytes, receiver.name, nowUs());
    totals.add(TOTAL[fault ?? 'relayed'], Math.ceil(bytes / datagramBytes));
  }

  /** @returns why it was dropped */
  #datagram(at: number, length: number): keyof typeof TOTAL | undefined {
    const { memory, sessions } = this.#world;
    const { bytes, view } = memory;
    const fault = checkDatagram(bytes, at, length);
    if (fault !== undefined) return fault;
    const session = sessions.find(view.getUint32(at + OUTER.receiver));
    if (session === undefined) return 'no-session';
    const inlet = session.inlets[bytes[at + OUTER.hops] === 0 ? 0 : 1];
    const wrong = this.#open(session, inlet, at, length);
    if (wrong !== undefined) inlet.counters[PEER_DROP[wrong]]!++;
    return wrong;
  }

  #open(session: OpenSession, inlet: Inlet, at: number, length: number): PeerDrop | undefined {
    const { bytes, view } = this.#world.memory;
    const lane = bytes[at + OUTER.lane] as Lane;
    const counter = counterAt(view, at + OUTER.counter);
    const window = session.windows[lane];
    if (!isNew(window, counter)) return 'replay';
    const opener = session.openers[lane];
    const messageBytes = length - OUTER_BYTES - opener.tagBytes;
    if (messageBytes < 1) return 'short';
    if (!opener.open(at + OUTER.counter, messageBytes)) return 'tag';
    if (take(window, counter) && bytes[at + OUTER.hops] === 0) this.#follow(session); // a relay's address is not the peer's
    if (!session.isHeard) this.#confirm(session);
    inlet.counters[PEER.rxDatagrams]!++;
    return this.#message(session, inlet, at + OUTER_BYTES, messageBytes);
  }

  /** The newest datagram of a session that came straight from its peer says where that is now. */
  #follow(session: OpenSession): void {
    if (session === this.#followed) return;
    this.#followed = session;
    const { peer } = session;
    const { memory, receiver, report } = this.#world;
    if (sameEndpoint(memory.bytes, receiver.name, peer.direct.name)) return;
    memory.bytes.copyWithin(peer.direct.name, receiver.name, receiver.name + SOCKADDR_BYTES[this.#family]);
    const { address, port } = readSockaddr(memory.bytes, memory.view, receiver.name);
    report({ kind: 'moved', peer: peer.id, family: this.#family, address, port });
  }

  #confirm(session: OpenSession): void {
    session.isHeard = true;
    this.#world.report({ kind: 'heard', peer: session.peer.id, receiveIndex: session.receiveIndex });
  }

  #message(session: OpenSession, inlet: Inlet, at: number, length: number): PeerDrop | undefined {
    const { bytes, view } = this.#world.memory;
    const fault = checkMessage(bytes, view, at, length);
    if (fault !== undefined) return fault;
    switch (bytes[at]!) {
      case KIND.segment:
        return this.#segment(inlet, at, length);
      case KIND.part: {
        const whole = session.assembler.push(bytes, view, at, length);
        if (whole === undefined) return undefined;
        this.#endRun();
        bytes.set(whole, this.#assembled);
        const wrong = checkMessage(bytes, view, this.#assembled, whole.length);
        if (wrong !== undefined || bytes[this.#assembled] !== KIND.segment) return wrong ?? 'message-kind';
        const dropped = this.#segment(inlet, this.#assembled, whole.length);
        this.#endRun();
        return dropped;
      }
      case KIND.probe:
        this.#answer(session, at);
        return undefined;
      default:
        this.#replied(session, at);
        return undefined;
    }
  }

  #segment(inlet: Inlet, at: number, length: number): PeerDrop | undefined {
    const fault = this.joiner.push(inlet, at, length);
    if (!this.joiner.isOpen) this.#runBatch = -1;
    else if (this.joiner.segments === 1) this.#runBatch = this.#batch;
    return fault;
  }

  /** By the way that the probe came. */
  #answer({ peer }: OpenSession, at: number): void {
    const { memory, sender, totals } = this.#world;
    const { bytes } = memory;
    totals.add(TOTAL.probes);
    useWay(peer, bytes[at - OUTER_BYTES + OUTER.hops] === 0 ? 'direct' : 'relay');
    if (!sender.reserve(peer, 1)) return;
    const message = this.#reply + OUTER_BYTES;
    bytes.copyWithin(message, at, at + PROBE_BYTES);
    bytes[message] = KIND.reply;
    const length = sender.seal(peer, this.#reply, PROBE_BYTES);
    sender.send(peer, this.#reply, length, length);
  }

  #replied({ peer }: OpenSession, at: number): void {
    const { view } = this.#world.memory;
    const rttMs = Math.max(0, this.#world.nowUs() - probeSentUs(view, at)) / 1_000;
    const token = view.getUint32(at + PROBE.token);
    this.#world.report({ kind: 'probeReply', peer: peer.id, token, rttMs, bytes: view.getUint32(at + PROBE.padded) });
  }

  #write(joined: Joined): void {
    const { memory, taps, totals, report } = this.#world;
    const { counters } = joined.from as Inlet;
    const fd = taps.get(joined.vni);
    if (fd === undefined) return this.#drop(counters, 'unknown-network');
    const { view, base } = memory;
    const iov = this.#iov;
    const { offsets, lengths } = joined;
    for (let i = 0; i < joined.pieces; i++) {
      const address = base + offsets[i]!;
      const entry = iov + i * IOV_BYTES;
      view.setUint32(entry, address >>> 0, true);
      view.setUint32(entry + 4, Math.floor(address / 2 ** 32), true);
      view.setUint32(entry + 8, lengths[i]!, true);
      view.setUint32(entry + 12, 0, true);
    }
    const size = totals.frame(joined.segments);
    if (joined.isMended) totals.add(TOTAL.mended);
    if (writev(fd, base + iov, joined.pieces) >= 0) {
      counters[PEER.rxFrames]!++;
      counters[PEER.rxBytes]! += joined.bytes - VIRTIO_BYTES;
      counters[RX_SIZES + size]!++;
      return;
    }
    const errno = lastErrno();
    if (errno === ERRNO.EBADFD || errno === ERRNO.EBADF) {
      this.#drop(counters, 'tap-lost');
      report({ kind: 'tapLost', vni: joined.vni });
    } else this.#drop(counters, errno === ERRNO.EINVAL || errno === ERRNO.EIO ? 'tap-refused' : 'tap-full');
  }

  #drop(counters: Float64Array, reason: PeerDrop): void {
    this.#world.totals.add(TOTAL[reason]);
    counters[PEER_DROP[reason]]!++;
  }
}

/** Does the datagram carry a relay's label? */
const isOthers = ({ bytes, view }: Memory, at: number): boolean =>
  bytes[at] === SLEEVE_VERSION && view.getUint32(at + OUTER.label) !== 0;
