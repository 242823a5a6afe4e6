// A Network without sockets, in a FakeUnderlay.
import { isIpv6, parseIp } from '../../router/address.js';
import {
  MAX_QUEUED_BYTES,
  type CloseReason,
  type DialFailure,
  type Network,
  type NetworkEvent,
  type NetworkSink,
} from '../../router/runtime/network.js';
import type { Ip, SocketAddress } from '../../router/types.js';
import { Stream, type StreamEnd } from './fake-stream.js';
import type { FakeUnderlay } from './fake-underlay.js';

/** When a call that nobody answers is repeated: as Linux does, after 1, 2, 4 … s. */
const FIRST_REPEAT_MS = 1_000;

export class FakeNetwork implements Network, StreamEnd {
  port: number;
  readonly #underlay: FakeUnderlay;
  readonly #addresses: readonly Ip[];
  readonly #sink: NetworkSink;
  /** What we send, by the number of the connection. */
  readonly #streams = new Map<number, Stream>();
  /** Closed by us, while what we sent is on its way: what comes is thrown away. */
  readonly #closing = new Set<number>();
  readonly #dials = new Set<number>();
  #lastAccepted = 0;
  #isUp = false;
  #isDeaf = false;

  constructor(underlay: FakeUnderlay, addresses: readonly Ip[], port: number, sink: NetworkSink) {
    this.#underlay = underlay;
    this.#addresses = addresses;
    this.#sink = sink;
    this.port = port;
  }

  listen(): Promise<{ readonly port: number }> {
    return new Promise((done) => done(this.#listenNow()));
  }

  dial(conn: number, host: string, port: number, timeoutMs: number): void {
    const literal = parseIp(host);
    const targets = literal === undefined ? this.#underlay.names.get(host) : [literal];
    this.close(conn);
    this.#dials.add(conn);
    if (targets === undefined) return this.#fail(conn, 'unresolvable', 0);
    const routes = targets.flatMap((ip) => {
      const from = this.#addressFor(ip);
      return from === undefined ? [] : [{ from, to: { ip, port } }];
    });
    if (routes.length === 0) return this.#fail(conn, 'unreachable', 0);
    this.#call(conn, routes, this.#underlay.now() + timeoutMs, FIRST_REPEAT_MS);
  }

  send(conn: number, bytes: Uint8Array): void {
    const stream = this.#streams.get(conn);
    if (stream === undefined) return;
    if (stream.queuedBytes + bytes.length <= MAX_QUEUED_BYTES) return stream.push(bytes);
    this.#reset(stream);
    this.#underlay.after(0, () => this.#closed(conn, 'slow peer'));
  }

  close(conn: number): void {
    this.#dials.delete(conn);
    const stream = this.#streams.get(conn);
    if (stream === undefined) return;
    this.#streams.delete(conn);
    this.#closing.add(conn);
    stream.push(undefined);
  }

  get isDeaf(): boolean {
    return this.#isDeaf;
  }

  /** While it is deaf, what others send to its streams piles up with them. */
  setDeaf(isDeaf: boolean): void {
    this.#isDeaf = isDeaf;
    if (isDeaf) return;
    for (const { far, farConn } of this.#streams.values()) far.hurry(farConn);
  }

  sendDatagram(to: SocketAddress, bytes: Uint8Array): void {
    const { wire, nat } = this.#underlay;
    const own = this.#addressFor(to.ip);
    if (!this.#isUp || own === undefined) return;
    const from = nat.leave({ ip: own, port: this.port }, to.ip);
    const there = nat.enter(to, from.ip);
    if (there === undefined) return;
    for (const copy of wire.datagram(own, there.ip, bytes))
      this.#underlay.after(copy.afterMs, () => {
        if (!wire.reaches(own, there.ip)) return;
        const host = this.#underlay.at(there);
        if (host !== undefined) host.#emit({ kind: 'datagram', from, bytes: copy.bytes });
      });
  }

  localAddresses(): readonly Ip[] {
    return this.#addresses;
  }

  counters(): Readonly<Record<string, number>> {
    return {};
  }

  stop(): Promise<void> {
    for (const stream of this.#streams.values()) this.#reset(stream);
    this.vanish();
    return Promise.resolve();
  }

  /** As when the power fails: nobody is told anything. Idempotent. */
  vanish(): void {
    for (const stream of this.#streams.values()) stream.abandon();
    this.#streams.clear();
    this.#dials.clear();
    this.#isUp = false;
    for (const ip of this.#addresses) this.#underlay.unplug(ip, this);
  }

  arrived(conn: number, bytes: Uint8Array | undefined): boolean {
    if (this.#streams.has(conn)) {
      if (bytes === undefined) this.#closed(conn, 'ended');
      else this.#emit({ kind: 'received', conn, bytes });
      return true;
    }
    return bytes === undefined || (this.#isUp && this.#closing.has(conn));
  }

  broke(conn: number, reason: CloseReason): void {
    this.#closing.delete(conn);
    this.#closed(conn, reason);
  }

  hurry(conn: number): void {
    this.#streams.get(conn)?.hurry();
  }

  finished(conn: number): void {
    this.#closing.delete(conn);
  }

  #listenNow(): { readonly port: number } {
    if (this.port === 0) this.port = this.#underlay.freePort();
    for (const ip of this.#addresses) this.#underlay.plug(ip, this);
    this.#isUp = true;
    return { port: this.port };
  }

  #addressFor(to: Ip): Ip | undefined {
    return this.#addresses.find((a) => isIpv6(a) === isIpv6(to));
  }

  /** Behind a NAT, or at one, nobody answers a call. */
  #call(conn: number, routes: readonly Route[], endAt: number, repeatMs: number): void {
    if (!this.#dials.has(conn)) return;
    const { nat } = this.#underlay;
    const isDeadEnd = (ip: Ip): boolean => nat.hides(ip) || nat.isOutside(ip);
    const open = routes.find(({ from, to }) => !isDeadEnd(to.ip) && this.#underlay.connects(from, to.ip));
    const leftMs = endAt - this.#underlay.now();
    const ms = open === undefined ? Infinity : this.#roundTrip(open);
    if (open !== undefined && ms <= leftMs) this.#underlay.after(ms, () => this.#connect(conn, open));
    else if (repeatMs >= leftMs) this.#fail(conn, 'timeout', leftMs);
    else this.#underlay.after(repeatMs, () => this.#call(conn, routes, endAt, repeatMs * 2));
  }

  #roundTrip({ from, to }: Route): number {
    return this.#underlay.delay(from, to.ip, 0) + this.#underlay.delay(to.ip, from, 0);
  }

  #connect(conn: number, { from, to }: Route): void {
    if (!this.#dials.delete(conn)) return;
    const host = this.#underlay.at(to);
    if (host === undefined) {
      this.#dials.add(conn);
      return this.#fail(conn, 'refused', 0);
    }
    const local = { ip: from, port: this.#underlay.freePort() };
    const [far, remote] = [--host.#lastAccepted, this.#underlay.nat.seen(local)];
    const epochs = this.#underlay.epochs(from, to.ip);
    this.#streams.set(conn, new Stream(this.#underlay, [from, this, conn], [to.ip, host, far], epochs));
    host.#streams.set(far, new Stream(this.#underlay, [to.ip, host, far], [from, this, conn], epochs));
    host.#emit({ kind: 'opened', conn: far, remote, local: to, outbound: false });
    this.#emit({ kind: 'opened', conn, remote: to, local, outbound: true });
  }

  #fail(conn: number, reason: DialFailure, afterMs: number): void {
    const emit = (): void => {
      if (this.#dials.delete(conn)) this.#emit({ kind: 'dialFailed', conn, reason, sentence: `fake: ${reason}` });
    };
    this.#underlay.after(afterMs, emit);
  }

  /** The other end hears of it if it can be reached; if not, when it next sends something. */
  #reset(stream: Stream): void {
    stream.abandon();
    this.#underlay.after(this.#underlay.delay(stream.from, stream.to, 0), () => {
      if (this.#underlay.passage(stream) === 'open') stream.far.broke(stream.farConn, 'reset');
    });
  }

  #closed(conn: number, reason: CloseReason): void {
    const stream = this.#streams.get(conn);
    if (stream === undefined) return;
    stream.abandon();
    this.#streams.delete(conn);
    this.#emit({ kind: 'closed', conn, reason });
  }

  #emit(ev: NetworkEvent): void {
    if (this.#isUp) this.#sink(ev);
  }
}

interface Route {
  readonly from: Ip;
  readonly to: SocketAddress;
}
