// The underlay of FakeNetwork: hosts in one process, with wires and NATs between them that a test can make as bad as it likes.
// Nothing in it waits or draws: time and chance come from its clock and its wire.
import { PortInUse, type NetworkSink } from '../../router/runtime/network.js';
import type { Ip, SocketAddress } from '../../router/types.js';
import { FakeNat } from './fake-nat.js';
import { FakeNetwork } from './fake-network.js';
import type { Passage, Stream, StreamWorld } from './fake-stream.js';

/** What the hosts are connected by: each ordered pair of addresses is a link of its own. */
export interface Wire {
  /** Does anything get from the one to the other at present? */
  reaches(from: Ip, to: Ip): boolean;
  /** When which copies of a datagram arrive; none: it is lost. Their bytes are the receiver's. */
  datagram(from: Ip, to: Ip, bytes: Uint8Array): readonly { readonly afterMs: number; readonly bytes: Uint8Array }[];
  /** What so many bytes of a stream take, ms. */
  stream(from: Ip, to: Ip, bytes: number): number;
}

export interface UnderlayOptions {
  readonly wire?: Wire;
  readonly clock?: Pick<StreamWorld, 'now' | 'after'>;
}

const PERFECT_WIRE: Wire = {
  reaches: () => true,
  datagram: (_from, _to, bytes) => [{ afterMs: 0, bytes: new Uint8Array(bytes) }],
  stream: () => 0,
};

/** The real one. What takes no time is done as soon as the present work is. */
const REAL_CLOCK = {
  now: () => performance.now(),
  after: (ms: number, work: () => void) => (ms > 0 ? setTimeout(work, ms) : setImmediate(work)),
};

/** What hosts are connected by. As a wire: it drops, never blocks, and copies what it carries. */
export class FakeUnderlay implements StreamWorld {
  /** Names for `dial`. */
  readonly names = new Map<string, readonly Ip[]>();
  readonly wire: Wire;
  readonly nat: FakeNat;
  readonly now: () => number;
  readonly after: (ms: number, work: () => void) => unknown;
  readonly #hosts = new Map<Ip, FakeNetwork>();
  #lastPort = 49_151;

  constructor({ wire = PERFECT_WIRE, clock = REAL_CLOCK }: UnderlayOptions = {}) {
    this.wire = wire;
    this.now = clock.now;
    this.after = clock.after;
    this.nat = new FakeNat(clock.now);
  }

  /** A host at these addresses. Another one there takes its place for what comes later. */
  host(addresses: readonly string[], port: number, sink: NetworkSink): FakeNetwork {
    return new FakeNetwork(this, addresses as readonly Ip[], port, sink);
  }

  delay(from: Ip, to: Ip, bytes: number): number {
    return this.wire.stream(from, to, bytes);
  }

  /** There and back. */
  connects(from: Ip, to: Ip): boolean {
    return this.wire.reaches(from, to) && this.wire.reaches(to, from);
  }

  passage({ from, to, far, epochs }: Stream): Passage {
    if (far.isDeaf || !this.connects(from, to)) return 'cut';
    if (epochs === this.epochs(from, to)) return 'open';
    return this.nat.epoch(from) > 0 ? 'lost' : 'cut'; // its own NAT says so, or, where that is gone, the far end's kernel
  }

  epochs(from: Ip, to: Ip): number {
    return this.nat.epoch(from) + this.nat.epoch(to);
  }

  at(to: SocketAddress): FakeNetwork | undefined {
    const host = this.#hosts.get(to.ip);
    return host?.port === to.port ? host : undefined;
  }

  plug(ip: Ip, host: FakeNetwork): void {
    const there = this.#hosts.get(ip);
    if (there !== undefined && there !== host && there.port === host.port) throw new PortInUse('tcp', host.port);
    this.#hosts.set(ip, host);
  }

  unplug(ip: Ip, host: FakeNetwork): void {
    if (this.#hosts.get(ip) === host) this.#hosts.delete(ip);
  }

  freePort(): number {
    return ++this.#lastPort;
  }
}
